use serde::Serialize;
use tightrope_inverse::Loss;
use tightrope_model::{Change, DataDifference, Difference, Footprint, NetPlan, Verdict, grouped};
use tightrope_store::{Certificate, Extrapolation};

use crate::execute::FailureReport;
use crate::workload::WorkloadTrial;

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
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// What the net would keep.
    pub net: Option<NetPlan>,
    /// How the derived rollback did, if it was rehearsed.
    pub derived: Option<DerivedRehearsal>,
    /// What the queries of the application have to say; none if none were tried.
    pub workload: Option<WorkloadTrial>,
    /// What the times say of all rows, where they were measured on a sample; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extrapolated: Option<Extrapolation>,
    /// The certificate, if it was earned.
    #[serde(skip)]
    pub certificate: Option<Certificate>,
}

/// What the rehearsal of a derived rollback found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DerivedRehearsal {
    /// The verdict.
    pub verdict: Verdict,
    /// Why the verdict is what it is, in one sentence.
    pub because: String,
    /// What did not come back.
    pub differences: Vec<RehearsalDifference>,
    /// What cannot be inverted exactly.
    pub losses: Vec<Loss>,
    /// How long it took, in milliseconds.
    pub rollback_ms: u64,
    /// The derived rollback as a script to read and to keep.
    pub script: String,
}

impl DerivedRehearsal {
    /// Whether it does better than a rollback with that verdict.
    pub fn is_better_than(&self, written: Verdict) -> bool {
        let rank = |verdict: Verdict| match verdict {
            Verdict::Exact => 3,
            Verdict::ColumnOrder => 2,
            verdict if verdict.passes() => 1,
            _ => 0,
        };
        rank(self.verdict) > rank(written)
    }
}

/// What to do about an object of the schema that did not come back.
pub(super) fn how_to_restore(difference: &Difference) -> String {
    let object = &difference.object;
    match difference.change {
        Change::Added => format!("let the rollback script drop {object}"),
        Change::Removed => format!("let the rollback script make {object} again"),
        Change::Attribute { .. } => {
            format!("let the rollback script change {object} back to what it was")
        }
    }
}

/// What to do about rows that did not come back.
pub(super) fn how_to_keep(difference: &DataDifference) -> String {
    let table = &difference.table;
    if difference.changed == 0 && difference.missing == 0 {
        return format!(
            "let the rollback script delete the rows of {table} that the forward script inserts"
        );
    }
    let what = match &difference.columns[..] {
        _ if difference.changed == 0 => format!("the rows of {table}"),
        [] => format!("the values of {table}"),
        columns => {
            let named = columns
                .iter()
                .take(3)
                .map(|column| format!("{table}.{column}"));
            named.collect::<Vec<_>>().join(", ")
        }
    };
    format!(
        "keep {what} in a side table before the forward script destroys it, and let the rollback restore it from there"
    )
}
