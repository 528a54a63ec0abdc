//! The life of a migration: plan, rehearse, apply, roll back; and where it stands.
//!
//! Commands are functions that take a [`Project`], return values and tell a [`Listener`] what happens on the way. Nothing here
//! prints, reads the environment or asks a question.
//!
//! **Invariants:** nothing runs in production without a journal entry written first; nothing is reported done before its effect
//! is durable; a script is run by `execute.rs` and nowhere else, in rehearsal and production alike.

mod events;
mod execute;
mod project;
mod rehearse;
mod situation;
mod verify;

pub use events::{Edges, Event, Listener, Silent};
pub use execute::{FailureReport, ScriptFailure};
pub use project::{FolderError, Policy, Project};
pub use rehearse::{
    MigrationRehearsal, RehearsalDifference, RehearseError, RehearseOptions, Rehearsed, Review, ReviewOptions, rehearse,
    review,
};
pub use situation::{Drift, Situation, SituationError, Standing, version_key};
