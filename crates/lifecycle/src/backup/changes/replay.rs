use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use tightrope_backup::{Carried, Found, LogStart, Manifest, ReplayRecord};
use tightrope_engine::{
    BackupWatch as _, Change, ChangeKind, ConnectOptions, Counted, DatabaseUrl, Engine, ErrorKind,
    LoggedTable, Replayed, Session, Unreplayed,
};
use tightrope_model::TableName;

use super::super::BackupError;
use super::super::error::whole;
use super::super::prove::milliseconds;
use super::super::settings::taker;
use super::super::watch::Watch;
use super::begin::log_of;
use super::carry::{Last, carried, carry_out, start_of};
use super::cut::{Cut, ReplayUntil};
use super::places::Places;
use crate::logged;
use crate::project::{Access, Project};

/// Changes handed to the engine at a time.
const CHUNK: usize = 5_000;

/// How often the damaged database is asked once more for what was written meanwhile.
const CATCH_UPS: usize = 5;

/// What was replayed onto a restored backup.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplayedChanges {
    /// All that was committed up to then is there.
    pub recovery_point: String,
    /// Whether the rest of the log was read from the database itself.
    pub read_from_database: bool,
    /// Changes that were replayed.
    pub changes: u64,
    /// Changes that came after the moment that was asked for.
    pub left_out: u64,
    /// What could not be replayed.
    pub unreplayed: Vec<Unreplayed>,
    /// Tables of which something may have been written that was not logged.
    pub unlogged: Vec<TableName>,
    /// Where the record with all of that is.
    pub record: String,
    /// How long carrying out the rest of the log took, in milliseconds.
    pub carry_ms: u64,
    /// How long replaying took.
    pub replay_ms: u64,
    /// What a person should know.
    pub remarks: Vec<String>,
}

/// Frees the logs that a restored database has brought along: they were begun for another one.
pub(in super::super) fn free_logs(
    engine: &dyn Engine,
    restored: &DatabaseUrl,
) -> Result<(), BackupError> {
    let mut session = connect(engine, restored)?;
    logged::free(session.as_mut()).map_err(BackupError::doing(
        "end the change log of the restored database",
    ))
}

fn connect(engine: &dyn Engine, url: &DatabaseUrl) -> Result<Box<dyn Session>, BackupError> {
    let options = ConnectOptions {
        application_name: Some("tightrope replay".to_owned()),
        read_only: false,
        must_exist: true,
    };
    engine
        .connect(url, &options)
        .map_err(BackupError::doing("connect to the restored database"))
}

/// Carries out the rest of the log, if the database can still be read, and replays everything onto the restored backup.
pub(in super::super) fn replay(
    project: &Project,
    engine: &dyn Engine,
    found: &Found,
    restored: &DatabaseUrl,
    (until, across): (&ReplayUntil, bool),
    watch: &Watch<'_>,
) -> Result<ReplayedChanges, BackupError> {
    let mut done = ReplayedChanges::default();
    let began = Instant::now();
    done.read_from_database = rest(project, found, watch, &mut done.remarks)?;
    let mut all = checked(found, watch)?;
    done.carry_ms = milliseconds(began);
    let began = Instant::now();
    let cut = Cut::find(&all, until, across, &found.name)?;
    let mut session = connect(engine, restored)?;
    let mut rows = Rows::default();
    let mut replaying = Replaying::begin(session.as_mut(), start_of(found)?, &cut, across, watch)?;
    let mut from = 0;
    for _ in 0..CATCH_UPS {
        replaying.segments(&all, from, &mut rows)?;
        from = all.segments.len();
        let more = done.read_from_database && *until == ReplayUntil::End;
        if !more || !rest(project, found, watch, &mut Vec::new())? {
            break;
        }
        all = carried(found)?;
        if all.segments.len() == from {
            break;
        }
    }
    watch.reached("changes replayed");
    let left_out = replaying.left_out;
    let replayed = replaying.end(&all)?;
    watch.reached("replay committed");
    must_have_these_rows(found, &rows, &replayed)?;
    done.replay_ms = milliseconds(began);
    done.changes = replayed.changes;
    done.left_out = left_out;
    done.unreplayed = replayed.unreplayed;
    done.remarks.extend(replayed.remarks);
    done.recovery_point = match until {
        ReplayUntil::Time(time) => time.to_string(),
        _ => all.recovery_point().unwrap_or_default().to_owned(),
    };
    if let Some(ended) = all.ended() {
        done.remarks
            .push(format!("its change log goes no further: {ended}"));
    }
    unlogged(&all, &mut done);
    Ok(done)
}

