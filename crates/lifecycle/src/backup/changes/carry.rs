use serde::Serialize;
use tightrope_backup::{Carried, Found, LogStart};
use tightrope_engine::{BackupWatch as _, Session};

use super::super::BackupError;
use super::super::list::of_this_database;
use super::super::restore::{find, of_target};
use super::super::watch::Watch;
use super::begin::{log_of, writing};
use crate::project::Project;
use crate::run::Watchers;

/// Whose changes are carried out.
#[derive(Clone, Debug, Default)]
pub struct CarryOptions {
    /// Which backup; none means the newest of the target that has a change log.
    pub backup: Option<String>,
}

/// What was carried out.
#[derive(Clone, Debug, Serialize)]
pub struct CarriedOut {
    /// The backup.
    pub backup: String,
    /// How many changes were carried out just now.
    pub changes: u64,
    /// The size of their segment.
    pub bytes: u64,
    /// The server's time up to which all that was committed is beside the backup.
    pub recovery_point: String,
    /// Tables whose changes are not in the log.
    pub unlogged: Vec<String>,
}

/// Reads what was logged since the last time, makes it durable beside the backup, and frees it in the database.
///
/// # Errors
/// When there is no such log, or the place cannot be written; nothing is freed then.
pub fn carry_changes(
    project: &Project,
    options: &CarryOptions,
    watchers: Watchers<'_>,
) -> Result<CarriedOut, BackupError> {
    let found = match &options.backup {
        Some(name) => find(project, Some(name))?,
        None => newest_logged(project)?,
    };
    of_this_database(project, &found)?;
    let mut session = writing(project)?;
    let last = Last {
        ended: None,
        forget: true,
    };
    carry_out(&found, session.as_mut(), last, &Watch(watchers))
}

/// The newest backup of the target that has a change log.
fn newest_logged(project: &Project) -> Result<Found, BackupError> {
    let ours = of_target(project)?;
    ours.into_iter()
        .rfind(|found| found.log_start().is_some())
        .ok_or_else(|| BackupError::NoneLogged {
            database: project.url.redacted(),
        })
}

/// Where a backup stands in its change log.
pub(super) fn start_of(found: &Found) -> Result<&LogStart, BackupError> {
    let manifest = found.manifest.as_ref();
    let manifest = manifest.map_err(|damage| BackupError::Damaged {
        name: found.name.clone(),
        damage: vec![damage.clone()],
    })?;
    manifest
        .changes
        .as_ref()
        .ok_or_else(|| BackupError::NotLogged {
            name: found.name.clone(),
        })
}

/// The segments beside a backup, which must hold together.
pub(in super::super) fn carried(found: &Found) -> Result<Carried, BackupError> {
    let carried = Carried::of(found)?;
    match carried.damage.is_empty() {
        true => Ok(carried),
        false => Err(BackupError::ChangesDamaged {
            name: found.name.clone(),
            recovery_point: carried.recovery_point().map(str::to_owned),
            damage: carried.damage,
        }),
    }
}

/// How a segment is read; if nothing is said, more come after it and nothing is freed.
#[derive(Default)]
pub(super) struct Last {
    /// Why nothing comes after it.
    pub(super) ended: Option<String>,
    /// Whether the log frees what was carried out.
    pub(super) forget: bool,
}

/// Carries out what a log holds: the segment is durable first, and only then the database frees it.
pub(super) fn carry_out(
    found: &Found,
    session: &mut dyn Session,
    last: Last,
    watch: &Watch<'_>,
) -> Result<CarriedOut, BackupError> {
    let start = start_of(found)?;
    // The lock first: what another one carries right now is to be among the segments.
    let mut draft = Carried::of(found)?.begin()?;
    let carried = carried(found)?;
    let since = carried.mark().unwrap_or(&start.mark).to_owned();
    let log = log_of(session)?;
    let is_there = log
        .logs()
        .map_err(BackupError::doing("look for the change log"))?
        .iter()
        .any(|there| there.log == start.log);
    if !is_there {
        return Err(BackupError::LogGone {
            name: found.name.clone(),
            ended: carried.ended().map(str::to_owned),
        });
    }
    let mut count = 0;
    let read = log
        .read_log(start.log, &since, &mut |change| {
            count += 1;
            if count % 10_000 == 0 {
                watch.progress("changes carried out", count, 0);
            }
            draft.add(&change)
        })
        .map_err(BackupError::doing("read the change log"))?;
    watch.reached("changes read");
    let changes = draft.changes();
    let segment = carried.finish(draft, since, read, last.ended, || {
        watch.reached("changes written");
    })?;
    watch.reached("segment recorded");
    if last.forget && changes > 0 {
        log_of(session)?
            .forget(start.log, &segment.mark)
            .map_err(BackupError::doing("free what was carried out"))?;
        watch.reached("carried changes freed");
    }
    Ok(CarriedOut {
        backup: found.name.clone(),
        changes,
        bytes: segment.bytes,
        recovery_point: segment.at,
        unlogged: segment.unlogged.iter().map(ToString::to_string).collect(),
    })
}
