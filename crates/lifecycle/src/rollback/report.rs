use serde::Serialize;
use tightrope_engine::{EngineError, Gauge, Merged, Quarantined, UnknownScheme};
use tightrope_inverse::Loss;
use tightrope_model::{Differences, ObjectId, Version};
use tightrope_store::{ForwardImage, StoreError};

use crate::execute::ScriptFailure;
use crate::net::Way;
use crate::run::RunError;
use crate::situation::{Drift, SituationError};

/// How a schema came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Return {
    /// To the letter.
    Exact,
    /// In all that it means; column order or text differ.
    Logical,
    /// It differs: a person had decided to go on, or it went in steps that cannot be undone. It is on the record.
    Differs,
    /// Nobody measured what it was.
    Unmeasured,
}

/// What rolling back did.
#[derive(Clone, Debug, Serialize)]
pub struct RolledBack {
    /// The migrations that were rolled back, in order.
    pub migrations: Vec<RolledBackOne>,
    /// What an interrupted run had left, and what was done about it.
    pub recovered: Option<String>,
}

/// One migration that was rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolledBackOne {
    /// The version as written.
    pub version: String,
    /// The name.
    pub name: String,
    /// How long its script took, in milliseconds.
    pub rollback_ms: u64,
    /// How the schema came back.
    pub schema: Return,
    /// The schema now.
    pub fingerprint: String,
    /// What the net did, where one was spread.
    pub net: Option<NetReturn>,
}

/// What the net did in a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetReturn {
    /// Which script led back.
    pub way: Way,
    /// Why the written script did not, if it failed.
    pub instead_of: Option<String>,
    /// What became of the rows.
    #[serde(flatten)]
    pub merged: Merged,
    /// Rows that went to quarantine.
    pub quarantined: Vec<Quarantined>,
    /// What cannot come back exactly.
    pub losses: Vec<Loss>,
    /// What was written where only the new schema has a place: kept until the migration is applied again, or sealed.
    pub images: Vec<ForwardImage>,
    /// Tables that others have made since, which were left alone.
    pub left_alone: Vec<String>,
}

/// The error of rolling back. Whatever it is, the database is as it was, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The target.
    #[error(transparent)]
    Situation(#[from] SituationError),
    /// The engine.
    #[error("cannot work on the database")]
    Engine(#[from] EngineError),
    /// tightrope's own tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Getting the run going.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The version is not applied.
    #[error("the version {0} is not applied")]
    UnknownVersion(Version),
    /// There is nothing to run.
    #[error("migration `{migration}` has no rollback script")]
    NoScript {
        /// Its label.
        migration: String,
    },
    /// Others changed the schema.
    #[error("the database drifted: its schema is not what the last migration left")]
    Drifted(Box<Drift>),
    /// The database changed between the look and the run.
    #[error("the database changed while the rollback was being prepared")]
    MovedOn,
    /// A statement failed.
    #[error("failed to roll back migration `{migration}`")]
    Script {
        /// Its label.
        migration: String,
        /// The failure.
        #[source]
        failure: Box<ScriptFailure>,
        /// How often it was tried.
        tries: u32,
        /// For how long, in milliseconds.
        tried_ms: u64,
        /// How many steps are done and durable, where the script is not one transaction.
        steps_done: Option<usize>,
    },
    /// A derived statement failed.
    #[error(
        "failed to roll back migration `{migration}` by its derived rollback, at `{statement}`"
    )]
    Derived {
        /// Its label.
        migration: String,
        /// The statement, cut to a readable length.
        statement: String,
        /// What the engine said.
        #[source]
        error: EngineError,
        /// How often it was tried.
        tries: u32,
        /// For how long, in milliseconds.
        tried_ms: u64,
    },
    /// Others have made what holds values and would go with them.
    #[error("the rollback of `{migration}` would drop what others have made since: {}", .things.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    MadeByOthers {
        /// Its label.
        migration: String,
        /// What.
        things: Vec<ObjectId>,
    },
    /// Rows written since stand in the way, and the caller wants to stop then.
    #[error("{} written since `{migration}` cannot be held by the schema of before", rows_in_words(.gauge.in_conflict()))]
    Conflicts {
        /// Its label.
        migration: String,
        /// Which rows.
        gauge: Gauge,
    },
    /// Rows that nobody touched are not what they were.
    #[error("failed to roll back migration `{migration}`: {tables}")]
    RowsDiffer {
        /// Its label.
        migration: String,
        /// The tables with their numbers of rows.
        tables: String,
    },
    /// The window was ended.
    #[error("migration `{migration}` was sealed at {at}: its way back has ended")]
    Sealed {
        /// Its label.
        migration: String,
        /// When.
        at: String,
    },
    /// The schema is not that of before.
    #[error("the rollback of `{migration}` does not bring the schema back")]
    NotRestored {
        /// Its label.
        migration: String,
        /// What differs, if the schema of before was kept.
        differences: Option<Differences>,
    },
    /// An interrupted migration cannot be undone.
    #[error("the interrupted migration `{migration}` cannot be undone: {because}")]
    NotUndone {
        /// Its label.
        migration: String,
        /// Why.
        because: String,
    },
    /// The connection broke at a commit.
    #[error("the connection broke while the rollback was being committed")]
    OutcomeUnknown(#[source] EngineError),
}

fn rows_in_words(rows: u64) -> String {
    match rows {
        1 => "1 row".to_owned(),
        rows => format!("{} rows", tightrope_model::grouped(rows)),
    }
}
