//! Reading a log from one mark to the next.

use rusqlite::Connection;
use tightrope_engine::{
    Change, ChangeKind, EngineError, ErrorKind, LogNumber, LoggedTable, ReadUpTo,
    freed_beyond_the_mark,
};
use tightrope_model::TableName;

use super::super::live::Live;
use super::super::names::sql;
use super::attach::user_tables;
use super::marker::{knows_relations, reads_from, shape_of, tables_with_triggers};
use super::{entries, highest, tables};
use crate::error::from_sqlite;
use crate::transaction::ReadTransaction;
use crate::value::exact;

/// Gives every entry after the mark.
pub(super) fn read(
    connection: &Connection,
    log: LogNumber,
    since: &str,
    sink: &mut dyn FnMut(Change) -> bool,
) -> Result<ReadUpTo, EngineError> {
    let _transaction = ReadTransaction::begin(connection).map_err(from_sqlite)?;
    must_be_whole(connection, log, since)?;
    let mut read = || {
        let mark = highest(connection, log)?;
        let at = connection.query_row(
            "select strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
            [],
            |row| row.get(0),
        )?;
        let known = known(connection, log)?;
        each(connection, log, since, &known, sink)?;
        let unlogged = unlogged(connection, log, &known)?;
        let tables = known.into_iter().map(|known| known.table).collect();
        Ok(ReadUpTo {
            mark,
            at,
            tables,
            counted: Vec::new(),
            unlogged,
        })
    };
    read().map_err(from_sqlite)
}

/// Requires that nothing after the mark has been freed already: a segment that held it would be missing.
fn must_be_whole(connection: &Connection, log: LogNumber, since: &str) -> Result<(), EngineError> {
    let query = format!(
        "select exists (select 1 from {} where k = 'F' and cast(v1 as integer) > cast(?1 as integer))",
        sql(&entries(log))
    );
    let freed: bool = connection
        .query_row(&query, [since], |row| row.get(0))
        .map_err(from_sqlite)?;
    match freed {
        false => Ok(()),
        true => Err(freed_beyond_the_mark()),
    }
}

struct Known {
    table: LoggedTable,
    places: usize,
}

fn known(connection: &Connection, log: LogNumber) -> rusqlite::Result<Vec<Known>> {
    let (relation, gap) = match knows_relations(connection, log)? {
        true => ("t.relation".to_owned(), "t.gap"),
        false => (
            format!(
                "(select min(o.s) from {} o where o.name = t.name)",
                sql(&tables(log))
            ),
            "0",
        ),
    };
    let query = format!(
        "select t.s, t.name, t.columns, t.place, {relation}, {gap} from {} t order by t.s",
        sql(&tables(log))
    );
    let astray = astray(connection, log)?;
    let mut statement = connection.prepare(&query)?;
    let rows = statement.query_map([], |row| {
        let (columns, place): (String, String) = (row.get(2)?, row.get(3)?);
        let names = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap_or_default();
        let number = row.get(0)?;
        Ok(Known {
            table: LoggedTable {
                number,
                relation: Some(match astray.contains(&number) {
                    true => -number,
                    false => row.get(4)?,
                }),
                gap: row.get(5)?,
                table: TableName::new("", row.get::<_, String>(1)?),
                columns: names(&columns),
                made_by: Vec::new(),
            },
            places: names(&place).len(),
        })
    })?;
    rows.collect()
}

/// Shapes whose triggers read from another table than the one that they are on: it cannot be told of which table their rows are.
fn astray(connection: &Connection, log: LogNumber) -> rusqlite::Result<Vec<i64>> {
    let query = format!(
        "select t.s, g.tbl_name, g.sql from {} where g.name not glob '*_table'",
        tables_with_triggers(log)
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([])?;
    let mut astray = Vec::new();
    while let Some(row) = rows.next()? {
        let (table, trigger): (String, String) = (row.get(1)?, row.get(2)?);
        if !trigger.contains(&reads_from(&table)) {
            astray.push(row.get(0)?);
        }
    }
    Ok(astray)
}

fn each(
    connection: &Connection,
    log: LogNumber,
    since: &str,
    known: &[Known],
    sink: &mut dyn FnMut(Change) -> bool,
) -> rusqlite::Result<()> {
    let names = |letter: char| -> rusqlite::Result<Vec<usize>> {
        let query = format!("select * from {}", sql(&entries(log)));
        let statement = connection.prepare(&query)?;
        let mut numbered: Vec<(usize, usize)> = statement
            .column_names()
            .enumerate()
            .filter_map(|(at, name)| Some((name.strip_prefix(letter)?.parse().ok()?, at)))
            .collect();
        numbered.sort_unstable();
        Ok(numbered.into_iter().map(|(_, at)| at).collect())
    };
    let (places, values) = (names('i')?, names('v')?);
    let query = format!(
        "select * from {} where n > cast(?1 as integer) and k not in ('B', 'F') order by n",
        sql(&entries(log))
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([since])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get("s")?;
        let of = known.iter().find(|known| known.table.number == number);
        // The log's columns are as many as the widest table has.
        let array = |at: &[usize], count: usize| -> rusqlite::Result<String> {
            let values = at.iter().take(count).map(|at| Ok(exact(row.get_ref(*at)?)));
            let values: Vec<Option<String>> = values.collect::<rusqlite::Result<_>>()?;
            Ok(serde_json::to_string(&values).unwrap_or_default())
        };
        let old = of.map(|known| array(&places, known.places)).transpose()?;
        let (kind, new) = match row.get::<_, String>("k")?.as_str() {
            "P" => {
                let columns = of.map_or(0, |known| known.table.columns.len());
                (ChangeKind::Put, Some(array(&values, columns)?))
            }
            "D" => (ChangeKind::Delete, None),
            _ => (ChangeKind::Migration, row.get("v1")?),
        };
        let change = Change {
            number: row.get("n")?,
            transaction: 0,
            at: row.get("at")?,
            table: number,
            kind,
            old,
            new,
        };
        if !sink(change) {
            break;
        }
    }
    Ok(())
}

/// Tables whose changes are not in the log, or not all of them: virtual ones, and those that somebody else than tightrope has made
/// or given columns.
fn unlogged(
    connection: &Connection,
    log: LogNumber,
    known: &[Known],
) -> rusqlite::Result<Vec<TableName>> {
    let mut unlogged = Vec::new();
    for name in user_tables(connection)? {
        let live = Live::read(connection, &TableName::new("", name.as_str()))?;
        let number = match live {
            Some(live) => shape_of(connection, log, &name, &live)?,
            None => None,
        };
        let is_whole = |known: &Known| Some(known.table.number) == number && !known.table.gap;
        if !known.iter().any(is_whole) {
            unlogged.push(TableName::new("", name));
        }
    }
    Ok(unlogged)
}

/// The error of notes that cannot be read.
pub(super) fn unreadable() -> EngineError {
    EngineError::new(ErrorKind::Other, "a change of the log cannot be read")
}
