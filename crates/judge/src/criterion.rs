use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tightrope_model::Digest;

use crate::settings::Probe;

/// All that was agreed: for how long to watch, what to look at, what decides, and what then happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Criteria {
    /// For how long, in milliseconds.
    pub watch_ms: u64,
    /// For how long the baseline is taken before anything is applied, in milliseconds.
    pub baseline_ms: u64,
    /// Whether somebody has said for how long; else it depends on what there is to compare.
    #[serde(skip)]
    pub(crate) baseline_is_set: bool,
    /// What happens when a criterion fails.
    pub policy: Policy,
    /// The probe that shows that there is traffic at all; where it stands still, nothing passes.
    pub traffic: Option<String>,
    /// A program and its arguments that is run on every event, with the event as JSON on its stdin.
    pub hook: Vec<String>,
    /// An address that every event is posted to; `${NAME}` in it is an environment variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// What decides.
    pub criteria: Vec<Criterion>,
    /// What is looked at, by name.
    pub probes: BTreeMap<String, Probe>,
}

impl Criteria {
    /// The digest of all of it: what was agreed is what decides.
    pub fn digest(&self) -> Digest {
        let text = serde_json::to_string(self).unwrap_or_default();
        Digest::of_parts(["criteria 1", text.as_str()])
    }
}

/// What happens when a criterion fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The migration is rolled back, if the way back is open and loses nothing.
    #[default]
    Auto,
    /// A person is asked; where nobody is there, it is an alert.
    Ask,
    /// It is said and recorded, and nothing else.
    Alert,
}

impl Policy {
    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ask => "ask",
            Self::Alert => "alert",
        }
    }
}

/// One sentence, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// As it is written.
    pub text: String,
    /// What it means.
    pub condition: Condition,
}

/// What a criterion looks at, and when it fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Condition {
    /// It fails as soon as a value is beyond its limit.
    Limit {
        /// The probe.
        probe: String,
        /// Which of its values: `blocks per call`; none means its only one.
        measure: Option<String>,
        /// Over raw samples: which statistic; none means each sample by itself.
        stat: Option<Stat>,
        /// Which side is beyond.
        bound: Bound,
        /// The limit, in the probe's unit.
        value: f64,
        /// In how many looks one after the other it has to be beyond.
        looks: u32,
    },
    /// It fails when a statistic is certainly and by more than so much not what it was before.
    Change {
        /// The probe.
        probe: String,
        /// Which of its values; none means its only one.
        measure: Option<String>,
        /// Which statistic is compared.
        stat: Stat,
        /// Whether a rise fails, or a fall.
        bound: Bound,
        /// By more than how many percent.
        percent: f64,
        /// A probe that the migration does not touch: what happens to it, too, is not the migration's doing.
        against: Option<String>,
    },
    /// It fails when what was measured in the migration's transaction, before and after the script, is not the same.
    Invariant(Invariant),
}

impl Condition {
    /// The probes that it looks at.
    pub fn probes(&self) -> Vec<&str> {
        match self {
            Self::Limit { probe, .. } => vec![probe],
            Self::Change { probe, against, .. } => {
                let against = against.iter().map(String::as_str);
                std::iter::once(probe.as_str()).chain(against).collect()
            }
            Self::Invariant(Invariant::Probe { probe }) => vec![probe],
            Self::Invariant(_) => Vec::new(),
        }
    }
}

/// Which side of a limit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// More than it.
    Over,
    /// Less than it.
    Under,
}

/// A statistic of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stat {
    /// The mean.
    Mean,
    /// So many percent of the samples are below it; 50 is the median.
    Percentile(u8),
}

impl std::fmt::Display for Stat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Percentile(50) => f.write_str("median"),
            Self::Percentile(percent) => write!(f, "p{percent}"),
        }
    }
}

/// What must be the same right before and right after the forward script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum Invariant {
    /// A table's number of rows.
    Rows {
        /// The table, as it is written.
        table: String,
    },
    /// The sum of a column.
    Sum {
        /// The table; none where only one table has such a column.
        table: Option<String>,
        /// The column.
        column: String,
    },
    /// All values of a table.
    Checksum {
        /// The table.
        table: String,
    },
    /// What a query gives.
    Probe {
        /// The probe.
        probe: String,
    },
}
