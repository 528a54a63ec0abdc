use serde::{Deserialize, Serialize};

/// What a selective copy holds, for reports and certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionReport {
    /// The share of the rows in words, as in `5 %`; none where all rows are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// What decided which rows were picked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The tables with their rows, where a sample was taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<SampledTable>,
    /// The masked columns with their masks: `customers.email: keep format`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
}

/// How much of a table a sample holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledTable {
    /// The display name.
    pub table: String,
    /// Rows in the copy.
    pub rows: u64,
    /// Those of them that were not picked, but that others refer to.
    pub referred: u64,
    /// Rows in the source.
    pub of: u64,
    /// Whether `of` is an estimate of the source's statistics.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl SelectionReport {
    /// Whether it is of a sample, so that what is in the other rows was not seen.
    pub fn is_sample(&self) -> bool {
        self.sample.is_some()
    }

    /// The rows of all tables, in the copy and in the source.
    pub fn rows(&self) -> (u64, u64) {
        let sum = |part: fn(&SampledTable) -> u64| self.tables.iter().map(part).sum();
        (sum(|table| table.rows), sum(|table| table.of))
    }

    /// Rows of a table, in the copy and in the source.
    pub fn rows_of(&self, table: &str) -> Option<(u64, u64)> {
        let found = self.tables.iter().find(|one| one.table == table);
        found.map(|one| (one.rows, one.of))
    }
}
