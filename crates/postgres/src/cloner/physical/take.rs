//! Physical backups: the files of a cluster, and its log up to the position at which schema and rows were summed up.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tightrope_engine::{
    BackupKind, BackupWatch, ConnectOptions, DatabaseUrl, EngineError, ErrorKind, ServerPrograms,
    Session as _, TakeOptions, Taken,
};
use tightrope_model::{TableChecksum, TableName, TableShape, Value};

use super::super::backup::{identity, own_tables, properties, reading, sum_up};
use super::super::maintenance::Maintenance;
use super::base::{Base, Source, require_room};
use super::cluster::{unlogged, unlogged_remark};
use super::facts::Facts;
use super::home::cannot;
use super::installation::Installation;
use super::lsn::Lsn;
use super::pack::pack;
use super::wal::{Commit, Seen, Wal, position};
use crate::connect::Target;
use crate::quote::quote_qualified;
use crate::session::PostgresSession;

/// The cluster's files in a backup's folder.
pub(super) const CLUSTER: &str = "cluster";

/// Its tablespaces, each in a folder called by its number.
pub(super) const TABLESPACES: &str = "tablespaces";

/// A file with the paths of all folders: a place keeps files alone, and a server misses an empty folder.
pub(super) const FOLDERS: &str = "folders";

/// The archive of its small files.
pub(super) const SMALL: &str = "small.tar";

/// Names among a backup's properties.
pub(super) const POSITION: &str = "recovery_target_lsn";
pub(super) const MAJOR: &str = "server_major";
pub(super) const ROLE: &str = "taken_by";

/// How many instants are tried until one has a position, and how many of them before writers are held for it.
const TRIES: u32 = 60;
const QUIET_TRIES: u32 = 12;

/// How long writers are held at the most, with those who wait behind. Less than a server waits until it looks for a deadlock: should we be a
/// part of one, it is we who give way.
const HOLD_MS: u32 = 300;

/// The longest pause between two.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How long a table is waited for that somebody is changing.
const LOCK_WAIT_MS: u32 = 2_000;

/// How long the server is waited for until what it has written into its log is on its disk. By itself it takes up to half a minute
/// where nobody commits.
const FLUSH: Duration = Duration::from_secs(90);

/// Tables in one statement that locks.
const CHUNK: usize = 100;

