use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Instant;

use jiff::Timestamp;
use tightrope_backup::{DrillKind, DrillRecord, DrillVerdict};
use tightrope_engine::{Engine, Scratch};
use tightrope_model::{TableName, Version};

use crate::backup::{BackupError, BackupSettings, TargetNow, place_of, whole};
use crate::fill::{Filling, fill};
use crate::project::{Access, Project};
use crate::rehearse::{CopiesOf, Source, State};
use crate::rollback::{RollbackOptions, RolledBack, prepare_rollback};
use crate::run::Watchers;
use crate::situation::{Situation, Standing};
use crate::{ApplyOptions, Event, Selecting, prepare_apply};

/// How many rows each table gets while the window is open.
const WRITES: usize = 5;

/// Runs a migration forward on a copy and back, and compares every value; then once more with rows written into every table in
/// between, and counts them. Puts the drill on the record, whatever comes out.
///
/// It is the first pending migration, or else the newest applied one, which is rolled back on the copy first.
///
/// # Errors
/// When no copy can be made or no migration is there. A rollback that fails, or loses something, is a drill that failed.
pub fn drill_rollback(
    project: &Project,
    watchers: Watchers<'_>,
) -> Result<DrillRecord, BackupError> {
    let place = place_of(project)?;
    let engine = project.engine()?;
    let cloner = engine
        .cloner()
        .ok_or_else(|| BackupError::Drill("this engine makes no copies".to_owned()))?;
    let made = Source::open(project, engine.as_ref(), watchers.listener)
        .map_err(Box::new)?
        .into_base(project, cloner, watchers.listener)
        .map_err(BackupError::doing("make a copy"))?;
    watchers.listener.event(&Event::Copied {
        name: made.scratch.name().to_owned(),
        report: made.report.clone(),
    });
    let copy = made.scratch;
    let drill = Drill {
        project: on_copy(project, copy.as_ref()),
        engine: engine.as_ref(),
        watchers,
    };
    let held = drill.hold()?;
    let bytes = copy.report().bytes.unwrap_or(0);
    drop(copy);
    let database = TargetNow::of(project, None)?.named();
    let record = DrillRecord {
        tightrope_drill: DrillRecord::LAYOUT,
        kind: DrillKind::Rollback,
        database,
        at: Timestamp::now().to_string(),
        what: held.migration,
        bytes,
        milliseconds: held.milliseconds,
        verdict: if held.failures.is_empty() {
            DrillVerdict::Pass
        } else {
            DrillVerdict::Fail
        },
        findings: if held.failures.is_empty() {
            held.findings
        } else {
            held.failures
        },
        seal: None,
        signature: None,
    };
    Ok(place.write_drill(record)?)
}

/// The same project on the copy: nothing is asked for there, and of the copy as many copies may be made as it takes.
fn on_copy(project: &Project, copy: &dyn Scratch) -> Project {
    let mut project = Project {
        url: copy.url().clone(),
        rehearse_url: None,
        copies_of: CopiesOf::Target,
        selecting: Selecting::default(),
        backup: BackupSettings::default(),
        ..project.clone()
    };
    project.policy.copy_limit_bytes = u64::MAX;
    project
}

struct Drill<'a> {
    project: Project,
    engine: &'a dyn Engine,
    watchers: Watchers<'a>,
}

struct Held {
    migration: String,
    milliseconds: u64,
    findings: Vec<String>,
    failures: Vec<String>,
}

