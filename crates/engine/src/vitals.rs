use std::collections::BTreeMap;

use tightrope_model::TableName;

use crate::{EngineError, SessionId};

/// How a server is doing, in one respect.
#[derive(Clone, Debug, PartialEq)]
pub enum Vital {
    /// A number as it is now.
    Level(f64),
    /// Counters that only grow, unless they are reset; `epoch` changes then, where the server says so.
    Totals {
        /// Each by its name.
        values: BTreeMap<String, f64>,
        /// What changes when they are reset.
        epoch: Option<String>,
    },
    /// There is nothing to count: no such statement is in the statistics. It has never run, or they have forgotten it.
    Absent {
        /// In words.
        why: String,
    },
}

/// The ability of a server to say how it is doing.
pub trait Vitals {
    /// Bounds how long each statement that follows may take, in milliseconds.
    ///
    /// # Errors
    /// When the connection breaks.
    fn bound_statements(&mut self, milliseconds: u64) -> Result<(), EngineError>;

    /// One of `deadlocks`, `rollbacks` (totals of this database, `count`), `waiting sessions` and `replication lag` (a level, the lag
    /// in seconds).
    ///
    /// # Errors
    /// When the server does not know it, or does not show it to this user: what cannot be seen is never zero.
    fn vital(&mut self, what: &str) -> Result<Vital, EngineError>;

    /// The statistics of all statements like a pattern, in which `%` stands for anything: totals of `calls`, `time` in milliseconds
    /// and `blocks`; [`Vital::Absent`] where none of them is known.
    ///
    /// # Errors
    /// When there are no such statistics.
    fn statement(&mut self, pattern: &str) -> Result<Vital, EngineError>;

    /// The sessions that wait for what that session has locked, or wants to lock before them.
    ///
    /// # Errors
    /// When the connection breaks.
    fn waiting_for(&mut self, session: &SessionId) -> Result<Vec<i64>, EngineError>;

    /// Cancels what that session is doing; its transaction can only be undone then. Whether the server could tell it so: a session that
    /// is gone hears nothing.
    ///
    /// # Errors
    /// When it is not ours to cancel.
    fn cancel(&mut self, session: &SessionId) -> Result<bool, EngineError>;

    /// Lets nobody else write to these tables until the transaction ends.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn hold_still(&mut self, tables: &[TableName]) -> Result<(), EngineError>;
}
