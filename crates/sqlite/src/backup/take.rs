use std::borrow::Borrow;
use std::path::Path;
use std::thread;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tightrope_engine::{
    BackupKind, BackupWatch, EngineError, ErrorKind, TableContent, TakeOptions, Taken,
};
use tightrope_model::{TableName, TableShape};

use super::{FILE, identity, properties};
use crate::error::from_sqlite;
use crate::quote::quote_identifier;
use crate::transaction::ReadTransaction;
use crate::url::FileUrl;
use crate::waiting::LockTimeout;
use crate::{catalog, checksum, connect, process};

/// Pages copied between two words about how far it is.
const PAGES: i32 = 8_192;

/// How often a copy is tried to be continued while somebody is in the way, at pauses of 10 ms.
const TRIES: u32 = 3_000;

/// How often a second connection is tried to be given the same snapshot.
const SAME_TRIES: usize = 10;

/// How long it waits for that, in milliseconds.
const TWIN_WAITS_MS: u64 = 20;

/// Writes the file as of one instant: what is summed up and what is copied is read in one transaction.
pub(super) fn take(
    url: &FileUrl,
    folder: &Path,
    options: &TakeOptions,
    watch: &dyn BackupWatch,
) -> Result<Taken, EngineError> {
    let connection = connect::open(url, true, true, &LockTimeout::new())?;
    let (_transaction, twin) = match options.checksums {
        true => begin_both(&connection, url)?,
        false => (
            ReadTransaction::begin(&connection).map_err(from_sqlite)?,
            None,
        ),
    };
    let taken_at = connection
        .query_row(
            "select strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
            [],
            |row| row.get(0),
        )
        .map_err(from_sqlite)?;
    let mark = options
        .log
        .map(|log| crate::net::mark(&connection, log))
        .transpose();
    let mark = mark.map_err(from_sqlite)?;
    let catalog = catalog::read(&connection).map_err(from_sqlite)?;
    let mut shapes = catalog.tables().to_vec();
    shapes.extend(own_tables(&connection).map_err(from_sqlite)?);
    let target = folder.join(FILE);
    let tables = match twin {
        Some(twin) => thread::scope(|scope| {
            let copying = scope.spawn(|| copy(twin, &target, url, watch));
            let tables = sum_up(&connection, shapes, options, watch);
            match copying.join() {
                Ok(copied) => copied.and(tables),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })?,
        None => {
            let tables = sum_up(&connection, shapes, options, watch)?;
            copy(&connection, &target, url, watch)?;
            tables
        }
    };
    Ok(Taken {
        kind: BackupKind::Logical,
        method: "backup API".to_owned(),
        program: None,
        server: url.server(),
        database: identity(url),
        taken_at,
        position: None,
        properties: properties::read(&connection, url).map_err(from_sqlite)?,
        fingerprint: catalog.fingerprint(),
        tables,
        source_bytes: std::fs::metadata(&target).map_or(0, |file| file.len()),
        remarks: Vec::new(),
        mark,
    })
}

/// Begins a transaction that reads, and another on a connection of its own that sees the same; none of the latter where writers
/// leave no time for it.
fn begin_both<'a>(
    connection: &'a Connection,
    url: &FileUrl,
) -> Result<(ReadTransaction<'a>, Option<Connection>), EngineError> {
    let number = |connection: &Connection, pragma: &str| -> Result<i64, EngineError> {
        connection
            .pragma_query_value(None, pragma, |row| row.get(0))
            .map_err(from_sqlite)
    };
    for _ in 0..SAME_TRIES {
        let patience = LockTimeout::new();
        let twin = connect::open(url, true, true, &patience)?;
        // It stays what it is for as long as nobody else commits.
        let before = number(&twin, "data_version")?;
        let transaction = ReadTransaction::begin(connection).map_err(from_sqlite)?;
        // A transaction sees what is there when it first reads.
        number(connection, "schema_version")?;
        // With a rollback journal a writer that waits for the first one lets no second one in: to wait for it is to wait for oneself.
        patience.set(TWIN_WAITS_MS);
        twin.execute_batch("begin").map_err(from_sqlite)?;
        match number(&twin, "data_version") {
            Ok(now) if now == before => {
                patience.set(LockTimeout::DEFAULT_MS);
                return Ok((transaction, Some(twin)));
            }
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::LockNotGranted => {}
            Err(error) => return Err(error),
        }
    }
    let transaction = ReadTransaction::begin(connection).map_err(from_sqlite)?;
    Ok((transaction, None))
}