impl Drill<'_> {
    fn hold(&self) -> Result<Held, BackupError> {
        let (version, migration) = self.make_ready()?;
        let before = self.state()?;
        let mut held = Held {
            migration,
            milliseconds: 0,
            findings: Vec::new(),
            failures: Vec::new(),
        };
        // What was there can be compared value for value only while nobody writes.
        self.forward(&version)?;
        if self.back(&mut held)?.is_some() {
            compare_values(&before, &self.state()?, &mut held);
        }
        if !held.failures.is_empty() {
            return Ok(held);
        }
        self.forward(&version)?;
        let written = self.write()?;
        if let Some(done) = self.back(&mut held)? {
            let nets = done.migrations.iter().filter_map(|one| one.net.as_ref());
            let quarantined: Vec<TableName> = nets
                .flat_map(|net| net.quarantined.iter().map(|row| row.table.clone()))
                .collect();
            compare_counts(&before, &self.state()?, &written, &quarantined, &mut held);
        }
        Ok(held)
    }

    fn forward(&self, version: &Version) -> Result<(), BackupError> {
        let options = ApplyOptions {
            to: Some(version.clone()),
            ..ApplyOptions::default()
        };
        let prepared = prepare_apply(&self.project, &options, self.watchers).map_err(not_held)?;
        prepared.run(self.watchers).map_err(not_held)?;
        Ok(())
    }

    /// Rolls back against the clock; none if that failed, which the drill has as a failure then.
    fn back(&self, held: &mut Held) -> Result<Option<RolledBack>, BackupError> {
        let began = Instant::now();
        let rolled_back = self.roll_back();
        held.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match rolled_back {
            Ok(done) => Ok(Some(done)),
            Err(why) => {
                held.failures.push(format!("the rollback failed: {why}"));
                Ok(None)
            }
        }
    }

    /// Finds the migration, and brings the copy to where it is the first that is pending.
    fn make_ready(&self) -> Result<(Version, String), BackupError> {
        let (folder, _) = self
            .project
            .read_folder(self.engine.kind())
            .map_err(not_held)?;
        let situation = self.situation()?;
        if situation.open_run.is_some() {
            return Err(BackupError::Drill("a run is open".to_owned()));
        }
        let pending = Standing::of(&folder, &situation.applied, self.engine.kind()).pending;
        if let Some(first) = pending.first() {
            return Ok((first.version.clone(), first.label()));
        }
        let last = situation.applied.last().ok_or_else(|| {
            BackupError::Drill("no migration is applied, and none is pending".to_owned())
        })?;
        let version = Version::new(&last.version);
        let migration = folder
            .migrations
            .iter()
            .find(|migration| migration.version == version)
            .ok_or_else(|| {
                BackupError::Drill(format!("the folder does not have {}", last.version))
            })?;
        self.roll_back().map_err(BackupError::Drill)?;
        Ok((version, migration.label()))
    }

    fn situation(&self) -> Result<Situation, BackupError> {
        let mut session = self
            .project
            .connect(self.engine, Access::Read)
            .map_err(BackupError::doing("connect to the copy"))?;
        Ok(Situation::read(session.as_mut())?)
    }

    fn state(&self) -> Result<State, BackupError> {
        let failed = BackupError::doing;
        let mut session = self
            .project
            .connect(self.engine, Access::Read)
            .map_err(failed("connect to the copy"))?;
        State::read(session.as_mut()).map_err(failed("read the copy"))
    }

    /// Gives every table some rows more, as an application would; how many each got.
    fn write(&self) -> Result<BTreeMap<TableName, u64>, BackupError> {
        let failed = BackupError::doing;
        let state = self.state()?;
        let mut session = self
            .project
            .connect(self.engine, Access::Write)
            .map_err(failed("connect to the copy"))?;
        let all: BTreeSet<TableName> = state.checksums.keys().cloned().collect();
        let mut written = BTreeMap::new();
        for (table, sum) in &state.checksums {
            let filling = Filling {
                rows: usize::try_from(sum.rows)
                    .unwrap_or(usize::MAX)
                    .saturating_add(WRITES),
                seed: 1,
                except: all
                    .iter()
                    .filter(|other| *other != table)
                    .cloned()
                    .collect(),
            };
            let filled = fill(session.as_mut(), &state.catalog, &filling)
                .map_err(failed("write into the copy"))?;
            for (table, rows) in filled.rows {
                *written.entry(table).or_insert(0) += rows as u64;
            }
        }
        Ok(written)
    }

    fn roll_back(&self) -> Result<RolledBack, String> {
        let options = RollbackOptions::default();
        prepare_rollback(&self.project, &options)
            .and_then(|prepared| prepared.run(self.watchers))
            .map_err(|error| whole(&error))
    }
}

