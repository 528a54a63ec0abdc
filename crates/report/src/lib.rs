//! Renders what the lifecycle gives back: as text for a person, as JSON for a program.
//!
//! One file per screen; each has a function that gives text and, where there is a result, one that gives JSON with the same
//! facts. Every screen answers what happened, whether one is safe, and what to do next.
//!
//! **Invariant:** nothing here prints, reads the environment or looks at the clock; nothing is said by colour alone.

mod apply;
mod backup;
mod changes;
mod check;
mod conflicts;
mod copy;
mod derived;
mod drill;
mod error;
mod events;
mod history;
mod keeps;
mod page;
mod place;
mod plan;
mod quarantine;
mod readiness;
mod rehearsal;
mod review;
mod rollback;
mod samples;
mod schedule;
mod seal;
mod selection;
mod status;
mod style;
mod watch;
mod words;
mod workload;

pub use apply::{applied, applied_json};
pub use backup::{
    backup_adopted, backup_adopted_json, backup_proven, backup_proven_json, backup_taken,
    backup_taken_json, backups, backups_json, pruned, pruned_json, restored, restored_cluster,
    restored_cluster_json, restored_json,
};
pub use changes::{carried, carried_json, logs_ended, logs_ended_json};
pub use check::{findings, findings_json};
pub use copy::{copy_made, copy_made_json};
pub use derived::{WrittenRollback, derived_json, derived_written, derived_written_json};
pub use drill::{drill, drill_json, drill_status, drill_status_json};
pub use error::{ErrorReport, error, error_json};
pub use events::{Loudness, event, loudness};
pub use history::{log, log_json};
pub use plan::{plan, plan_json};
pub use quarantine::{decided, decided_json, quarantine, quarantine_json, quarantined_row};
pub use rehearsal::{rehearsal, rehearsal_json};
pub use review::{review, review_json};
pub use rollback::{Gauges, rollback_plan, rollback_plan_json, rolled_back, rolled_back_json};
pub use schedule::DrillSchedule;
pub use seal::{seal_plan, seal_plan_json, sealed, sealed_json};
pub use status::{status, status_json};
pub use style::Style;
pub use watch::{watch_event, watch_look, watched, watched_json};
pub use workload::{captured, captured_json, upgraded, upgraded_json};

/// Finds the text of the line at a place, where it can be read: the caller reads files, this crate does not.
pub type Lines<'a> = &'a dyn Fn(&tightrope_model::Place) -> Option<String>;
