//! Putting a quarantined row back.

use rusqlite::Connection;
use rusqlite::types::Value;
use tightrope_engine::{EngineError, ErrorKind, Quarantined};

use super::json::values_of;
use super::live::Live;
use super::names::{list, sql};
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Inserts the row into the table that it names. Columns that the table has not are left out if they hold nothing.
pub(super) fn put_back(connection: &Connection, row: &Quarantined) -> Result<(), EngineError> {
    let values = values_of(&row.row)
        .ok_or_else(|| EngineError::new(ErrorKind::Other, "the kept row cannot be read"))?;
    let live = Live::read(connection, &row.table).map_err(from_sqlite)?;
    let live = live.ok_or_else(|| {
        EngineError::new(
            ErrorKind::DoesNotExist,
            format!("there is no table {} to put the row into", row.table),
        )
        .hint("make the table, or take the row from the quarantine by hand")
    })?;
    let has = |name: &String| {
        live.columns
            .iter()
            .any(|column| column.eq_ignore_ascii_case(name))
    };
    let (fits, other): (Vec<_>, Vec<_>) = values.into_iter().partition(|(name, _)| has(name));
    let lost: Vec<String> = other
        .into_iter()
        .filter(|(_, value)| *value != Value::Null)
        .map(|(name, _)| name)
        .collect();
    if !lost.is_empty() {
        return Err(EngineError::new(
            ErrorKind::DataViolation,
            format!(
                "table {} has no column {} for what the row holds",
                row.table,
                lost.join(", ")
            ),
        )
        .hint("add the column, or take the row from the quarantine by hand"));
    }
    let names = list(fits.iter().map(|(name, _)| quote_identifier(name)));
    let places = list((1..=fits.len()).map(|n| format!("?{n}")));
    let insert = format!(
        "insert into {} ({names}) values ({places})",
        sql(&row.table)
    );
    let values = fits.into_iter().map(|(_, value)| value);
    connection
        .execute(&insert, rusqlite::params_from_iter(values))
        .map(drop)
        .map_err(from_sqlite)
}
