//! How a row is told from the others while the window is open.
//!
//! The *identity* of a row is its key after the migration: the key that both sides have, else the key that the table has now,
//! else its rowid. Each kept row holds, from the instant in which the window opens, the identity that it has there (its
//! *origin*), or the mark that it is gone.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tightrope_engine::{EngineError, ErrorKind, KeptTable};

use super::about;
use super::names::of;
use crate::error::from_sqlite;

/// One column of the identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Its name in the schema after; of the rowid, a name that no column has taken.
    pub(super) after: String,
    /// Its name in the schema before; none if it was not there.
    pub(super) before: Option<String>,
    /// The column of the kept rows that holds it.
    pub(super) kept: String,
}

/// The identity of a table's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) parts: Vec<Part>,
    /// Columns (of before, after) that tell whether the place of a row that is gone was taken.
    pub(super) place: Vec<(String, String, String)>,
}

impl Key {
    /// Keeps it with the net.
    pub(super) fn keep(
        &self,
        connection: &Connection,
        number: i64,
        table: &KeptTable,
    ) -> Result<(), EngineError> {
        let text = serde_json::to_string(self).unwrap_or_default();
        about::keep(connection, number, &table.plan, "key", &text).map_err(from_sqlite)
    }

    /// The identity that was decided when the window opened; empty if rows cannot be told apart, or nobody watches.
    pub(super) fn read(
        connection: &Connection,
        number: i64,
        table: &KeptTable,
    ) -> Result<Self, EngineError> {
        match about::read(connection, number, &table.plan, "key").map_err(from_sqlite)? {
            None => Ok(Self::default()),
            Some(text) => serde_json::from_str(&text).map_err(|error| {
                EngineError::new(ErrorKind::Other, "the net's own notes cannot be read")
                    .detail(error.to_string())
            }),
        }
    }

    /// The values of a row of the table after, without the column's affinity, so that the net's indexes serve.
    pub(super) fn after(&self, alias: &str) -> Vec<String> {
        let parts = self.parts.iter();
        parts
            .map(|part| format!("+{}", of(alias, &part.after)))
            .collect()
    }

    /// The values of a row of the table before; none if it had not all of the columns.
    pub(super) fn before(&self, alias: &str) -> Option<Vec<String>> {
        let parts = self.parts.iter();
        parts
            .map(|part| Some(format!("+{}", of(alias, part.before.as_deref()?))))
            .collect()
    }

    /// The columns of a net's table that begin with that letter: `k$1`, `k$2`.
    pub(super) fn own(&self, alias: &str, letter: &str) -> Vec<String> {
        let numbers = 1..=self.parts.len();
        let dot = if alias.is_empty() { "" } else { "." };
        numbers
            .map(|number| format!("{alias}{dot}{letter}${number}"))
            .collect()
    }

    /// The columns of the kept rows that hold the origin.
    pub(super) fn kept(&self, alias: &str) -> Vec<String> {
        let parts = self.parts.iter();
        parts.map(|part| of(alias, &part.kept)).collect()
    }

    /// Whether rows can be told apart.
    pub(super) fn is_known(&self) -> bool {
        !self.parts.is_empty()
    }
}

/// Each left value with its right one.
pub(super) fn equal(left: &[String], right: &[String]) -> String {
    let pairs = left.iter().zip(right);
    super::names::all(pairs.map(|(left, right)| format!("{left} = {right}")))
}
