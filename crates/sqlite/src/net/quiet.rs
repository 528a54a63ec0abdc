//! The user's triggers sleep while rows are merged.

use rusqlite::Connection;
use tightrope_engine::EngineError;

use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// All triggers of a schema that are on tables, taken away until [`Quiet::end`].
pub(super) struct Quiet {
    texts: Vec<String>,
}

impl Quiet {
    /// Takes them away: of every table, since keys cascade into tables that nobody names. Those on views are left, for nothing
    /// is written through a view here.
    pub(super) fn make(connection: &Connection) -> Result<Self, EngineError> {
        Self::of(connection, "true")
    }

    /// The same, but those of the net go on to write down.
    pub(super) fn but_own(connection: &Connection) -> Result<Self, EngineError> {
        Self::of(connection, "lower(substr(s.name, 1, 10)) <> 'tightrope_'")
    }

    fn of(connection: &Connection, which: &str) -> Result<Self, EngineError> {
        let triggers = || {
            let mut statement = connection.prepare(&format!(
                "select s.name, s.sql from main.sqlite_schema s
                 join main.sqlite_schema t on t.type = 'table' and t.name = s.tbl_name
                 where s.type = 'trigger' and {which} order by s.rowid",
            ))?;
            statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(String, String)>>>()
        };
        let mut texts = Vec::new();
        for (name, text) in triggers().map_err(from_sqlite)? {
            let sql = format!("drop trigger main.{}", quote_identifier(&name));
            connection.execute_batch(&sql).map_err(from_sqlite)?;
            texts.push(text);
        }
        Ok(Self { texts })
    }

    /// Makes them again to the letter, in their order.
    pub(super) fn end(self, connection: &Connection) -> Result<(), EngineError> {
        for text in &self.texts {
            connection.execute_batch(text).map_err(from_sqlite)?;
        }
        Ok(())
    }
}
