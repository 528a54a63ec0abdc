//! The change log of a backup: what every row is after each change, from before the backup was copied on.
//!
//! Everything here is serial, so the highest number of the log is a mark. An entry does not say what a statement did but what the
//! row *is* when the trigger fires: in which order a program's own triggers and this one fire plays no part then, and what is
//! replayed twice changes nothing. Triggers of SQLite have to name columns, so they are taken away while a script of tightrope's changes
//! the schema, and a marker tells each table meanwhile (see `marker`).

mod attach;
mod marker;
mod read;
mod replay;

use tightrope_engine::{
    Change, Changes, EngineError, LogMark, LogNumber, LogThere, NamedRelation, ReadUpTo, Replay,
    Session as _,
};

use super::names::sql;
use super::size::{bytes, drop_all};
use crate::error::from_sqlite;
use crate::session::SqliteSession;
use rusqlite::Connection;
use tightrope_model::TableName;

/// What the names of everything that a log has begin with.
fn prefix(log: LogNumber) -> String {
    format!("tightrope_changes_{log}")
}

/// The log's entries.
fn entries(log: LogNumber) -> TableName {
    TableName::new("", prefix(log))
}

/// The tables that it knows.
fn tables(log: LogNumber) -> TableName {
    TableName::new("", format!("{}_tables", prefix(log)))
}

/// Where the connection's transaction stands in a log, and what the tables are called in it.
pub(crate) fn mark(connection: &Connection, log: LogNumber) -> rusqlite::Result<LogMark> {
    let query = format!(
        "select distinct t.relation, g.tbl_name from {} order by 1",
        marker::tables_with_triggers(log)
    );
    let mut statement = connection.prepare(&query)?;
    let tables = statement.query_map([], |row| {
        Ok(NamedRelation {
            relation: row.get(0)?,
            table: TableName::new("", row.get::<_, String>(1)?),
        })
    })?;
    Ok(LogMark {
        mark: highest(connection, log)?,
        tables: tables.collect::<rusqlite::Result<_>>()?,
    })
}

/// The log's highest number: all that is committed now.
fn highest(connection: &Connection, log: LogNumber) -> rusqlite::Result<String> {
    let query = format!("select coalesce(max(n), 0) from {}", sql(&entries(log)));
    connection.query_row(&query, [], |row| {
        row.get::<_, i64>(0).map(|n| n.to_string())
    })
}

fn logs(connection: &Connection) -> Result<Vec<LogNumber>, EngineError> {
    let read = || {
        let mut statement = connection.prepare(
            "select cast(substr(name, 19) as integer) from main.sqlite_schema
             where type = 'table' and name glob 'tightrope_changes_[0-9]*' and name not glob '*_tables' order by 1",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(from_sqlite)
}

/// Does it in the open transaction, or in one of its own.
fn in_one(
    session: &mut SqliteSession,
    work: impl FnOnce(&Connection) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    if !session.connection().is_autocommit() {
        return work(session.connection());
    }
    session.begin()?;
    match work(session.connection()) {
        Ok(()) => session.commit(),
        Err(error) => {
            // The first error tells more.
            let _ = session.roll_back();
            Err(error)
        }
    }
}

impl Changes for SqliteSession {
    fn begin_log(&mut self, log: LogNumber) -> Result<(), EngineError> {
        in_one(self, |connection| attach::make(connection, log))
    }

    fn logs(&mut self) -> Result<Vec<LogThere>, EngineError> {
        let connection = self.connection();
        logs(connection)?
            .into_iter()
            .map(|log| {
                Ok(LogThere {
                    log,
                    bytes: bytes(connection, &entries(log))?,
                })
            })
            .collect()
    }

    fn read_log(
        &mut self,
        log: LogNumber,
        since: &str,
        sink: &mut dyn FnMut(Change) -> bool,
    ) -> Result<ReadUpTo, EngineError> {
        read::read(self.connection(), log, since, sink)
    }

    fn forget(&mut self, log: LogNumber, up_to: &str) -> Result<(), EngineError> {
        // A last entry stays: it tells up to where the log was freed, and the next one counts on from it.
        let entries = sql(&entries(log));
        let note = format!(
            "insert into {entries} (at, s, k, v1) values ({}, 0, 'F', ?1)",
            attach::NOW
        );
        let forget = format!(
            "delete from {entries} where n <= cast(?1 as integer) or k = 'F' and n < (select max(n) from {entries})"
        );
        in_one(self, |connection| {
            connection
                .execute(&note, [up_to])
                .and_then(|_| connection.execute(&forget, [up_to]))
                .map(drop)
                .map_err(from_sqlite)
        })
    }

    fn end_log(&mut self, log: LogNumber) -> Result<(), EngineError> {
        in_one(self, |connection| {
            ["trigger", "index", "table"]
                .into_iter()
                .try_for_each(|kind| drop_all(connection, kind, &prefix(log)))
        })
    }

    fn before_script(&mut self, label: &str) -> Result<(), EngineError> {
        for log in logs(self.connection())? {
            marker::take_the_place_of_triggers(self.connection(), log)?;
            let note = format!(
                "insert into {} (at, s, k, v1) values ({}, 0, 'M', ?1)",
                sql(&entries(log)),
                attach::NOW
            );
            self.connection()
                .execute(&note, [label])
                .map_err(from_sqlite)?;
        }
        Ok(())
    }

    fn after_script(&mut self) -> Result<(), EngineError> {
        for log in logs(self.connection())? {
            attach::all(self.connection(), log)?;
        }
        Ok(())
    }

    fn replay(&mut self, across: bool) -> Result<Box<dyn Replay + '_>, EngineError> {
        self.connection()
            .execute_batch("pragma foreign_keys = off")
            .map_err(from_sqlite)?;
        self.begin()?;
        Ok(Box::new(replay::Replaying::begin(self, across)?))
    }
}
