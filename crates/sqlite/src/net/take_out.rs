//! Rows that cannot stay: written ones that the old schema cannot hold, and those of before that have lost their place.

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet, KeptTable, Quarantined, Window};

use super::json::row_of;
use super::key::Key;
use super::names::{list, sql};
use super::terms::{Shape, Terms};
use crate::error::from_sqlite;

/// Takes them out of their tables, and gives them whole.
pub(super) fn take_out(
    connection: &Connection,
    kept: &KeptNet,
    _window: &Window<'_>,
) -> Result<Vec<Quarantined>, EngineError> {
    let mut quarantined = Vec::new();
    for table in &kept.tables {
        let key = Key::read(connection, kept.number, table)?;
        if let Some(terms) = Terms::of(table, &key, Shape::After) {
            quarantined.extend(displaced(connection, table, &terms)?);
        }
    }
    Ok(quarantined)
}

/// Rows of before that the migration deleted and whose place the application has given to others.
fn displaced(
    connection: &Connection,
    table: &KeptTable,
    terms: &Terms<'_>,
) -> Result<Vec<Quarantined>, EngineError> {
    let plan = &table.plan;
    let (Some(rows), Some(after)) = (&table.rows, &plan.after) else {
        return Ok(Vec::new());
    };
    if !terms.has_rows() {
        return Ok(Vec::new());
    }
    let lost = terms.lost_its_place(&sql(after));
    let names: Vec<&str> = plan
        .columns
        .iter()
        .map(|column| column.before.as_str())
        .collect();
    let values = list((1..=names.len()).map(|n| format!("p.c${n}")));
    let read = || {
        let query = format!("select {values} from {} p where {lost}", sql(rows));
        let mut statement = connection.prepare(&query)?;
        let found = statement.query_map([], |row| row_of(&names, row))?;
        let found = found.collect::<rusqlite::Result<Vec<String>>>()?;
        drop(statement);
        connection.execute(
            &format!("update {} as p set gone$ = 2 where {lost}", sql(rows)),
            [],
        )?;
        Ok(found)
    };
    let found = read().map_err(from_sqlite)?;
    let quarantined = found.into_iter().map(|row| Quarantined {
        table: after.clone(),
        reason: "the migration deleted this row, and its key is taken by another".to_owned(),
        row,
    });
    Ok(quarantined.collect())
}
