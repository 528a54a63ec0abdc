//! What the net has to know of itself later, in a small table of its own.

use rusqlite::{Connection, OptionalExtension};
use tightrope_model::TablePlan;

use super::names::{prefix, sql};
use tightrope_model::TableName;

fn table(number: i64) -> String {
    sql(&TableName::new("", format!("{}about", prefix(number))))
}

/// Makes the table.
pub(super) fn make(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "create table {} (part integer not null, item text not null, value text, primary key (part, item)) without rowid",
        table(number)
    ))
}

/// Keeps a fact about a table of the plan.
pub(super) fn keep(
    connection: &Connection,
    number: i64,
    plan: &TablePlan,
    item: &str,
    value: &str,
) -> rusqlite::Result<()> {
    let part = i64::try_from(plan.number).unwrap_or(i64::MAX);
    let sql = format!(
        "insert or replace into {} values (?1, ?2, ?3)",
        table(number)
    );
    connection.execute(&sql, (part, item, value)).map(drop)
}

/// A fact that was kept.
pub(super) fn read(
    connection: &Connection,
    number: i64,
    plan: &TablePlan,
    item: &str,
) -> rusqlite::Result<Option<String>> {
    let part = i64::try_from(plan.number).unwrap_or(i64::MAX);
    let sql = format!(
        "select value from {} where part = ?1 and item = ?2",
        table(number)
    );
    connection
        .query_row(&sql, (part, item), |row| row.get(0))
        .optional()
}