/// Writes down what was replayed, and what was not, beside the backup.
pub(in super::super) fn write_record(
    found: &Found,
    into: &DatabaseUrl,
    done: &mut ReplayedChanges,
) -> Result<(), BackupError> {
    let record = ReplayRecord {
        tightrope_replay: ReplayRecord::LAYOUT,
        backup: found.name.clone(),
        replayed_at: Timestamp::now().to_string(),
        into: into.redacted(),
        recovery_point: done.recovery_point.clone(),
        changes: done.changes,
        left_out: done.left_out,
        unreplayed: done.unreplayed.clone(),
        milliseconds: done.carry_ms + done.replay_ms,
        seal: None,
        signature: None,
    };
    let written = carried(found)?.write_replay(record)?;
    done.record = written;
    Ok(())
}

/// Carries out what the database has beyond the last segment. False where there is no database to ask any more.
fn rest(
    project: &Project,
    found: &Found,
    watch: &Watch<'_>,
    remarks: &mut Vec<String>,
) -> Result<bool, BackupError> {
    let engine = project.engine()?;
    let failed = BackupError::doing;
    let is_lost = |kind: ErrorKind| {
        matches!(
            kind,
            ErrorKind::DatabaseMissing | ErrorKind::Unreachable | ErrorKind::Damaged
        )
    };
    let ask = || -> Result<Option<String>, BackupError> {
        let there = taker(engine.as_ref())?
            .identity(&project.url)
            .map_err(failed("ask the database who it is"))?;
        let ours = found.manifest.as_ref().ok().map(|one| &one.database);
        match &there {
            None => return Ok(Some("the database is gone".to_owned())),
            Some(there) if Some(there) != ours => {
                return Ok(Some("another database has its place".to_owned()));
            }
            Some(_) => {}
        }
        // Its server's tables are not changed: what is overwritten is kept as it is.
        let mut session = project
            .connect(engine.as_ref(), Access::Read)
            .map_err(failed("connect"))?;
        match carry_out(found, session.as_mut(), Last::default(), watch) {
            Ok(_) => Ok(None),
            Err(BackupError::LogGone { ended: Some(_), .. }) => Ok(None),
            Err(BackupError::LogGone { .. }) => {
                Ok(Some("the database has the log no more".to_owned()))
            }
            Err(error) => Err(error),
        }
    };
    let because = match ask() {
        Ok(None) => return Ok(true),
        Ok(Some(because)) => because,
        Err(BackupError::Engine { source, .. }) if is_lost(source.kind) => whole(&source),
        Err(error) => return Err(error),
    };
    remarks.push(format!(
        "what was written after the last segment is not here: {because}"
    ));
    Ok(false)
}

/// The segments, every byte of which was read.
fn checked(found: &Found, watch: &Watch<'_>) -> Result<Carried, BackupError> {
    start_of(found)?;
    let carried = carried(found)?;
    let damage = carried.check(&watch.bytes("bytes of changes checked"))?;
    match damage.is_empty() {
        true => Ok(carried),
        false => Err(BackupError::ChangesDamaged {
            name: found.name.clone(),
            recovery_point: None,
            damage,
        }),
    }
}

/// How many rows each table should have more than the backup, by what was logged; none where that cannot be told.
#[derive(Default)]
struct Rows(BTreeMap<TableName, Option<i64>>);