/// Writes the cluster as of one position of its log.
pub(super) fn take(
    beside_clients: Option<&Path>,
    source: &DatabaseUrl,
    folder: &Path,
    programs: &ServerPrograms,
    options: &TakeOptions,
    watch: &dyn BackupWatch,
) -> Result<Taken, EngineError> {
    let target = Target::parse(source)?;
    let mut session = reading(source)?;
    let look = Source::look(&mut session)?;
    if look.is_standby {
        return Err(EngineError::new(
            ErrorKind::Unsupported,
            "a physical backup is taken of a primary, and this server is a standby",
        )
        .hint("name the primary, or take a logical backup: `kind = \"logical\"`"));
    }
    let facts = Facts::read(&mut session)?;
    let installation = Installation::find(programs.bin.as_deref(), beside_clients, session.major)?;
    require_room(folder, look.bytes)?;
    let name = session.server().database.clone();
    let mut properties = properties::read(&mut Maintenance::anywhere(source, &target)?, &name)?;
    let database = identity(&mut session)?;
    let began = one(&mut session, "select clock_timestamp()::text")?;
    let data = folder.join(CLUSTER);
    Base {
        installation: &installation,
        target: &target,
        tablespaces: &look.tablespaces,
        data: data.clone(),
        tablespaces_in: folder.join(TABLESPACES),
        spread_checkpoint: programs.spread_checkpoint,
    }
    .copy(watch)?;
    watch.reached("cluster copied");
    let first = start_of(&data)?;
    let behind = one(
        &mut session,
        "select pg_catalog.pg_current_wal_insert_lsn()::text",
    )?;
    let number = |text: String| text.parse::<u64>().unwrap_or(0);
    let setting = "select setting from pg_catalog.pg_settings where name = ";
    let segment_bytes = number(one(&mut session, &format!("{setting}'wal_segment_size'"))?);
    let page_bytes = number(one(&mut session, &format!("{setting}'wal_block_size'"))?);
    let search = Search {
        wal: Wal {
            installation: &installation,
            target: &target,
            folder: data.join("pg_wal"),
            segment_bytes: segment_bytes.max(1),
        },
        page_bytes: page_bytes.max(1),
        source,
        first,
        behind: behind.parse().unwrap_or(first),
        began,
    };
    let instant = search.find(&mut session, watch)?;
    watch.reached("position found");
    let catalog = session.catalog()?;
    let mut tables = sum_up(&mut session, instant.shapes, options, watch)?;
    let unlogged = unlogged(&mut session)?;
    for table in &mut tables {
        let name = &table.shape.table;
        // Its rows are in no log: what comes back is an empty table.
        if unlogged
            .iter()
            .any(|one| (&one.0, &one.1) == (&name.schema, &name.name))
        {
            table.checksum = table.checksum.is_some().then(empty);
        }
    }
    session.roll_back()?;
    finish(folder, &look)?;
    watch.reached("cluster written");
    facts.write(&mut properties);
    properties.insert(POSITION.to_owned(), instant.record.to_string());
    properties.insert(MAJOR.to_owned(), session.major.to_string());
    properties.extend(
        session
            .server()
            .user
            .clone()
            .map(|role| (ROLE.to_owned(), role)),
    );
    Ok(Taken {
        kind: BackupKind::Physical,
        method: "pg_basebackup, files and log".to_owned(),
        program: Some(session.major.to_string()),
        server: session.server().clone(),
        database,
        taken_at: instant.taken_at,
        position: Some(instant.record.to_string()),
        properties,
        fingerprint: catalog.fingerprint(),
        tables,
        source_bytes: look.database_bytes,
        remarks: unlogged_remark(&unlogged).into_iter().collect(),
        mark: None,
    })
}

fn empty() -> TableChecksum {
    TableChecksum {
        rows: 0,
        first: "0".to_owned(),
        second: "0".to_owned(),
    }
}

/// The one text that a query gives.
fn one(session: &mut PostgresSession, sql: &str) -> Result<String, EngineError> {
    let rows = session.query_own(sql, &[])?;
    let text = rows.first().and_then(|row| row.first()?.text());
    Ok(text.unwrap_or_default().to_owned())
}

/// Where the log begins that has to be replayed onto the files: `START WAL LOCATION: 0/2000028 (file …)`.
fn start_of(data: &Path) -> Result<Lsn, EngineError> {
    let path = data.join("backup_label");
    let label = fs::read_to_string(&path).map_err(|error| cannot("read", &path, &error))?;
    let start = label.lines().find_map(|line| {
        let rest = line.strip_prefix("START WAL LOCATION: ")?;
        rest.split(' ').next()?.parse().ok()
    });
    start.ok_or_else(|| {
        EngineError::new(
            ErrorKind::Other,
            format!("{} does not say where the log begins", path.display()),
        )
    })
}

/// Takes the links to tablespaces out, which lead where nothing will be, writes down which folders there are, and packs what is small.
fn finish(folder: &Path, look: &Source) -> Result<(), EngineError> {
    for tablespace in &look.tablespaces {
        let link = folder
            .join(CLUSTER)
            .join("pg_tblspc")
            .join(tablespace.name());
        super::server::remove(&link).map_err(|error| cannot("remove", &link, &error))?;
    }
    let mut folders = Vec::new();
    list_folders(folder, "", &mut folders)
        .map_err(|error| cannot("list the folders of", folder, &error))?;
    folders.sort();
    let path = folder.join(FOLDERS);
    fs::write(&path, folders.join("\n")).map_err(|error| cannot("write", &path, &error))?;
    // Segments of the log stay what they are: files whose loss is told by their name.
    let log = Path::new(CLUSTER).join("pg_wal");
    let archive = folder.join(SMALL);
    let stays = |path: &Path| path.starts_with(&log);
    pack(folder, &[CLUSTER, TABLESPACES], stays, &archive)
        .map_err(|error| cannot("pack small files into", &archive, &error))
}

