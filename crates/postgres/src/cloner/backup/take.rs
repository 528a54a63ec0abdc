use std::path::Path;
use std::{fs, thread};

use tightrope_engine::{
    BackupKind, BackupWatch, DatabaseUrl, EngineError, ErrorKind, Session as _, TableContent,
    TakeOptions, Taken,
};
use tightrope_model::{TableName, TableShape, Value};

use super::super::maintenance::Maintenance;
use super::super::programs::{Programs, point_at};
use super::children::{Ended, Running};
use super::{DUMP, identity, properties, reading};
use crate::connect::Target;
use crate::net;
use crate::session::PostgresSession;

/// Tables summed up between two words about how far it is.
const CHUNK: usize = 8;

/// How long the dump waits for a table that somebody is changing, in milliseconds.
const LOCK_WAIT_MS: u32 = 60_000;

/// From this version on pg_dump can write zstd, where it was built so.
const FIRST_WITH_ZSTD: u32 = 16;

/// Writes the database as of one snapshot.
pub(super) fn take(
    bin_dir: Option<&Path>,
    source: &DatabaseUrl,
    folder: &Path,
    options: &TakeOptions,
    watch: &dyn BackupWatch,
) -> Result<Taken, EngineError> {
    let target = Target::parse(source)?;
    let mut session = reading(source)?;
    let programs = Programs::find(bin_dir, session.major)?;
    let mut properties = properties::read(
        &mut Maintenance::anywhere(source, &target)?,
        &session.server().database.clone(),
    )?;
    properties.insert(properties::WITHOUT.to_owned(), lost(&mut session)?);
    let database = identity(&mut session)?;
    let snapshot = Snapshot::export(&mut session)?;
    watch.reached("snapshot exported");
    let mark = match options.log {
        Some(_) => Some(net::log_mark(&mut session)?),
        None => None,
    };
    let catalog = session.catalog()?;
    let mut shapes = catalog.tables().to_vec();
    shapes.extend(own_tables(&mut session)?);
    let remarks = large_objects(&mut session)?;

    let dump = Dump {
        programs: &programs,
        target: &target,
        folder,
        snapshot: &snapshot.name,
        jobs: options.jobs,
        tables: shapes.len() as u64,
    };
    let (dumped, tables) = thread::scope(|scope| {
        let dumping = scope.spawn(|| dump.run(watch));
        let tables = sum_up(&mut session, shapes, options, watch);
        let dumped = dumping.join().unwrap_or_else(|_| {
            Err(EngineError::new(
                ErrorKind::Other,
                "the thread of pg_dump failed",
            ))
        });
        (dumped, tables)
    });
    let compression = dumped?;
    let tables = tables?;
    session.roll_back()?;
    watch.reached("dump written");
    Ok(Taken {
        kind: BackupKind::Logical,
        method: format!("pg_dump, directory, {compression}"),
        program: Some(programs.major().to_string()),
        server: session.server().clone(),
        database,
        taken_at: snapshot.taken_at,
        position: snapshot.position,
        properties,
        fingerprint: catalog.fingerprint(),
        tables,
        source_bytes: snapshot.bytes,
        remarks,
        mark,
    })
}

/// A snapshot that others may read from, for as long as the session's transaction is open.
struct Snapshot {
    name: String,
    taken_at: String,
    position: Option<String>,
    bytes: u64,
}

impl Snapshot {
    fn export(session: &mut PostgresSession) -> Result<Self, EngineError> {
        session.execute_own("begin isolation level repeatable read, read only")?;
        session.in_transaction = true;
        let now = session.store_dialect().now;
        let sql = format!(
            "select pg_export_snapshot(), {now}, \
             (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)::text, \
             pg_database_size(current_database())"
        );
        let rows = session.query_own(&sql, &[])?;
        let row = rows.first().map(Vec::as_slice).unwrap_or_default();
        let text = |at: usize| row.get(at).and_then(Value::text).map(str::to_owned);
        Ok(Self {
            name: text(0).unwrap_or_default(),
            taken_at: text(1).unwrap_or_default(),
            position: text(2),
            bytes: row
                .get(3)
                .and_then(Value::integer)
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or_default(),
        })
    }
}

/// A new database comes with a schema and an extension that a dump never drops: which of them are gone.
fn lost(session: &mut PostgresSession) -> Result<String, EngineError> {
    let sql = "select coalesce(json_agg(w), '[]')::text from unnest(array[ \
               case when not exists (select from pg_catalog.pg_namespace where nspname = 'public') then 'public' end, \
               case when not exists (select from pg_catalog.pg_extension where extname = 'plpgsql') then 'plpgsql' end]) w \
               where w is not null";
    let rows = session.query_own(sql, &[])?;
    let text = rows.first().and_then(|row| row.first()?.text());
    Ok(text.unwrap_or("[]").to_owned())
}

