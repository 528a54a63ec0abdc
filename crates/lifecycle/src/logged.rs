//! Change logs of backups, when tightrope changes the schema of a database that is logged.

use tightrope_engine::{EngineError, Session};

/// Before a script, in its transaction: every log notes that the schema changes from here on.
pub(crate) fn before_script(session: &mut dyn Session, label: &str) -> Result<(), EngineError> {
    match session.changes() {
        Some(changes) => changes.before_script(label),
        None => Ok(()),
    }
}

/// After it, in the same transaction: every log goes on with the tables as they are now.
pub(crate) fn after_script(session: &mut dyn Session) -> Result<(), EngineError> {
    match session.changes() {
        Some(changes) => changes.after_script(),
        None => Ok(()),
    }
}

/// Frees the logs that a copy has brought along.
pub(crate) fn free(session: &mut dyn Session) -> Result<(), EngineError> {
    match session.changes() {
        Some(changes) => changes.end_all(),
        None => Ok(()),
    }
}
