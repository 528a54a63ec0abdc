use std::collections::BTreeSet;
use std::time::Instant;

use serde::Serialize;
use tightrope_backup::{Found, Manifest, Place, SCHEMES};
use tightrope_engine::{Backup, BackupFiles, BackupKind, DatabaseUrl, TableContent, tables_named};
use tightrope_model::{TableName, nearest};

use super::BackupError;
use super::adopt::refuse_adopted;
use super::changes::{ReplayUntil, ReplayedChanges, catch_up, free_logs, replay, write_record};
use super::compare::{compare, reading};
use super::error::whole;
use super::files::{files, open_whole, sweep};
use super::list::TargetNow;
use super::prove::milliseconds;
use super::settings::{place_there, taker};
use super::take::record;
use super::watch::Watch;
use crate::project::Project;
use crate::run::Watchers;

/// What to restore, and where.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// Which backup: its name, its folder or its address; none means the newest of the target.
    pub backup: Option<String>,
    /// The database that it becomes.
    pub into: DatabaseUrl,
    /// The name of the database that may be overwritten: it is kept under another name.
    pub overwrite: Option<String>,
    /// Overwrite although the backup is of another database.
    pub from_another: bool,
    /// Only these tables, into a database that is there and does not have them.
    pub tables: Vec<TableName>,
    /// Replay what was logged since the backup, up to there.
    pub replay: Option<ReplayUntil>,
    /// Replay also what was written after a migration, without the migration: into the schema that the backup has.
    pub without_migrations: bool,
}

/// How long each part took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TimesOfRestore {
    /// Checking every byte of the backup.
    pub check_ms: u64,
    /// Restoring.
    pub restore_ms: u64,
    /// Comparing with the manifest.
    pub compare_ms: u64,
    /// Carrying out the rest of the change log and replaying all of it.
    pub replay_ms: u64,
    /// All of it.
    pub total_ms: u64,
}

/// What was restored.
#[derive(Clone, Debug, Serialize)]
pub struct RestoredBackup {
    /// The backup's name.
    pub name: String,
    /// What it is.
    pub manifest: Manifest,
    /// The database, redacted.
    pub into: String,
    /// Under what name the database that was overwritten is kept.
    pub kept: Option<String>,
    /// The tables, where only some were restored.
    pub only: Vec<String>,
    /// How many tables were compared and are equal.
    pub tables: usize,
    /// How many rows they have.
    pub rows: u64,
    /// What was replayed onto it, where that was asked for.
    pub replayed: Option<ReplayedChanges>,
    /// How long it took.
    pub times: TimesOfRestore,
    /// What a person should know.
    pub remarks: Vec<String>,
}

/// Restores a backup: checked byte by byte first, restored under a scratch name, compared with its manifest, and only then
/// given its name.
///
/// # Errors
/// When anything stands against it; what had the name before is what it was then.
pub fn restore_backup(
    project: &Project,
    options: &RestoreOptions,
    watchers: Watchers<'_>,
) -> Result<RestoredBackup, BackupError> {
    let began = Instant::now();
    let engine = project.registry.engine(&options.into)?;
    let taker = taker(engine.as_ref())?;
    let found = find(project, options.backup.as_deref())?;
    refuse_adopted(&found)?;
    of_one_database(&found, options)?;
    let watch = Watch(watchers);
    let (opened, manifest) = open_whole(&found, &watch)?;
    let check_ms = milliseconds(began);
    let restoring = Restoring {
        project,
        options,
        taker,
        found: &found,
        manifest,
        files: files(&opened, manifest),
        watchers,
        check_ms,
        began,
    };
    if !options.tables.is_empty() {
        return restoring.tables();
    }
    restoring.whole(engine.as_ref())
}

/// Refuses what is asked of a backup of a whole cluster.
fn of_one_database(found: &Found, options: &RestoreOptions) -> Result<(), BackupError> {
    let is_physical = |manifest: &Manifest| manifest.kind == BackupKind::Physical;
    if !found
        .manifest
        .as_ref()
        .is_ok_and(|manifest| is_physical(manifest))
    {
        return Ok(());
    }
    Err(BackupError::OfACluster {
        name: found.name.clone(),
        what: match (options.tables.is_empty(), &options.replay) {
            (false, _) => "single tables",
            (true, Some(_)) => "a database to replay changes onto",
            (true, None) => "a database of another server",
        },
    })
}

struct Restoring<'a> {
    project: &'a Project,
    options: &'a RestoreOptions,
    taker: &'a dyn Backup,
    found: &'a Found,
    manifest: &'a Manifest,
    files: BackupFiles<'a>,
    watchers: Watchers<'a>,
    check_ms: u64,
    began: Instant,
}

