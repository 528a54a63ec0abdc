use tightrope_backup::Found;
use tightrope_engine::{Engine, Restored};

use super::BackupError;
use super::files::{files, open_whole, sweep};
use super::restore::of_target;
use super::settings::taker;
use super::watch::Watch;
use crate::project::Project;
use crate::run::Watchers;
use crate::{Event, Listener, Silent};

/// A backup that was restored to be copied. Dropping the value removes what was restored.
pub(crate) struct RestoredToCopy {
    /// The backup's name.
    pub(crate) name: String,
    pub(crate) restored: Box<dyn Restored>,
}

/// Restores the newest backup of the target of which a proof says that it can be, where copies for rehearsal are made; none if no backup is
/// proven.
pub(crate) fn restore_newest_proven(
    project: &Project,
    engine: &dyn Engine,
    listener: &dyn Listener,
) -> Result<Option<RestoredToCopy>, BackupError> {
    let is_proven = |found: &Found| found.proof.as_ref().is_some_and(|proof| proof.passed());
    let Some(found) = of_target(project)?.into_iter().rev().find(is_proven) else {
        return Ok(None);
    };
    let watch = Watch(Watchers {
        listener,
        edges: &Silent,
    });
    let (opened, manifest) = open_whole(&found, &watch)?;
    let taker = taker(engine)?;
    let place = project.rehearse_url.as_ref().unwrap_or(&project.url);
    sweep(taker, place, listener)?;
    listener.event(&Event::Copying {
        source: format!("the backup {}", found.name),
    });
    let restored = taker
        .restore(
            &files(&opened, manifest),
            place,
            project.backup.jobs,
            &watch,
        )
        .map_err(BackupError::doing("restore the backup"))?;
    drop(opened);
    Ok(Some(RestoredToCopy {
        name: found.name,
        restored,
    }))
}
