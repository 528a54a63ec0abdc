use serde::Serialize;
use tightrope_engine::{EngineError, UnknownScheme};
use tightrope_model::{Differences, Finding};
use tightrope_store::StoreError;

use crate::backup::BackupError;
use crate::execute::ScriptFailure;
use crate::net::{NoRoom, OutsideThePlan};
use crate::project::FolderError;
use crate::rehearse::{RehearseError, Rehearsed};
use crate::run::RunError;
use crate::situation::{Drift, SituationError};
use crate::watch::Broken;

/// What applying did.
#[derive(Clone, Debug, Serialize)]
pub struct Applied {
    /// The migrations that were applied, in order.
    pub migrations: Vec<AppliedOne>,
    /// What an interrupted run had left, and what was done about it.
    pub recovered: Option<String>,
}

/// One migration that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppliedOne {
    /// The version as written.
    pub version: String,
    /// The name.
    pub name: String,
    /// How long its script took, in milliseconds.
    pub forward_ms: u64,
    /// Whether its way back is proven by a certificate.
    pub certified: bool,
    /// How often it was tried until its locks were granted.
    pub tries: u32,
    /// The schema after it, where it was measured.
    pub fingerprint: Option<String>,
}

/// How a failed run left the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "left", rename_all = "kebab-case")]
pub enum Left {
    /// As it was before the migration that failed; those before it are applied.
    Unchanged {
        /// How many migrations of the run are applied.
        applied: usize,
    },
    /// The steps that were done have been undone, and the schema proven to be that of before.
    Undone {
        /// How many migrations of the run are applied.
        applied: usize,
    },
    /// Steps are done that could not be undone; the journal knows which.
    Interrupted {
        /// How many steps are done.
        done: usize,
        /// How many there are.
        of: usize,
        /// Why they could not be undone.
        because: String,
    },
    /// The connection broke at the commit, and the database cannot be asked.
    Unknown,
}

/// The error of applying.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The policy asks for a backup or a drill.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
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
    /// Rehearsing.
    #[error(transparent)]
    Rehearse(#[from] RehearseError),
    /// Applied migrations were changed in the folder.
    #[error("{} changed after {} applied: {}", scripts(labels), was(labels), labels.join(", "))]
    Changed {
        /// Which.
        labels: Vec<String>,
    },
    /// Others changed the schema.
    #[error("the database drifted: its schema is not what the last migration left")]
    Drifted(Box<Drift>),
    /// There is no fresh certificate.
    #[error("the way back is not proven: {}", reasons.iter().map(|(label, why)| format!("{label}: {why}")).collect::<Vec<_>>().join("; "))]
    NotProven {
        /// Which migrations, and why.
        reasons: Vec<(String, String)>,
        /// The rehearsal that did not pass, if one was made.
        rehearsed: Option<Box<Rehearsed>>,
    },
    /// The database changed between the proof and the run.
    #[error("the database changed while the migrations were being prepared")]
    MovedOn,
    /// A statement failed.
    #[error("failed to apply migration `{migration}`")]
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
        /// How the database was left.
        left: Left,
    },
    /// The schema that came out is not the one that was rehearsed.
    #[error("migration `{migration}` gave another schema than in its rehearsal")]
    NotAsRehearsed {
        /// Its label.
        migration: String,
        /// What differs, if the rehearsed schema is known.
        differences: Option<Differences>,
        /// How the database was left.
        left: Left,
    },
    /// The script wrote to tables whose rows were not kept, because the rehearsal had not seen that.
    #[error("migration `{migration}` goes beyond what was rehearsed")]
    OutsideThePlan {
        /// Its label.
        migration: String,
        /// Where.
        #[source]
        outside: OutsideThePlan,
    },
    /// The net may not be spread.
    #[error("cannot spread the net for migration `{migration}`")]
    NoRoom {
        /// Its label.
        migration: String,
        /// Why.
        #[source]
        because: NoRoom,
    },
    /// Names under `[fill]` that the schema before the migration does not have, or expressions that mean nothing after it.
    #[error("migration `{migration}` cannot be filled as its metadata.toml says")]
    BadFill {
        /// Its label.
        migration: String,
        /// Which.
        findings: Vec<Finding>,
        /// How the database was left.
        left: Left,
    },
    /// A rollback is half done.
    #[error("a rollback was interrupted and must be finished first")]
    RollbackOpen,
    /// An interrupted migration's script was changed where it had already run.
    #[error(
        "migration `{migration}` was interrupted, and the part of its script that has run was changed since"
    )]
    ResumeChanged {
        /// Its label.
        migration: String,
    },
    /// A criterion says that something must be equal before and after, and it is not.
    #[error("`{migration}` was rolled back by itself: the criterion `{}` fails, {} before and {} after", .broken.criterion, .broken.before, .broken.after)]
    Invariant {
        /// Its label.
        migration: String,
        /// The criterion.
        broken: Broken,
    },
    /// The connection broke at a commit.
    #[error("the connection broke while `{migration}` was being committed")]
    OutcomeUnknown {
        /// Its label.
        migration: String,
        /// The break.
        #[source]
        error: EngineError,
    },
}

fn scripts(labels: &[String]) -> &'static str {
    if labels.len() == 1 {
        "the forward script of a migration was"
    } else {
        "forward scripts were"
    }
}

fn was(labels: &[String]) -> &'static str {
    if labels.len() == 1 {
        "it was"
    } else {
        "they were"
    }
}
