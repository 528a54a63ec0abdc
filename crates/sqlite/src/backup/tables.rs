//! Single tables out of a backup, in one transaction.

use rusqlite::{Connection, OptionalExtension as _};
use tightrope_engine::{BackupFiles, BackupWatch, EngineError, ErrorKind, TableContent};

use super::restore::scratch_of;
use super::take::quoted;
use crate::error::from_sqlite;
use crate::quote::quote_identifier;
use crate::url::FileUrl;
use crate::waiting::LockTimeout;
use crate::{checksum, connect};

/// What the attached backup is called.
const SOURCE: &str = "tightrope_backup";

/// Brings tables back with their rows, indexes and triggers.
pub(super) fn restore(
    files: &BackupFiles<'_>,
    tables: &[TableContent],
    into: &FileUrl,
    watch: &dyn BackupWatch,
) -> Result<Vec<String>, EngineError> {
    let scratch = scratch_of(files, into.folder(), watch)?;
    let into = FileUrl {
        foreign_keys: false,
        ..into.clone()
    };
    let live = connect::open(&into, false, true, &LockTimeout::new())?;
    let path = scratch.database().to_string_lossy().into_owned();
    live.execute(&format!("attach ?1 as {SOURCE}"), [path])
        .map_err(from_sqlite)?;
    live.execute_batch("begin immediate").map_err(from_sqlite)?;
    let brought = bring(&live, tables, watch);
    let ended = match &brought {
        Ok(_) => {
            watch.reached("before the tables are committed");
            live.execute_batch("commit").map_err(from_sqlite)
        }
        Err(_) => {
            // The error of what failed tells more than one of the rollback, which the library does by itself at the end.
            let _ = live.execute_batch("rollback");
            Ok(())
        }
    };
    live.execute_batch(&format!("detach {SOURCE}"))
        .map_err(from_sqlite)?;
    live.close().map_err(|(_, error)| from_sqlite(error))?;
    ended?;
    if brought.is_ok() {
        watch.reached("tables committed");
    }
    brought
}

fn bring(
    live: &Connection,
    tables: &[TableContent],
    watch: &dyn BackupWatch,
) -> Result<Vec<String>, EngineError> {
    let of = tables.len() as u64;
    for (table, number) in tables.iter().zip(1..) {
        let name = &table.shape.table.name;
        let statement = made_by(live, name)?;
        live.execute_batch(&statement).map_err(from_sqlite)?;
        copy_rows(live, name).map_err(from_sqlite)?;
        make_parts(live, name, "index")?;
        compare(live, table)?;
        watch.progress("tables restored", number, of);
    }
    // Only once all rows are there: they were no news to the triggers.
    for table in tables {
        make_parts(live, &table.shape.table.name, "trigger")?;
    }
    dangling(live, tables)
}

/// The statement that made the table; it must not be there yet.
fn made_by(live: &Connection, name: &str) -> Result<String, EngineError> {
    let there = live
        .query_row(
            "select 1 from main.sqlite_schema where lower(name) = lower(?1)",
            [name],
            |_| Ok(()),
        )
        .optional()
        .map_err(from_sqlite)?;
    if there.is_some() {
        return Err(EngineError::new(
            ErrorKind::AlreadyExists,
            format!("the table `{name}` is there already"),
        )
        .hint(
            "rename it first, or restore the whole backup into another file and copy from there",
        ));
    }
    let sql: Option<String> = live
        .query_row(
            &format!("select sql from {SOURCE}.sqlite_schema where type = 'table' and name = ?1"),
            [name],
            |row| row.get(0),
        )
        .optional()
        .map_err(from_sqlite)?;
    let sql = sql.ok_or_else(|| {
        EngineError::new(
            ErrorKind::DoesNotExist,
            format!("the backup has no table `{name}`"),
        )
    })?;
    if sql
        .trim_start()
        .to_lowercase()
        .starts_with("create virtual")
    {
        return Err(EngineError::new(
            ErrorKind::Unsupported,
            format!("`{name}` is a virtual table, which cannot be restored by itself"),
        )
        .hint("restore the whole backup into another file"));
    }
    Ok(sql)
}

fn copy_rows(live: &Connection, name: &str) -> rusqlite::Result<()> {
    let mut statement = live.prepare(&format!(
        "select name from pragma_table_xinfo(?1, '{SOURCE}') where hidden = 0 order by cid"
    ))?;
    let columns: Vec<String> = statement
        .query_map([name], |row| row.get::<_, String>(0))?
        .map(|name| name.map(|name| quote_identifier(&name)))
        .collect::<rusqlite::Result<_>>()?;
    let columns = columns.join(", ");
    live.execute_batch(&format!(
        "insert into {} ({columns}) select {columns} from {}",
        quoted("main", name),
        quoted(SOURCE, name)
    ))?;
    let counts: bool = live.query_row(
        &format!(
            "select exists (select 1 from {SOURCE}.sqlite_schema where name = 'sqlite_sequence')"
        ),
        [],
        |row| row.get(0),
    )?;
    if counts {
        live.execute(
            &format!(
                "update main.sqlite_sequence set seq = (select seq from {SOURCE}.sqlite_sequence where name = ?1) \
                 where name = ?1"
            ),
            [name],
        )?;
    }
    Ok(())
}

/// Makes the table's indexes or triggers.
fn make_parts(live: &Connection, name: &str, kind: &str) -> Result<(), EngineError> {
    let mut statement = live
        .prepare(&format!(
            "select sql from {SOURCE}.sqlite_schema where type = ?1 and tbl_name = ?2 and sql is not null \
             and lower(substr(name, 1, 10)) <> 'tightrope_' order by name"
        ))
        .map_err(from_sqlite)?;
    let parts = statement
        .query_map([kind, name], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>)
        .map_err(from_sqlite)?;
    for sql in parts {
        live.execute_batch(&sql).map_err(from_sqlite)?;
    }
    Ok(())
}

fn compare(live: &Connection, table: &TableContent) -> Result<(), EngineError> {
    let found = checksum::of_table(live, &table.shape).map_err(from_sqlite)?;
    match &table.checksum {
        Some(expected) if *expected != found => Err(EngineError::new(
            ErrorKind::Other,
            format!(
                "the rows of `{}` are not those of the backup, and were not restored",
                table.shape.table
            ),
        )),
        _ => Ok(()),
    }
}

/// Rows whose parents are not there, as remarks.
fn dangling(live: &Connection, tables: &[TableContent]) -> Result<Vec<String>, EngineError> {
    let mut remarks = Vec::new();
    for table in tables {
        let name = &table.shape.table.name;
        // Where the parent table itself is not there, the question is an error, and as good an answer.
        let count: rusqlite::Result<i64> = live.query_row(
            "select count(*) from pragma_foreign_key_check(?1)",
            [name],
            |row| row.get(0),
        );
        match count {
            Ok(0) => {}
            Ok(count) => remarks.push(format!(
                "{count} rows of `{name}` refer to rows that are not there"
            )),
            Err(error) => remarks.push(format!("the foreign keys of `{name}` do not fit: {error}")),
        }
    }
    Ok(remarks)
}