impl Restoring<'_> {
    fn whole(&self, engine: &dyn tightrope_engine::Engine) -> Result<RestoredBackup, BackupError> {
        let failed = BackupError::doing;
        let into = &self.options.into;
        self.may_have_the_name()?;
        self.fits()?;
        self.sweep()?;
        let watch = Watch(self.watchers);
        let began = Instant::now();
        let restored = self
            .taker
            .restore(&self.files, into, self.project.backup.jobs, &watch)
            .map_err(failed("restore the backup"))?;
        let restore_ms = milliseconds(began);
        let began = Instant::now();
        let compared = compare(
            self.project,
            engine,
            restored.as_ref(),
            self.manifest,
            self.watchers,
        )?;
        let compare_ms = milliseconds(began);
        if !compared.failures.is_empty() {
            return Err(BackupError::NotEqual {
                name: self.manifest.name.clone(),
                failures: compared.failures,
            });
        }
        let mut remarks = restored.remarks().to_vec();
        if !self.manifest.has_checksums() {
            remarks.push("the backup has no checksums: only its schema was compared".to_owned());
        }
        free_logs(engine, restored.url())?;
        let mut replayed = self.replay(engine, restored.as_ref())?;
        let kept = restored
            .take_place(self.options.overwrite.is_some(), &watch)
            .map_err(failed("give the restored database its name"))?;
        let detail = serde_json::json!({
            "backup": self.manifest.name,
            "manifest": self.manifest.seal,
            "taken_at": self.manifest.taken_at,
            "kept": kept,
            "recovery_point": replayed.as_ref().map(|one| &one.recovery_point),
            "changes": replayed.as_ref().map(|one| one.changes),
        });
        if let Some(replayed) = &mut replayed {
            replayed.remarks.extend(self.last_instant(kept.as_deref()));
        }
        remarks.extend(self.record("restored", detail));
        Ok(RestoredBackup {
            name: self.manifest.name.clone(),
            manifest: self.manifest.clone(),
            into: into.redacted(),
            kept,
            only: Vec::new(),
            tables: compared.tables,
            rows: compared.rows,
            times: TimesOfRestore {
                check_ms: self.check_ms,
                restore_ms,
                compare_ms,
                replay_ms: replayed
                    .as_ref()
                    .map_or(0, |one| one.carry_ms + one.replay_ms),
                total_ms: milliseconds(self.began),
            },
            replayed,
            remarks,
        })
    }

    /// Replays what was logged, and requires the schema of the backup afterwards.
    fn replay(
        &self,
        engine: &dyn tightrope_engine::Engine,
        restored: &dyn tightrope_engine::Restored,
    ) -> Result<Option<ReplayedChanges>, BackupError> {
        let Some(until) = &self.options.replay else {
            return Ok(None);
        };
        let watch = Watch(self.watchers);
        let how = (until, self.options.without_migrations);
        let mut done = replay(
            self.project,
            engine,
            self.found,
            restored.url(),
            how,
            &watch,
        )?;
        let fingerprint = reading(engine, restored.url())?
            .catalog()
            .map_err(BackupError::doing("read the schema after the replay"))?
            .fingerprint();
        if fingerprint.logical != self.manifest.fingerprint.logical {
            return Err(BackupError::NotEqual {
                name: self.manifest.name.clone(),
                failures: vec!["the replay has changed the schema".to_owned()],
            });
        }
        write_record(self.found, &self.options.into, &mut done)?;
        Ok(Some(done))
    }

    /// Somebody may have written to the old database while the new one was about to take its name.
    fn last_instant(&self, kept: Option<&str>) -> Option<String> {
        let kept = kept.filter(|_| self.options.replay == Some(ReplayUntil::End))?;
        let watch = Watch(self.watchers);
        let caught = self
            .taker
            .kept_url(&self.options.into, kept)
            .map_err(BackupError::doing("find what was overwritten"))
            .and_then(|url| catch_up(self.project, self.found, url, &watch));
        match caught {
            Ok(None | Some(0)) => None,
            Ok(Some(changes)) => Some(format!(
                "{changes} changes were committed while names changed: they are in `{kept}` and beside the backup, and are not replayed"
            )),
            Err(error) => Some(format!(
                "whether anything was written to `{kept}` in the last instant cannot be told: {}",
                whole(&error)
            )),
        }
    }

    fn tables(&self) -> Result<RestoredBackup, BackupError> {
        let chosen =
            tables_named(&self.manifest.tables, &self.options.tables).map_err(|tables| {
                BackupError::NoSuchTables {
                    name: self.manifest.name.clone(),
                    tables,
                }
            })?;
        let chosen: Vec<TableContent> = chosen.into_iter().cloned().collect();
        self.sweep()?;
        let began = Instant::now();
        let mut remarks = self
            .taker
            .restore_tables(
                &self.files,
                &chosen,
                &self.options.into,
                &Watch(self.watchers),
            )
            .map_err(BackupError::doing("restore the tables"))?;
        let restore_ms = milliseconds(began);
        let only: Vec<String> = chosen
            .iter()
            .map(|table| table.shape.table.to_string())
            .collect();
        let detail = serde_json::json!({
            "backup": self.manifest.name,
            "manifest": self.manifest.seal,
            "taken_at": self.manifest.taken_at,
            "tables": only,
        });
        remarks.extend(self.record("tables-restored", detail));
        // What has no checksum was not compared.
        let sums: Vec<_> = chosen
            .iter()
            .filter_map(|table| table.checksum.as_ref())
            .collect();
        Ok(RestoredBackup {
            name: self.manifest.name.clone(),
            manifest: self.manifest.clone(),
            into: self.options.into.redacted(),
            kept: None,
            only,
            tables: sums.len(),
            rows: sums.iter().map(|sum| sum.rows).sum(),
            times: TimesOfRestore {
                check_ms: self.check_ms,
                restore_ms,
                compare_ms: 0,
                replay_ms: 0,
                total_ms: milliseconds(self.began),
            },
            replayed: None,
            remarks,
        })
    }

    /// A database of that name is overwritten only where its name was said once more, and where the backup is of it.
    fn may_have_the_name(&self) -> Result<(), BackupError> {
        let there = self
            .taker
            .identity(&self.options.into)
            .map_err(BackupError::doing("look at the place of restoring"))?;
        match (there, &self.options.overwrite) {
            (None, None) => Ok(()),
            (None, Some(name)) => Err(BackupError::NothingToOverwrite {
                database: name.clone(),
            }),
            (Some(there), None) => Err(BackupError::IsThere {
                database: there.name,
            }),
            (Some(there), Some(name)) if there.name != *name => Err(BackupError::NotConfirmed {
                database: there.name,
                confirmed: name.clone(),
            }),
            (Some(there), Some(_))
                if there != self.manifest.database && !self.options.from_another =>
            {
                Err(BackupError::OtherDatabase {
                    name: self.manifest.name.clone(),
                    of: self.manifest.database.id.clone(),
                    this: there.id,
                })
            }
            (Some(_), Some(_)) => Ok(()),
        }
    }

    fn fits(&self) -> Result<(), BackupError> {
        let unfit = self
            .taker
            .unfit(&self.files, &self.options.into)
            .map_err(BackupError::doing("look at the place of restoring"))?;
        if unfit.is_empty() {
            return Ok(());
        }
        Err(BackupError::Unfit {
            name: self.manifest.name.clone(),
            unfit,
        })
    }

    fn sweep(&self) -> Result<(), BackupError> {
        sweep(self.taker, &self.options.into, self.watchers.listener)
    }

    /// The database that was restored into remembers it in its own ledger.
    fn record(&self, action: &str, detail: serde_json::Value) -> Option<String> {
        let restored = Project {
            url: self.options.into.clone(),
            ..self.project.clone()
        };
        record(&restored, action, detail, self.watchers)
    }
}

