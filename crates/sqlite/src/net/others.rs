//! What other nets have on the user's tables: a table that is built anew loses it, so it is noted before and made again.

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet};

use super::about;
use super::names::prefix;
use crate::error::from_sqlite;

/// Notes the statements of all triggers and indexes that other nets have on tables.
pub(super) fn note(connection: &Connection, kept: &KeptNet) -> Result<(), EngineError> {
    let note = || {
        let own = prefix(kept.number);
        let mut statement = connection.prepare(
            "select name, sql from main.sqlite_schema where type in ('trigger', 'index') and name like 'tightrope\\_net\\_%' escape '\\'
             and tbl_name not like 'tightrope\\_%' escape '\\' and substr(name, 1, length(?1)) <> ?1",
        )?;
        let mut rows = statement.query([&own])?;
        while let Some(row) = rows.next()? {
            let (name, text): (String, String) = (row.get(0)?, row.get(1)?);
            about::keep_other(connection, kept.number, &name, &text)?;
        }
        Ok(())
    };
    note().map_err(from_sqlite)
}

/// Makes again what is missing of it, where its table is there.
pub(super) fn make_again(connection: &Connection, kept: &KeptNet) -> Result<(), EngineError> {
    let noted = about::others(connection, kept.number).map_err(from_sqlite)?;
    for (name, text) in noted {
        let there: bool = connection
            .query_row(
                "select exists (select 1 from main.sqlite_schema where name = ?1)",
                [&name],
                |row| row.get(0),
            )
            .map_err(from_sqlite)?;
        if !there {
            connection.execute_batch(&text).map_err(from_sqlite)?;
        }
    }
    Ok(())
}
