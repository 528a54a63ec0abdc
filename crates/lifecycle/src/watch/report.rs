use serde::Serialize;
use tightrope_engine::{EngineError, UnknownScheme};
use tightrope_judge::Ruling;
use tightrope_model::{Digest, Finding};
use tightrope_store::{Holder, StoreError};

use crate::rollback::{RollbackError, RolledBack};
use crate::run::RunError;
use crate::situation::SituationError;

/// How a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every criterion passed: the migrations stay.
    Kept,
    /// A criterion failed, and the migrations were rolled back.
    RolledBack,
    /// Somebody rolled back meanwhile.
    RolledBackByHand,
    /// A criterion failed, and nothing was rolled back: a person has to decide.
    Alert,
    /// The time is over, nothing failed, and not everything passed: a person has to decide.
    Undecided,
    /// Nothing was applied.
    NotApplied,
}

impl Outcome {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::RolledBack => "rolled-back",
            Self::RolledBackByHand => "rolled-back-by-hand",
            Self::Alert => "alert",
            Self::Undecided => "undecided",
            Self::NotApplied => "not-applied",
        }
    }
}

/// What watching came to.
#[derive(Clone, Debug, Serialize)]
pub struct Watched {
    /// The migrations' labels.
    pub migrations: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub because: Vec<String>,
    /// Why nothing was rolled back although a criterion failed.
    pub not_rolled_back: Option<String>,
    /// The last rulings.
    pub rulings: Vec<Ruling>,
    /// For how long was watched, in milliseconds.
    pub watched_ms: u64,
    /// How many looks were taken.
    pub looks: usize,
    /// What the rollback did.
    pub rolled_back: Option<RolledBack>,
    /// The criteria's digest.
    pub digest: Digest,
}

/// The error of watching.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The target.
    #[error(transparent)]
    Situation(#[from] SituationError),
    /// The engine.
    #[error("cannot watch the database")]
    Engine(#[from] EngineError),
    /// tightrope's own tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Getting a run going.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Preparing the rollback.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// The criteria do not add up.
    #[error("the criteria cannot be understood")]
    Criteria(Vec<Finding>),
    /// There are no criteria.
    #[error("there are no criteria to watch by")]
    NoCriteria,
    /// A criterion cannot be measured here.
    #[error("the criterion `{criterion}` cannot be measured: {because}")]
    NotMeasurable {
        /// The criterion.
        criterion: String,
        /// Why.
        because: String,
    },
    /// An environment variable that the criteria name is not set.
    #[error("{by} needs the environment variable {name}, which is not set")]
    Variable {
        /// What needs it.
        by: String,
        /// The variable.
        name: String,
    },
    /// A probe gave nothing in the whole baseline.
    #[error("the probe `{probe}` {because}")]
    Blind {
        /// Which.
        probe: String,
        /// Why.
        because: String,
    },
    /// Another process watches.
    #[error("another process is watching: {by}, for {seconds} s")]
    Held {
        /// Who.
        by: Holder,
        /// For how many seconds.
        seconds: i64,
    },
    /// Whether the rollback has happened cannot be read.
    #[error(
        "the rollback was begun, and whether it has happened cannot be asked any more: {because}"
    )]
    InDoubt {
        /// What the rollback said.
        because: String,
    },
    /// A migration of the watch is half applied.
    #[error("a migration that was to be watched is half applied")]
    HalfDone,
    /// A watch was left by a process that is gone.
    #[error("a watch of {migrations} was left open")]
    Open {
        /// The migrations.
        migrations: String,
    },
}