impl Rows {
    fn count(&mut self, table: Option<&LoggedTable>, kind: ChangeKind) {
        let Some(table) = table else {
            return;
        };
        let more = self.0.entry(table.table.clone()).or_insert(Some(0));
        *more = match (kind, *more) {
            (ChangeKind::Insert, Some(more)) => Some(more + 1),
            (ChangeKind::Delete, Some(more)) => Some(more - 1),
            (ChangeKind::Update | ChangeKind::Migration, more) => more,
            _ => None,
        };
    }
}

struct Replaying<'a> {
    engine: Box<dyn tightrope_engine::Replay + 'a>,
    start: &'a LogStart,
    cut: &'a Cut,
    across: bool,
    watch: &'a Watch<'a>,
    done: u64,
    left_out: u64,
    /// What has no place in the backup.
    nowhere: Vec<Unreplayed>,
    /// Names that tables had when they were written, with those of the backup.
    renamed: BTreeSet<(TableName, TableName)>,
}

impl<'a> Replaying<'a> {
    fn begin(
        session: &'a mut dyn Session,
        start: &'a LogStart,
        cut: &'a Cut,
        across: bool,
        watch: &'a Watch<'a>,
    ) -> Result<Self, BackupError> {
        let engine = log_of(session)?
            .replay(across)
            .map_err(BackupError::doing("begin to replay"))?;
        Ok(Self {
            engine,
            start,
            cut,
            across,
            watch,
            done: 0,
            left_out: 0,
            nowhere: Vec::new(),
            renamed: BTreeSet::new(),
        })
    }

    fn segments(&mut self, all: &Carried, from: usize, rows: &mut Rows) -> Result<(), BackupError> {
        let tables = all.segments.last().map(|last| last.tables.as_slice());
        let places = Places::find(self.start, tables.unwrap_or_default(), self.across);
        let tables = places.tables.as_slice();
        let by_number: BTreeMap<i64, &LoggedTable> =
            tables.iter().map(|table| (table.number, table)).collect();
        let of = all.changes();
        let mut chunk = Vec::with_capacity(CHUNK);
        // What migrations themselves have written.
        let mut own = Vec::new();
        for segment in &all.segments[from..] {
            for change in all.read(segment)? {
                let change = change?;
                self.done += 1;
                if self.cut.is_of_a_migration(&change) && change.kind != ChangeKind::Migration {
                    own.push(change);
                    if own.len() == CHUNK {
                        self.leave_out(tables, std::mem::take(&mut own))?;
                    }
                    continue;
                }
                if !self.cut.has(&change) {
                    self.left_out += u64::from(change.kind != ChangeKind::Migration);
                    continue;
                }
                let Some(change) = self.placed(&places, change) else {
                    continue;
                };
                rows.count(by_number.get(&change.table).copied(), change.kind);
                chunk.push(change);
                if chunk.len() == CHUNK {
                    self.hand_over(tables, std::mem::take(&mut chunk))?;
                    self.watch.progress("changes replayed", self.done, of);
                }
            }
        }
        self.leave_out(tables, own)?;
        self.hand_over(tables, chunk)?;
        self.watch.progress("changes replayed", self.done, of);
        Ok(())
    }

    /// The change, if its table has a place in the backup; else it is told.
    fn placed(&mut self, places: &Places, change: Change) -> Option<Change> {
        if let Some((table, because)) = places.misfit(change.table) {
            self.nowhere.push(Unreplayed {
                change,
                table: table.to_string(),
                because: (*because).to_owned(),
            });
            return None;
        }
        if let Some(names) = places.renamed(change.table) {
            self.renamed.insert(names.clone());
        }
        Some(change)
    }

    fn leave_out(&mut self, tables: &[LoggedTable], own: Vec<Change>) -> Result<(), BackupError> {
        if own.is_empty() {
            return Ok(());
        }
        self.engine
            .leave_out(tables, own)
            .map_err(BackupError::doing("leave out what a migration has changed"))
    }

