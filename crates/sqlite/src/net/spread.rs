//! Keeping rows as they were, before the forward script.

use rusqlite::Connection;
use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable};
use tightrope_model::{Keep, NetPlan, TablePlan};

use super::about;
use super::live::Live;
use super::names::{list, own, sql};
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Keeps the rows of all tables of the plan. The write lock of the open transaction keeps everybody else out.
pub(super) fn spread(
    connection: &Connection,
    number: i64,
    plan: &NetPlan,
) -> Result<KeptNet, EngineError> {
    about::make(connection, number).map_err(from_sqlite)?;
    let mut tables = Vec::new();
    for table in &plan.tables {
        let live = Live::read(connection, &table.before)
            .map_err(from_sqlite)?
            .ok_or_else(|| not_as_planned(table))?;
        let rows = match table.keep {
            Keep::Nothing => None,
            Keep::Changed | Keep::Columns | Keep::Whole | Keep::Tombstone => {
                copy(connection, number, table, &live)?;
                Some(own(number, table, "rows"))
            }
        };
        about::keep(connection, number, table, "root", &live.root.to_string())
            .map_err(from_sqlite)?;
        keep_counter(connection, number, table).map_err(from_sqlite)?;
        tables.push(KeptTable {
            plan: table.clone(),
            rows,
            inserted: None,
            touched: None,
            set_aside: None,
        });
    }
    Ok(KeptNet { number, tables })
}

/// The table is not there, or has not the columns of the plan.
pub(super) fn not_as_planned(table: &TablePlan) -> EngineError {
    EngineError::new(
        ErrorKind::Other,
        format!("table {} is not as it was planned", table.before),
    )
    .hint("rehearse the migration again")
}

/// Copies the rows whole. The columns of the copy have no type, so that every value keeps its storage class; `r$` is the rowid,
/// and the names of its columns are nobody else's.
fn copy(
    connection: &Connection,
    number: i64,
    table: &TablePlan,
    live: &Live,
) -> Result<(), EngineError> {
    let names = live.kept_columns(table);
    if names.iter().any(|name| !live.columns.contains(name)) {
        return Err(not_as_planned(table));
    }
    let mut columns: Vec<String> = (1..=names.len()).map(|n| format!("c${n}")).collect();
    let mut values: Vec<String> = names.iter().map(|name| quote_identifier(name)).collect();
    let mut definitions = columns.clone();
    if let Some(rowid) = live.rowid.map(str::to_owned).or_else(|| live.alias.clone()) {
        columns.insert(0, "r$".to_owned());
        values.insert(0, quote_identifier(&rowid));
        definitions.insert(0, "r$ integer primary key".to_owned());
    }
    definitions.push("gone$ integer not null default 0".to_owned());
    let rows = sql(&own(number, table, "rows"));
    connection
        .execute_batch(&format!(
            "create table {rows} ({});
             insert into {rows} ({}) select {} from {}",
            list(&definitions),
            list(&columns),
            list(&values),
            sql(&table.before),
        ))
        .map_err(from_sqlite)
}

/// The counter of a table whose keys are never given twice goes with the table when it is dropped.
fn keep_counter(connection: &Connection, number: i64, table: &TablePlan) -> rusqlite::Result<()> {
    let counts: bool = connection.query_row(
        "select exists (select 1 from main.sqlite_schema where name = 'sqlite_sequence')",
        [],
        |row| row.get(0),
    )?;
    if !counts {
        return Ok(());
    }
    let mut statement =
        connection.prepare("select seq from main.sqlite_sequence where lower(name) = lower(?1)")?;
    let mut rows = statement.query([&table.before.name])?;
    if let Some(row) = rows.next()? {
        let counter: i64 = row.get(0)?;
        about::keep(connection, number, table, "counter", &counter.to_string())?;
    }
    Ok(())
}