/// tightrope's own tables: no part of the schema, but the way back of migrations is in them.
fn own_tables(connection: &Connection) -> rusqlite::Result<Vec<TableShape>> {
    let mut statement = connection.prepare(
        "select s.name, c.name from main.sqlite_schema s, pragma_table_xinfo(s.name, 'main') c \
         where s.type = 'table' and s.rootpage > 0 and lower(substr(s.name, 1, 10)) = 'tightrope_' \
         order by s.name, c.name",
    )?;
    let mut shapes: Vec<TableShape> = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, column): (String, String) = (row.get(0)?, row.get(1)?);
        match shapes.last_mut().filter(|shape| shape.table.name == table) {
            Some(shape) => shape.columns.push(column),
            None => shapes.push(TableShape {
                table: TableName::new("", table),
                columns: vec![column],
                key: Vec::new(),
            }),
        }
    }
    Ok(shapes)
}

fn sum_up(
    connection: &Connection,
    shapes: Vec<TableShape>,
    options: &TakeOptions,
    watch: &dyn BackupWatch,
) -> Result<Vec<TableContent>, EngineError> {
    let of = shapes.len() as u64;
    let one = |(shape, number): (TableShape, u64)| {
        let checksum = match options.checksums {
            true => Some(checksum::of_table(connection, &shape).map_err(from_sqlite)?),
            false => None,
        };
        watch.progress("tables summed up", number, of);
        Ok(TableContent { shape, checksum })
    };
    shapes.into_iter().zip(1..).map(one).collect()
}

/// Copies all pages that the connection's transaction sees.
fn copy(
    connection: impl Borrow<Connection>,
    target: &Path,
    url: &FileUrl,
    watch: &dyn BackupWatch,
) -> Result<(), EngineError> {
    let mut copy = Connection::open(target).map_err(from_sqlite)?;
    // Nobody reads it before it is durable and has a name: a crash leaves nothing that counts.
    copy.execute_batch("pragma synchronous = off; pragma journal_mode = off")
        .map_err(from_sqlite)?;
    {
        let backup = Backup::new(connection.borrow(), &mut copy).map_err(from_sqlite)?;
        let mut tries = 0;
        loop {
            let step = backup.step(PAGES).map_err(from_sqlite)?;
            let at = backup.progress();
            let pages = |count: i32| u64::try_from(count).unwrap_or(0);
            watch.progress(
                "pages copied",
                pages(at.pagecount - at.remaining),
                pages(at.pagecount),
            );
            match step {
                StepResult::Done => break,
                StepResult::Busy | StepResult::Locked => {
                    tries += 1;
                    if tries > TRIES {
                        let mut error = EngineError::new(
                            ErrorKind::LockNotGranted,
                            "the file was held by a writer, so that no backup could be taken",
                        );
                        error.blockers = process::holders(&url.path);
                        return Err(error.hint("let the writer finish, then run again"));
                    }
                    thread::sleep(std::time::Duration::from_millis(10));
                }
                _ => {}
            }
        }
    }
    copy.close().map_err(|(_, error)| from_sqlite(error))
}

/// Quoted for a pragma or a statement.
pub(super) fn quoted(schema: &str, table: &str) -> String {
    format!("{schema}.{}", quote_identifier(table))
}