    fn hand_over(
        &mut self,
        tables: &[LoggedTable],
        changes: Vec<Change>,
    ) -> Result<(), BackupError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.engine
            .apply(tables, changes)
            .map_err(BackupError::doing("replay the changes"))
    }

    /// Sequences count on from where they were last seen.
    fn end(self, all: &Carried) -> Result<Replayed, BackupError> {
        let mut last: BTreeMap<&TableName, &Counted> = BTreeMap::new();
        for counted in all.segments.iter().flat_map(|segment| &segment.counted) {
            last.insert(&counted.sequence, counted);
        }
        let counted: Vec<Counted> = last.into_values().cloned().collect();
        let mut replayed = self
            .engine
            .end(&counted)
            .map_err(BackupError::doing("end the replay"))?;
        replayed.unreplayed.extend(self.nowhere);
        let renamed = self.renamed.iter().map(|(since, then)| {
            format!("what was written to `{since}` is in `{then}`: the table was called so when the backup was taken")
        });
        replayed.remarks.extend(renamed);
        Ok(replayed)
    }
}

/// Requires as many rows of each table as the backup had and the log tells.
fn must_have_these_rows(
    found: &Found,
    rows: &Rows,
    replayed: &Replayed,
) -> Result<(), BackupError> {
    let Ok(manifest) = &found.manifest else {
        return Ok(());
    };
    if !replayed.unreplayed.is_empty() {
        return Ok(());
    }
    let mut failures = Vec::new();
    for (table, now) in &replayed.rows {
        let (Some(before), Some(Some(more))) = (rows_of(manifest, table), rows.0.get(table)) else {
            continue;
        };
        let expected = i64::try_from(before)
            .unwrap_or(i64::MAX)
            .saturating_add(*more);
        if i64::try_from(*now).ok() != Some(expected) {
            failures.push(format!(
                "`{table}` has {now} rows after the replay, and should have {expected}"
            ));
        }
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(BackupError::NotEqual {
            name: found.name.clone(),
            failures,
        }),
    }
}

fn rows_of(manifest: &Manifest, table: &TableName) -> Option<u64> {
    let found = manifest.tables.iter().find(|one| one.shape.table == *table);
    found?.checksum.as_ref().map(|sum| sum.rows)
}

impl ReplayedChanges {
    /// Whether all that was committed is there, as far as can be known: what was not logged is not.
    pub fn is_whole(&self) -> bool {
        self.unreplayed.is_empty() && self.unlogged.is_empty()
    }
}

/// Names the tables whose changes nobody logged: at any of the readings, for a gap may have been mended since.
fn unlogged(all: &Carried, done: &mut ReplayedChanges) {
    let readings = all.segments.iter().chain(all.newest());
    let tables: BTreeSet<&TableName> = readings.flat_map(|one| &one.unlogged).collect();
    done.unlogged = tables.into_iter().cloned().collect();
    let names = done.unlogged.iter().map(|table| format!("`{table}`"));
    let names: Vec<String> = names.collect();
    if !names.is_empty() {
        done.remarks.push(format!(
            "what was written to {} was not logged, or not all of it",
            names.join(", ")
        ));
    }
}

/// Looks, after the names have changed, whether anything was committed in the last instant; it is carried out, and told.
pub(in super::super) fn catch_up(
    project: &Project,
    found: &Found,
    kept: DatabaseUrl,
    watch: &Watch<'_>,
) -> Result<Option<u64>, BackupError> {
    let engine = project.engine()?;
    let kept = Project {
        url: kept,
        ..project.clone()
    };
    let mut session = kept
        .connect(engine.as_ref(), Access::Read)
        .map_err(BackupError::doing("connect to what was overwritten"))?;
    match carry_out(found, session.as_mut(), Last::default(), watch) {
        Ok(carried) => Ok(Some(carried.changes)),
        Err(BackupError::LogGone { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
