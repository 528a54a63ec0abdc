use serde::Serialize;
use tightrope_model::{DataDifference, Difference, Footprint, Verdict, grouped};
use tightrope_store::Certificate;

use crate::execute::FailureReport;

/// One thing that did not come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "in", rename_all = "lowercase")]
pub enum RehearsalDifference {
    /// Of the schema.
    Schema {
        /// In words.
        text: String,
        /// As data.
        #[serde(flatten)]
        difference: Difference,
    },
    /// Of a table's rows.
    Data {
        /// In words.
        text: String,
        /// As data.
        #[serde(flatten)]
        difference: DataDifference,
    },
    /// Between the first and the second forward run.
    Again {
        /// In words.
        text: String,
    },
}

impl RehearsalDifference {
    /// A difference of the schema.
    pub fn schema(difference: &Difference) -> Self {
        Self::Schema {
            text: difference.to_string(),
            difference: difference.clone(),
        }
    }

    /// A difference of a table's rows.
    pub fn data(difference: &DataDifference) -> Self {
        Self::Data {
            text: data_in_words(difference),
            difference: difference.clone(),
        }
    }

    /// A difference between the first and the second forward run.
    pub fn again(difference: String) -> Self {
        Self::Again {
            text: format!("second time: {difference}"),
        }
    }

    /// The difference in words.
    pub fn text(&self) -> &str {
        match self {
            Self::Schema { text, .. } | Self::Data { text, .. } | Self::Again { text } => text,
        }
    }
}

fn data_in_words(difference: &DataDifference) -> String {
    let of = grouped(difference.rows_before);
    let mut parts = Vec::new();
    if difference.changed > 0 {
        let columns: Vec<String> = difference
            .columns
            .iter()
            .map(|column| format!("`{column}`"))
            .collect();
        let verb = if difference.changed == 1 {
            "differs"
        } else {
            "differ"
        };
        parts.push(format!(
            "{} of {of} rows {verb} in {}",
            grouped(difference.changed),
            columns.join(", ")
        ));
    }
    if difference.missing > 0 {
        let verb = if difference.missing == 1 { "is" } else { "are" };
        parts.push(format!(
            "{} of {of} rows {verb} missing",
            grouped(difference.missing)
        ));
    }
    if difference.extra > 0 {
        let words = if difference.extra == 1 {
            "row was"
        } else {
            "rows were"
        };
        parts.push(format!(
            "{} {words} not there before",
            grouped(difference.extra)
        ));
    }
    format!("table {}: {}", difference.table, parts.join(", "))
}

/// What the rehearsal of one migration found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationRehearsal {
    /// The version as written.
    pub version: String,
    /// The name.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What did not come back.
    pub differences: Vec<RehearsalDifference>,
    /// The statement that failed, if one did.
    pub failure: Option<FailureReport>,
    /// Why the verdict is what it is, in one sentence.
    pub because: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Things worth knowing that change no verdict.
    pub remarks: Vec<String>,
    /// How long the forward script took, in milliseconds.
    pub forward_ms: u64,
    /// How long the rollback took, in milliseconds; none if it did not run.
    pub rollback_ms: Option<u64>,
    /// What the forward script touched.
    pub footprint: Footprint,
    /// The certificate, if it was earned.
    #[serde(skip)]
    pub certificate: Option<Certificate>,
}