/// A backup by its name, by its folder or address, or the newest whole one of the target.
pub(crate) fn find(project: &Project, named: Option<&str>) -> Result<Found, BackupError> {
    let Some(name) = named else {
        return newest(project);
    };
    if let Some((place, name)) = by_path(project, name)? {
        return place.find(name)?.ok_or_else(|| BackupError::Unknown {
            name: name.to_owned(),
            place: place.to_string(),
            near: None,
        });
    }
    let place = place_there(project)?;
    if let Some(found) = place.find(name)? {
        return Ok(found);
    }
    let all = place.list()?;
    let names: Vec<&str> = all.iter().map(|found| found.name.as_str()).collect();
    Err(BackupError::Unknown {
        name: name.to_owned(),
        place: place.to_string(),
        near: nearest(name, &names).map(str::to_owned),
    })
}

/// The place and the name in a backup's path or address; none where it is a name alone.
fn by_path<'a>(project: &Project, path: &'a str) -> Result<Option<(Place, &'a str)>, BackupError> {
    let settings = &project.backup;
    let Some((parent, name)) = path.trim_end_matches('/').rsplit_once('/') else {
        return Ok(None);
    };
    let is_address = SCHEMES.iter().any(|scheme| parent.starts_with(scheme));
    let place = match (is_address, parent) {
        (true, address) => Place::in_bucket(address, &settings.bucket, settings.key.clone())?,
        (false, "") => Place::new("/", settings.key.clone()),
        (false, folder) => Place::new(folder, settings.key.clone()),
    };
    Ok(Some((settings.equip(place), name)))
}

/// The newest backup of the target. A damaged one that might be newer is not passed over in silence: it is the one that is given.
fn newest(project: &Project) -> Result<Found, BackupError> {
    let place = place_there(project)?;
    let mut ours = of_target(project)?;
    ours.pop().ok_or_else(|| BackupError::NoneThere {
        database: project.url.redacted(),
        place: place.to_string(),
    })
}

/// The backups of the target, oldest first, with those that could be of it.
///
/// # Errors
/// When the target cannot be asked who it is, and several databases of its name have backups there.
pub(crate) fn of_target(project: &Project) -> Result<Vec<Found>, BackupError> {
    let place = place_there(project)?;
    let now = TargetNow::of(project, None)?;
    let mut ours = place.list()?;
    ours.retain(|found| now.has(found));
    let ids: BTreeSet<&str> = ours
        .iter()
        .filter_map(|found| Some(found.manifest.as_ref().ok()?.database.id.as_str()))
        .collect();
    if ids.len() > 1 {
        return Err(BackupError::SeveralDatabases {
            database: now.name,
            place: place.to_string(),
            ids: ids.into_iter().map(str::to_owned).collect(),
        });
    }
    Ok(ours)
}
