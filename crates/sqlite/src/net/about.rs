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

/// The part under which what other nets have is noted.
const OTHERS: i64 = 0;

/// Notes a statement of another net's, by the name of what it makes.
pub(super) fn keep_other(
    connection: &Connection,
    number: i64,
    name: &str,
    text: &str,
) -> rusqlite::Result<()> {
    let sql = format!(
        "insert or replace into {} values (?1, ?2, ?3)",
        table(number)
    );
    connection.execute(&sql, (OTHERS, name, text)).map(drop)
}

/// The noted statements of other nets; none if this net was never spread.
pub(super) fn others(
    connection: &Connection,
    number: i64,
) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = format!("select item, value from {} where part = ?1", table(number));
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([OTHERS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