/// The schema is what it was, and so is every value of every row.
fn compare_values(before: &State, now: &State, held: &mut Held) {
    compare_schemas(before, now, held);
    for (table, sum) in &before.checksums {
        if now.checksums.get(table) != Some(sum) {
            held.failures
                .push(format!("rows of `{table}` are not what they were"));
        }
    }
}

/// As many rows are there as before, with those that were written since, but for those in quarantine.
fn compare_counts(
    before: &State,
    now: &State,
    written: &BTreeMap<TableName, u64>,
    quarantined: &[TableName],
    held: &mut Held,
) {
    compare_schemas(before, now, held);
    let (mut rows, mut kept) = (0, 0);
    for (table, sum) in &before.checksums {
        let more = written.get(table).copied().unwrap_or(0);
        let found = now.checksums.get(table).map_or(0, |sum| sum.rows);
        rows += sum.rows;
        kept += more;
        let missing = (sum.rows + more).saturating_sub(found);
        // A table that has another name after the migration could be any of those of before.
        let may_be_of = |name: &&TableName| *name == table || !before.checksums.contains_key(name);
        if missing > quarantined.iter().filter(may_be_of).count() as u64 {
            held.failures.push(format!(
                "{missing} rows of `{table}` are missing after the rollback"
            ));
        }
    }
    held.findings.push(format!(
        "schema and {rows} rows as before, {kept} rows written since kept"
    ));
    if !quarantined.is_empty() {
        held.findings
            .push(format!("{} rows went to quarantine", quarantined.len()));
    }
}

fn compare_schemas(before: &State, now: &State, held: &mut Held) {
    if now.fingerprint.logical != before.fingerprint.logical {
        held.failures
            .push("the schema is not what it was".to_owned());
    }
}

fn not_held(error: impl Error) -> BackupError {
    BackupError::Drill(whole(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_model::{Catalog, TableChecksum};

    fn state(tables: &[(&str, u64, &str)]) -> State {
        let catalog = Catalog::new([], Vec::new());
        let sum = |(name, rows, sum): &(&str, u64, &str)| {
            let checksum = TableChecksum {
                rows: *rows,
                first: (*sum).to_owned(),
                second: (*sum).to_owned(),
            };
            (TableName::new("", *name), checksum)
        };
        State {
            fingerprint: catalog.fingerprint(),
            catalog,
            checksums: tables.iter().map(sum).collect(),
        }
    }

    fn failures(compare: impl FnOnce(&mut Held)) -> Vec<String> {
        let mut held = Held {
            migration: String::new(),
            milliseconds: 0,
            findings: Vec::new(),
            failures: Vec::new(),
        };
        compare(&mut held);
        held.failures
    }

    #[test]
    fn a_lost_value_is_found_though_no_row_is_missing() {
        let before = state(&[("a", 3, "1"), ("b", 5, "2")]);
        let check = |now: &State, expect: &[&str]| {
            assert_eq!(failures(|held| compare_values(&before, now, held)), expect);
        };
        check(&before, &[]);
        let lost = state(&[("a", 3, "1"), ("b", 5, "9")]);
        check(&lost, &["rows of `b` are not what they were"]);
        check(
            &state(&[("b", 5, "2")]),
            &["rows of `a` are not what they were"],
        );
    }

    #[test]
    fn rows_in_quarantine_excuse_those_of_their_table_alone() {
        let before = state(&[("a", 3, "1"), ("b", 5, "2")]);
        let (a, b) = (TableName::new("", "a"), TableName::new("", "b"));
        let written = BTreeMap::from([(a.clone(), 2), (b.clone(), 2)]);
        let check = |now: &State, quarantined: &[TableName], expect: &[&str]| {
            let found = failures(|held| compare_counts(&before, now, &written, quarantined, held));
            assert_eq!(found, expect);
        };
        check(&state(&[("a", 5, "3"), ("b", 7, "4")]), &[], &[]);
        let now = state(&[("a", 4, "3"), ("b", 7, "4")]);
        let missing = ["1 rows of `a` are missing after the rollback"];
        check(&now, &[], &missing);
        check(&now, &[b], &missing);
        check(&now, &[a], &[]);
        check(&now, &[TableName::new("", "renamed")], &[]);
    }
}
