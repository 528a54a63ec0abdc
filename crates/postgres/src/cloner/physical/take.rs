//! Physical backups: the files of a cluster, and its log up to the position at which schema and rows were summed up.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tightrope_engine::{
    BackupKind, BackupWatch, ConnectOptions, DatabaseUrl, EngineError, ErrorKind, ServerPrograms,
    Session as _, TableContent, TakeOptions, Taken,
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
const TRIES: u32 = 150;
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
    drop(session);
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
    // The first session may be long gone: copying takes hours where there is much to copy.
    let mut session = reading(source)?;
    let wal = Wal {
        installation: &installation,
        target: &target,
        folder: data.join("pg_wal"),
        segment_bytes: size_setting(&mut session, "wal_segment_size")?,
    };
    let search = Search::begin(&mut session, wal, source, &data, began)?;
    let instant = search.find(&mut session, watch)?;
    watch.reached("position found");
    let fingerprint = session.catalog()?.fingerprint();
    let unlogged = unlogged(&mut session)?;
    let tables = sums(&mut session, instant.shapes, &unlogged, options, watch)?;
    session.roll_back()?;
    finish(folder, &look)?;
    watch.reached("cluster written");
    facts.write(&mut properties);
    properties.insert(POSITION.to_owned(), instant.record.to_string());
    properties.insert(MAJOR.to_owned(), session.major.to_string());
    let role = session.server().user.clone();
    properties.extend(role.map(|role| (ROLE.to_owned(), role)));
    Ok(Taken {
        kind: BackupKind::Physical,
        method: "pg_basebackup, files and log".to_owned(),
        program: Some(session.major.to_string()),
        server: session.server().clone(),
        database,
        taken_at: instant.taken_at,
        position: Some(instant.record.to_string()),
        properties,
        fingerprint,
        tables,
        source_bytes: look.database_bytes,
        remarks: unlogged_remark(&unlogged).into_iter().collect(),
        mark: None,
    })
}

/// Sums up the tables as they will come back: of unlogged ones, whose rows are in no log, nothing does.
fn sums(
    session: &mut PostgresSession,
    shapes: Vec<TableShape>,
    unlogged: &[(String, String)],
    options: &TakeOptions,
    watch: &dyn BackupWatch,
) -> Result<Vec<TableContent>, EngineError> {
    let mut tables = sum_up(session, shapes, options, watch)?;
    for table in &mut tables {
        let TableName { schema, name } = &table.shape.table;
        if unlogged
            .iter()
            .any(|one| (&one.0, &one.1) == (schema, name))
        {
            table.checksum = table.checksum.is_some().then(empty);
        }
    }
    Ok(tables)
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

/// A setting of the server that is a number of bytes, and is never nothing.
fn size_setting(session: &mut PostgresSession, name: &str) -> Result<u64, EngineError> {
    let sql = format!("select setting from pg_catalog.pg_settings where name = '{name}'");
    let size = one(session, &sql)?.parse().ok().filter(|size| *size > 0);
    size.ok_or_else(|| EngineError::new(ErrorKind::Other, format!("the server has no `{name}`")))
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

/// What was read of the log until now.
struct ReadLog {
    commits: Vec<Commit>,
    up_to: Lsn,
}

/// An instant whose position is known; the session's transaction sees it.
struct Found {
    /// The last record that belongs to it.
    record: Lsn,
    taken_at: String,
    shapes: Vec<TableShape>,
}

impl<'a> Search<'a> {
    /// A search in the log of files that have just been copied.
    fn begin(
        session: &mut PostgresSession,
        wal: Wal<'a>,
        source: &'a DatabaseUrl,
        data: &Path,
        began: String,
    ) -> Result<Self, EngineError> {
        let page_bytes = size_setting(session, "wal_block_size")?;
        let behind: Lsn = one(
            session,
            "select pg_catalog.pg_current_wal_insert_lsn()::text",
        )?
        .parse()
        .map_err(|()| unclear())?;
        Ok(Self {
            behind: behind.before_header(page_bytes, wal.segment_bytes),
            first: start_of(data)?,
            wal,
            page_bytes,
            source,
            began,
        })
    }

    /// Finds one. The session is in a transaction that sees it, and keeps every table from being emptied or written anew.
    fn find(
        &self,
        session: &mut PostgresSession,
        watch: &dyn BackupWatch,
    ) -> Result<Found, EngineError> {
        let mut read = ReadLog {
            commits: Vec::new(),
            up_to: self.first,
        };
        let mut holder = None;
        let mut why = String::new();
        for attempt in 1..=TRIES {
            if attempt > 1 {
                session.roll_back()?;
                thread::sleep((Duration::from_millis(5) * attempt).min(LONGEST_PAUSE));
                watch.progress("instants tried", u64::from(attempt), 0);
            }
            if attempt > QUIET_TRIES && holder.is_none() {
                holder = Some(PostgresSession::open(self.source, &holding())?);
            }
            match self.attempt(session, holder.as_mut(), &mut read)? {
                Ok(found) => return Ok(found),
                Err(reason) => why = reason,
            }
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

    /// Tries one instant, with writers held where there is a session for that; says why it does not do.
    fn attempt(
        &self,
        session: &mut PostgresSession,
        holder: Option<&mut PostgresSession>,
        read: &mut ReadLog,
    ) -> Result<Result<Found, String>, EngineError> {
        let not = |why: &str| Ok(Err(why.to_owned()));
        let shapes = all_tables(session)?;
        session.execute_own("begin isolation level repeatable read, read only")?;
        session.in_transaction = true;
        if let Err(error) = lock(session, &shapes) {
            let passes = error.kind.may_pass() || error.kind == ErrorKind::DoesNotExist;
            return if passes {
                Ok(Err(error.message))
            } else {
                Err(error)
            };
        }
        let holds = holder.is_some();
        let look = match holder {
            None => self.look(session)?,
            Some(holder) => {
                let held = hold_writers(holder, &shapes).map(|()| self.look(session));
                // However that ended, nobody is held any longer.
                holder.roll_back()?;
                match held {
                    Ok(look) => look?,
                    Err(error) => {
                        return Ok(Err(format!("writers were not held: {}", error.message)));
                    }
                }
            }
        };
        if look.waits_long {
            return not(
                "a commit has been waiting for a synchronous standby since before the backup began",
            );
        }
        self.wait_for_disk(session, look.end)?;
        self.wal.fetch(look.end)?;
        read.commits.extend(self.wal.commits(read.up_to, look.end)?);
        read.up_to = read.up_to.max(look.end);
        let Some(position) = position(&read.commits, &look.seen, look.end, holds) else {
            return not(
                "two transactions became visible in another order than their commits were written",
            );
        };
        if position < self.behind {
            return not("a commit that was written while the files were copied is not seen yet");
        }
        if names(&all_tables(session)?) != names(&shapes) {
            return not("tables were made or dropped");
        }
        Ok(Ok(Found {
            record: self.wal.last_record(self.first, position)?,
            taken_at: look.taken_at,
            shapes,
        }))
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

fn unclear() -> EngineError {
    EngineError::new(
        ErrorKind::Other,
        "what the server says of its snapshot and its log cannot be read",
    )
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
