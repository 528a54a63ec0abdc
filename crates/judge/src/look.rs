use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What all probes saw at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Whether the migration was applied by then; the looks before are the baseline.
    pub after: bool,
    /// For how long was being watched by then, in milliseconds; the baseline counts by itself. Taken from a clock that no
    /// correction of the time moves.
    pub elapsed_ms: u64,
    /// What was seen, by probe; a probe that was not due is not in it.
    pub seen: BTreeMap<String, Observation>,
    /// Whether the watcher itself could not reach the target: that a probe on it gave nothing then is no news of the migration.
    #[serde(default)]
    pub unreachable: bool,
}

/// What one probe saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Observation {
    /// A number as it is now.
    Level {
        /// The number.
        value: f64,
    },
    /// Raw samples that have come since the look before.
    Samples {
        /// Each of them.
        values: Vec<f64>,
        /// Up to where they were read, for the next look.
        cursor: Option<String>,
    },
    /// Counters that only grow, unless they are reset.
    Totals {
        /// Each by its name.
        values: BTreeMap<String, f64>,
        /// Changes when the counters are reset.
        epoch: Option<String>,
    },
    /// What was measured on both sides of the forward script.
    Both {
        /// Before it.
        before: String,
        /// After it.
        after: String,
    },
    /// The probe did not work.
    Failed(Failure),
}

/// Why a probe gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In which way.
    pub kind: FailureKind,
    /// In words.
    pub why: String,
}

/// In which way a probe fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// It gave an error, or could not be reached.
    Down,
    /// It did not answer in time.
    Slow,
    /// What it gave is no number.
    NotANumber,
    /// Its statement is not in the statistics: it has not run, or they have forgotten it.
    Absent,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            FailureKind::Down => "does not work",
            FailureKind::Slow => "does not answer in time",
            FailureKind::NotANumber => "gives no number",
            FailureKind::Absent => "has nothing to count",
        };
        write!(f, "{kind}: {}", self.why)
    }
}

impl Observation {
    /// A level, or the failure that a number which is none makes it.
    pub fn level(value: f64) -> Self {
        match value.is_finite() {
            true => Self::Level { value },
            false => Self::Failed(Failure {
                kind: FailureKind::NotANumber,
                why: format!("it gave {value}"),
            }),
        }
    }
}