/// tightrope's own tables: no part of the schema, but the way back of migrations is in them.
pub(in super::super) fn own_tables(
    session: &mut PostgresSession,
) -> Result<Vec<TableShape>, EngineError> {
    let sql = "select c.relname::text, a.attname::text from pg_catalog.pg_class c \
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
               join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
               where n.nspname = 'tightrope' and c.relkind = 'r' and c.relname !~ '^changes_[0-9]+' order by 1, 2";
    let mut shapes: Vec<TableShape> = Vec::new();
    for row in session.query_own(sql, &[])? {
        let text = |at: usize| {
            row.get(at)
                .and_then(Value::text)
                .unwrap_or_default()
                .to_owned()
        };
        let (table, column) = (text(0), text(1));
        match shapes.last_mut().filter(|shape| shape.table.name == table) {
            Some(shape) => shape.columns.push(column),
            None => shapes.push(TableShape {
                table: TableName::new("tightrope", table),
                columns: vec![column],
                key: Vec::new(),
            }),
        }
    }
    Ok(shapes)
}

/// Large objects belong to no table; they are in the dump and not in a checksum.
fn large_objects(session: &mut PostgresSession) -> Result<Vec<String>, EngineError> {
    let rows = session.query_own(
        "select count(*) from pg_catalog.pg_largeobject_metadata",
        &[],
    )?;
    let count = rows
        .first()
        .and_then(|row| row.first()?.integer())
        .unwrap_or(0);
    let remark = format!("{count} large objects are in the dump, and are not summed up");
    Ok((count > 0).then_some(remark).into_iter().collect())
}

pub(in super::super) fn sum_up(
    session: &mut PostgresSession,
    shapes: Vec<TableShape>,
    options: &TakeOptions,
    watch: &dyn BackupWatch,
) -> Result<Vec<TableContent>, EngineError> {
    let mut sums = Vec::with_capacity(shapes.len());
    if options.checksums {
        for chunk in shapes.chunks(CHUNK) {
            sums.extend(session.checksums(chunk)?.into_iter().map(Some));
            watch.progress("tables summed up", sums.len() as u64, shapes.len() as u64);
        }
    } else {
        sums.resize(shapes.len(), None);
    }
    let contents = shapes.into_iter().zip(sums);
    Ok(contents
        .map(|(shape, checksum)| TableContent { shape, checksum })
        .collect())
}

/// One run of `pg_dump`.
struct Dump<'a> {
    programs: &'a Programs,
    target: &'a Target,
    folder: &'a Path,
    snapshot: &'a str,
    jobs: u32,
    tables: u64,
}

impl Dump<'_> {
    /// Dumps with the best compression that this pg_dump has; gives its name.
    fn run(&self, watch: &dyn BackupWatch) -> Result<&'static str, EngineError> {
        if self.programs.major() >= FIRST_WITH_ZSTD {
            let ended = self.run_with(&["--compress=zstd"], watch)?;
            let lacks_it = !ended.status.success() && ended.complaints.contains("not support");
            if !lacks_it {
                return ended.require("pg_dump").map(|()| "zstd");
            }
            // What the refused run has left; where it left nothing there is nothing to remove.
            let _ = fs::remove_dir_all(self.folder.join(DUMP));
        }
        self.run_with(&[], watch)?
            .require("pg_dump")
            .map(|()| "gzip")
    }

    fn run_with(&self, more: &[&str], watch: &dyn BackupWatch) -> Result<Ended, EngineError> {
        let mut command = self.programs.command("pg_dump");
        command
            .args(["--format=directory", "--verbose", "--no-sync"])
            .arg(format!("--jobs={}", self.jobs.max(1)))
            // What is logged for backups is about rows that are in this one already, or comes back from where it is carried to.
            .arg("--exclude-table-data=tightrope.changes_*")
            .arg(format!("--snapshot={}", self.snapshot))
            .arg(format!("--lock-wait-timeout={LOCK_WAIT_MS}"))
            .arg(format!("--file={}", self.folder.join(DUMP).display()))
            .args(more);
        point_at(&mut command, self.target, self.target.database());
        let running = Running::start("pg_dump", &mut command)?;
        running.watch(
            "dumping contents of table",
            "tables dumped",
            self.tables,
            watch,
        )
    }
}
