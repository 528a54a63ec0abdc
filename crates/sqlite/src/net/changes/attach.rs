//! The log's tables and triggers.

use rusqlite::{Connection, OptionalExtension as _};
use tightrope_engine::{EngineError, LogNumber};
use tightrope_model::TableName;

use super::super::live::Live;
use super::super::names::{all as every, list, of, sql};
use super::{entries, marker, prefix, tables};
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// The time, in microseconds of the Unix epoch.
pub(super) const NOW: &str =
    "cast(round((julianday('now') - 2440587.5) * 86400000.0) as integer) * 1000";

/// Makes the log, if it is not there, and lets every table be logged.
pub(super) fn make(connection: &Connection, log: LogNumber) -> Result<(), EngineError> {
    let made = format!(
        "create table if not exists {entries} (n integer primary key, at integer, s integer, k text, i1, v1);
         create table if not exists {tables} (s integer primary key, name text, columns text, place text, relation integer,
           gap integer not null default 0);
         insert into {entries} (at, s, k) select {NOW}, 0, 'B' where not exists (select 1 from {entries});",
        entries = sql(&entries(log)),
        tables = sql(&tables(log)),
    );
    connection.execute_batch(&made).map_err(from_sqlite)?;
    all(connection, log)
}

/// Lets every table be logged as it is now.
pub(super) fn all(connection: &Connection, log: LogNumber) -> Result<(), EngineError> {
    marker::know_relations(connection, log).map_err(from_sqlite)?;
    for name in user_tables(connection).map_err(from_sqlite)? {
        let table = TableName::new("", name);
        let live = Live::read(connection, &table).map_err(from_sqlite)?;
        if let Some(live) = live.filter(is_logged) {
            one(connection, log, &table, &live).map_err(from_sqlite)?;
        }
    }
    marker::drop_markers(connection, log).map_err(from_sqlite)
}

/// Whether the table's rows can be logged: virtual ones have no triggers, and a row has to be told from the others.
pub(super) fn is_logged(live: &Live) -> bool {
    live.is_ordinary() && !live.place().is_empty()
}

/// The tables of users.
pub(super) fn user_tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "select name from pragma_table_list where schema = 'main' and type in ('table', 'virtual')
         and lower(substr(name, 1, 7)) <> 'sqlite_' and lower(substr(name, 1, 10)) <> 'tightrope_' order by name",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.collect()
}

fn one(
    connection: &Connection,
    log: LogNumber,
    table: &TableName,
    live: &Live,
) -> rusqlite::Result<()> {
    let number = number_of(connection, log, table, live)?;
    if is_attached(connection, log, number, &table.name)? {
        return Ok(());
    }
    let place = live.place();
    widen(connection, log, "i", place.len())?;
    widen(connection, log, "v", live.stored.len())?;
    for trigger in (Logged {
        log,
        number,
        table,
        place: &place,
        live,
    })
    .triggers()
    {
        connection.execute_batch(&trigger)?;
    }
    hold(connection, log, number, table, live)
}

/// The number of a table with the columns that it has now.
fn number_of(
    connection: &Connection,
    log: LogNumber,
    table: &TableName,
    live: &Live,
) -> rusqlite::Result<i64> {
    let relation = marker::relation_of(connection, log, &table.name)?;
    let (columns, place) = (json(&live.stored), json(&live.place()));
    let known = connection
        .query_row(
            &format!(
                "select s from {} where name = ?1 and columns = ?2 and place = ?3 and relation = ?4",
                sql(&tables(log))
            ),
            (&table.name, columns, place, relation),
            |row| row.get(0),
        )
        .optional()?;
    match known {
        Some(number) => Ok(number),
        None => new_number(connection, log, table, live, relation),
    }
}

fn json(names: &[String]) -> String {
    serde_json::to_string(names).unwrap_or_default()
}

/// Notes a table with the columns that it has now. One that the log has not seen is told by the number that it gets.
pub(super) fn new_number(
    connection: &Connection,
    log: LogNumber,
    table: &TableName,
    live: &Live,
    relation: Option<i64>,
) -> rusqlite::Result<i64> {
    connection.execute(
        &format!(
            "insert into {0} (s, name, columns, place, relation, gap)
             select l.s + 1, ?1, ?2, ?3, coalesce(?4, l.s + 1), exists (select 1 from {0} g where g.relation = ?4 and g.gap)
             from (select coalesce(max(s), 0) as s from {0}) l",
            sql(&tables(log))
        ),
        (&table.name, json(&live.stored), json(&live.place()), relation),
    )?;
    Ok(connection.last_insert_rowid())
}

