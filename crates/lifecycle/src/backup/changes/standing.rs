use serde::Serialize;
use tightrope_backup::{Carried, Found};
use tightrope_engine::LogThere;

use super::super::BackupError;
use super::begin::log_of;
use crate::project::{Access, Project};

/// How a backup's change log stands.
#[derive(Clone, Debug, Serialize)]
pub struct LogStanding {
    /// Whether the database logs for it still.
    pub goes_on: bool,
    /// Bytes that the log occupies in the database.
    pub waiting_bytes: u64,
    /// All that was committed up to then is beside the backup; none where nothing was carried out.
    pub recovery_point: Option<String>,
    /// Changes beside the backup.
    pub carried: u64,
    /// Their size.
    pub carried_bytes: u64,
    /// Why it goes no further, where it does not.
    pub ended: Option<String>,
    /// What is wrong with what was carried out.
    pub damage: Vec<tightrope_backup::Damage>,
}

/// The logs that are in the target; none where it cannot be asked: backups are for that very case.
pub(in super::super) fn logs_there(project: &Project) -> Vec<LogThere> {
    let ask = || {
        let engine = project.engine().ok()?;
        let mut session = project.connect(engine.as_ref(), Access::Read).ok()?;
        log_of(session.as_mut()).ok()?.logs().ok()
    };
    ask().unwrap_or_default()
}

/// How the log of a backup stands; none if it has none.
pub(in super::super) fn standing_of(
    found: &Found,
    there: &[LogThere],
) -> Result<Option<LogStanding>, BackupError> {
    let Some(start) = found.log_start() else {
        return Ok(None);
    };
    let log = there.iter().find(|there| there.log == start.log);
    let carried = Carried::of(found)?;
    Ok(Some(LogStanding {
        goes_on: log.is_some(),
        waiting_bytes: log.map_or(0, |log| log.bytes),
        recovery_point: carried.recovery_point().map(str::to_owned),
        carried: carried.changes(),
        carried_bytes: carried.bytes(),
        ended: carried.ended().map(str::to_owned),
        damage: carried.damage.clone(),
    }))
}