fn list_folders(home: &Path, below: &str, folders: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(home.join(below))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = match below {
                "" => name,
                below => format!("{below}/{name}"),
            };
            list_folders(home, &path, folders)?;
            folders.push(path);
        }
    }
    Ok(())
}

/// The search for an instant at which a snapshot and the log agree.
struct Search<'a> {
    wal: Wal<'a>,
    page_bytes: u64,
    source: &'a DatabaseUrl,
    /// Where the backup's log begins.
    first: Lsn,
    /// A position behind all that the files hold: recovery cannot stop before it.
    behind: Lsn,
    /// The server's time before the backup began.
    began: String,
}

/// An instant whose position is known; the session's transaction sees it.
struct Found {
    /// The last record that belongs to it.
    record: Lsn,
    taken_at: String,
    shapes: Vec<TableShape>,
}

impl Search<'_> {
    /// Finds one. The session is in a transaction that sees it, and keeps every table from being emptied or written anew.
    fn find(
        &self,
        session: &mut PostgresSession,
        watch: &dyn BackupWatch,
    ) -> Result<Found, EngineError> {
        let mut commits: Vec<Commit> = Vec::new();
        let mut read_up_to = self.first;
        let mut why = String::new();
        let mut holder: Option<PostgresSession> = None;
        for attempt in 1..=TRIES {
            if attempt > 1 {
                session.roll_back()?;
                thread::sleep((Duration::from_millis(5) * attempt).min(LONGEST_PAUSE));
                watch.progress("instants tried", u64::from(attempt), 0);
            }
            let shapes = all_tables(session)?;
            session.execute_own("begin isolation level repeatable read, read only")?;
            session.in_transaction = true;
            if let Err(error) = lock(session, &shapes) {
                let passes = error.kind.may_pass() || error.kind == ErrorKind::DoesNotExist;
                if !passes {
                    return Err(error);
                }
                why = error.message;
                continue;
            }
            let holds = attempt > QUIET_TRIES;
            if holds {
                let holder = match &mut holder {
                    Some(holder) => holder,
                    None => holder.insert(PostgresSession::open(self.source, &holding())?),
                };
                if let Err(error) = hold_writers(holder, &shapes) {
                    holder.roll_back()?;
                    why = format!("writers were not held: {}", error.message);
                    continue;
                }
            }
            let look = self.look(session);
            if let Some(holder) = &mut holder {
                holder.roll_back()?;
            }
            let look = look?;
            if look.waits_long {
                "a commit has been waiting for a synchronous standby since before the backup began"
                    .clone_into(&mut why);
                continue;
            }
            self.wait_for_disk(session, look.end)?;
            self.wal.fetch(look.end)?;
            commits.extend(self.wal.commits(read_up_to, look.end)?);
            read_up_to = read_up_to.max(look.end);
            let Some(position) = position(&commits, &look.seen, look.end, holds) else {
                "two transactions became visible in another order than their commits were written"
                    .clone_into(&mut why);
                continue;
            };
            if position
                < self
                    .behind
                    .before_header(self.page_bytes, self.wal.segment_bytes)
            {
                "a commit that was written while the files were copied is not seen yet"
                    .clone_into(&mut why);
                continue;
            }
            if names(&all_tables(session)?) != names(&shapes) {
                "tables were made or dropped".clone_into(&mut why);
                continue;
            }
            return Ok(Found {
                record: self.wal.last_record(self.first, position)?,
                taken_at: look.taken_at,
                shapes,
            });
        }
        Err(EngineError::new(
            ErrorKind::Transient,
            format!(
                "no instant was found whose position in the log is certain: {TRIES} were tried"
            ),
        )
        .detail(format!("at the last one: {why}"))
        .hint("try again at a calmer time"))
    }

    /// Takes the snapshot, and the position behind it.
    fn look(&self, session: &mut PostgresSession) -> Result<Look, EngineError> {
        let now = session.store_dialect().now;
        // The snapshot is there before the statement's functions are called: what it sees is written before the position.
        let sql = format!(
            "select pg_catalog.txid_current_snapshot()::text, pg_catalog.pg_current_wal_insert_lsn()::text, {now}, \
             exists (select from pg_catalog.pg_stat_activity where wait_event = 'SyncRep' and xact_start < $1::text::timestamptz)::text"
        );
        let rows = session.query_own(&sql, &[Value::from(self.began.as_str())])?;
        let row = rows.first().map(Vec::as_slice).unwrap_or_default();
        let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
        let unclear = || EngineError::new(ErrorKind::Other, "the server's snapshot cannot be read");
        let end: Lsn = text(1).parse().map_err(|()| unclear())?;
        Ok(Look {
            seen: Seen::parse(text(0)).ok_or_else(unclear)?,
            end: end.before_header(self.page_bytes, self.wal.segment_bytes),
            taken_at: text(2).to_owned(),
            waits_long: text(3) == "true",
        })
    }

    /// Waits until the log is on the server's disk up to there: it sends nothing else.
    fn wait_for_disk(&self, session: &mut PostgresSession, end: Lsn) -> Result<(), EngineError> {
        let deadline = Instant::now() + FLUSH;
        loop {
            let flushed = one(
                session,
                "select pg_catalog.pg_current_wal_flush_lsn()::text",
            )?;
            if flushed.parse::<Lsn>().is_ok_and(|flushed| flushed >= end) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(EngineError::new(
                    ErrorKind::Transient,
                    format!("the server has not brought its log to disk up to {end}"),
                )
                .hint("run the same command again"));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

struct Look {
    seen: Seen,
    end: Lsn,
    taken_at: String,
    waits_long: bool,
}

/// The tables of the database, tightrope's own among them.
fn all_tables(session: &mut PostgresSession) -> Result<Vec<TableShape>, EngineError> {
    let mut shapes = session.catalog()?.tables().to_vec();
    shapes.extend(own_tables(session)?);
    Ok(shapes)
}

fn names(shapes: &[TableShape]) -> Vec<&TableName> {
    shapes.iter().map(|shape| &shape.table).collect()
}

/// Keeps tables from being emptied or written anew, which snapshots do not see: readers and writers do not notice. It has to come before
/// the snapshot.
fn lock(session: &mut PostgresSession, shapes: &[TableShape]) -> Result<(), EngineError> {
    session.execute_own(&format!("set local lock_timeout = {LOCK_WAIT_MS}"))?;
    for chunk in shapes.chunks(CHUNK) {
        lock_in(session, chunk, "access share")?;
    }
    Ok(())
}

/// Waits until nobody who has written to a table is on the way any more, and lets nobody begin, until the session's transaction ends. What a
/// transaction has locked it gives back after it has become visible.
fn hold_writers(session: &mut PostgresSession, shapes: &[TableShape]) -> Result<(), EngineError> {
    session.execute_own("begin")?;
    session.in_transaction = true;
    session.execute_own(&format!(
        "set local lock_timeout = {HOLD_MS}; set local statement_timeout = {HOLD_MS}"
    ))?;
    // In one statement, so that its time is that of all tables together.
    lock_in(session, shapes, "share")
}

/// How the session is opened that holds writers: one that only reads may not.
fn holding() -> ConnectOptions {
    ConnectOptions {
        application_name: Some("tightrope backup".to_owned()),
        read_only: false,
        must_exist: true,
    }
}

fn lock_in(
    session: &mut PostgresSession,
    shapes: &[TableShape],
    mode: &str,
) -> Result<(), EngineError> {
    let names: Vec<String> = shapes
        .iter()
        .map(|shape| {
            let TableName { schema, name } = &shape.table;
            format!("only {}", quote_qualified(schema, name))
        })
        .collect();
    match names.is_empty() {
        true => Ok(()),
        false => session.execute_own(&format!("lock table {} in {mode} mode", names.join(", "))),
    }
}