/// Whether the triggers of that number are there, and on that table.
fn is_attached(
    connection: &Connection,
    log: LogNumber,
    number: i64,
    table: &str,
) -> rusqlite::Result<bool> {
    let [insert, update, delete] = EVENTS.map(|event| trigger_name(log, number, event));
    connection.query_row(
        "select count(*) = 3 from main.sqlite_schema where type = 'trigger' and name in (?1, ?2, ?3)
         and lower(tbl_name) = lower(?4)",
        [&insert, &update, &delete, table],
        |row| row.get(0),
    )
}

const EVENTS: [&str; 3] = ["insert", "update", "delete"];

fn trigger_name(log: LogNumber, number: i64, event: &str) -> String {
    format!("{}_{number}_{event}", prefix(log))
}

/// Gives the log so many columns of a letter.
fn widen(
    connection: &Connection,
    log: LogNumber,
    letter: &str,
    count: usize,
) -> rusqlite::Result<()> {
    let has: i64 = connection.query_row(
        "select count(*) from pragma_table_info(?1) where substr(name, 1, 1) = ?2 and name <> 'at'",
        (entries(log).name, letter),
        |row| row.get(0),
    )?;
    for number in usize::try_from(has).unwrap_or_default() + 1..=count {
        connection.execute_batch(&format!(
            "alter table {} add column {letter}{number}",
            sql(&entries(log))
        ))?;
    }
    Ok(())
}

/// VACUUM numbers the rows of a table anew that has neither a key of whole numbers nor an index: this one holds no row.
fn hold(
    connection: &Connection,
    log: LogNumber,
    number: i64,
    table: &TableName,
    live: &Live,
) -> rusqlite::Result<()> {
    let indexed: bool = connection.query_row(
        "select exists (select 1 from pragma_index_list(?1, 'main'))",
        [&table.name],
        |row| row.get(0),
    )?;
    if indexed || live.alias.is_some() || live.is_without_rowid() {
        return Ok(());
    }
    connection.execute_batch(&format!(
        "create index main.{} on {} (0) where 0",
        quote_identifier(&format!("{}_{number}_hold", prefix(log))),
        quote_identifier(&table.name)
    ))
}

/// What is logged of one table.
struct Logged<'a> {
    log: LogNumber,
    number: i64,
    table: &'a TableName,
    place: &'a [String],
    live: &'a Live,
}

impl Logged<'_> {
    fn triggers(&self) -> Vec<String> {
        let bodies = [
            self.is_now("new"),
            format!(
                "{}\n{}",
                self.is_gone("old", &self.moved()),
                self.is_now("new")
            ),
            self.is_gone("old", "true"),
        ];
        let trigger = |(event, body): (&str, String)| {
            format!(
                "create trigger main.{} after {event} on {} for each row begin\n{body}\nend",
                quote_identifier(&trigger_name(self.log, self.number, event)),
                quote_identifier(&self.table.name)
            )
        };
        EVENTS.into_iter().zip(bodies).map(trigger).collect()
    }

    /// Inside a trigger a table must not be written with its schema.
    fn entry(&self, kind: &str, columns: &[String], values: &[String]) -> String {
        format!(
            "insert into {} (at, s, k, {}) select {NOW}, {}, '{kind}', {}",
            quote_identifier(&entries(self.log).name),
            list(columns),
            self.number,
            list(values)
        )
    }

    fn numbered(letter: &str, count: usize) -> Vec<String> {
        (1..=count)
            .map(|number| format!("{letter}{number}"))
            .collect()
    }

    /// The row as it is, if it is there still.
    fn is_now(&self, alias: &str) -> String {
        let stored = &self.live.stored;
        let mut columns = Self::numbered("i", self.place.len());
        columns.extend(Self::numbered("v", stored.len()));
        let both = self.place.iter().chain(stored);
        let values: Vec<String> = both.map(|name| of("t", name)).collect();
        format!(
            "{}{}{};",
            self.entry("P", &columns, &values),
            marker::reads_from(&self.table.name),
            self.at_place("t", alias)
        )
    }

    /// The row is gone, unless another one has its place.
    fn is_gone(&self, alias: &str, when: &str) -> String {
        let columns = Self::numbered("i", self.place.len());
        let values: Vec<String> = self.place.iter().map(|name| of(alias, name)).collect();
        format!(
            "{} where {when} and not exists (select 1{}{});",
            self.entry("D", &columns, &values),
            marker::reads_from(&self.table.name),
            self.at_place("t", alias)
        )
    }

    fn at_place(&self, left: &str, right: &str) -> String {
        let pairs = self.place.iter();
        every(pairs.map(|name| format!("{} = {}", of(left, name), of(right, name))))
    }

    fn moved(&self) -> String {
        let pairs: Vec<String> = self
            .place
            .iter()
            .map(|name| format!("{} is not {}", of("old", name), of("new", name)))
            .collect();
        format!("({})", pairs.join(" or "))
    }
}
