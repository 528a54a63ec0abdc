use serde::{Deserialize, Serialize};

/// What a criterion says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds, on enough data.
    Pass,
    /// It does not hold.
    Fail,
    /// There is data, and it says neither.
    Inconclusive,
    /// There is not enough data to say anything.
    NoData,
}

impl Verdict {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NoData => "no data",
        }
    }
}

/// A criterion's verdict, with all that it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// The criterion, as it is written.
    pub criterion: String,
    /// What it says.
    pub verdict: Verdict,
    /// The value now, for people: `+3.1 %`; empty where there is none.
    pub value: String,
    /// What it is measured by: `limit +20 %`.
    pub limit: String,
    /// How many samples it rests on.
    pub samples: u64,
    /// How likely so much would be by chance, where that was asked.
    pub p: Option<f64>,
    /// Why it is not a pass.
    pub because: Option<String>,
    /// The last values, oldest first.
    pub history: Vec<f64>,
}

/// What follows from all rulings together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision {
    /// Nothing has failed, and the time is not over.
    GoOn,
    /// The time is over, and every criterion passes.
    Keep,
    /// A criterion fails.
    Fail {
        /// Which ones, with their reasons.
        because: Vec<String>,
    },
    /// The time is over, nothing fails, and not everything passes.
    Undecided {
        /// What is missing.
        because: Vec<String>,
    },
}
