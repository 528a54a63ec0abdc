//! The rows that the old schema cannot hold: the gauge counts them, and taking out takes them, both in the same words.

use rusqlite::Connection;
use rusqlite::types::Value;
use tightrope_engine::{EngineError, KeptNet, KeptTable, Window};

use super::key::Key;
use super::{dangling, orphans, references, trial};

/// A row that does not fit.
#[derive(Clone, Debug)]
pub(super) struct Misfit {
    /// Its identity now.
    pub(super) now: Vec<Value>,
    /// The identity with which it began, if it was there before.
    pub(super) began: Option<Vec<Value>>,
    /// What it breaks, in words.
    pub(super) breaks: String,
    /// What becomes of the row that it was before.
    pub(super) before: Before,
}

/// What becomes of a row of before whose row does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// It takes the place.
    ComesBack,
    /// It does not fit any more either, and is put aside, too.
    LosesItsPlace,
    /// It goes: what it referred to has gone.
    Goes,
}

/// Those of one table.
pub(super) fn of_table(
    connection: &Connection,
    kept: &KeptNet,
    table: &KeptTable,
    key: &Key,
    window: &Window<'_>,
) -> Result<Vec<Misfit>, EngineError> {
    let mut found = trial::misfits(connection, table, key, window)?;
    for misfit in of_foreign_keys(connection, kept, table, key, (window, true))? {
        if !found.iter().any(|known| known.now == misfit.now) {
            found.push(misfit);
        }
    }
    Ok(found)
}

/// Those of one table that foreign keys of before do not allow, where they are enforced; the first time, or once rows were
/// taken out.
pub(super) fn of_foreign_keys(
    connection: &Connection,
    kept: &KeptNet,
    table: &KeptTable,
    key: &Key,
    (window, first): (&Window<'_>, bool),
) -> Result<Vec<Misfit>, EngineError> {
    if !key.is_known() || table.plan.after.is_none() || !references::are_enforced(connection)? {
        return Ok(Vec::new());
    }
    let mut found = orphans::standing(connection, kept, table, key, (window, first))?;
    found.extend(dangling::rows(connection, kept, table, key, window)?);
    Ok(found)
}
