use std::sync::{Arc, Mutex};

use tightrope_backup::Found;
use tightrope_engine::{BackupKind, DatabaseUrl, Engine, Restored};

use super::BackupError;
use super::cluster::restore_to_look;
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
    pub(crate) restored: Arc<Mutex<Box<dyn Restored>>>,
    /// Whether it is on a throw-away server, which copies on it need as long as they live.
    pub(crate) is_on_throw_away: bool,
    pub(crate) url: DatabaseUrl,
    pub(crate) remarks: Vec<String>,
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
    let is_on_throw_away = manifest.kind == BackupKind::Physical;
    let files = files(&opened, manifest);
    let copying = Event::Copying {
        source: format!("the backup {}", found.name),
    };
    if is_on_throw_away {
        listener.event(&copying);
        let watchers = Watchers {
            listener,
            edges: &Silent,
        };
        let restored = restore_to_look(project, engine, &files, manifest, watchers)?;
        return Ok(Some(RestoredToCopy::of(found.name, restored, true)));
    }
    let taker = taker(engine)?;
    let place = project.rehearse_url.as_ref().unwrap_or(&project.url);
    sweep(taker, place, listener)?;
    listener.event(&copying);
    let restored = taker
        .restore(&files, place, project.backup.jobs, &watch)
        .map_err(BackupError::doing("restore the backup"))?;
    Ok(Some(RestoredToCopy::of(found.name, restored, false)))
}

impl RestoredToCopy {
    fn of(name: String, restored: Box<dyn Restored>, is_on_throw_away: bool) -> Self {
        Self {
            name,
            url: restored.url().clone(),
            remarks: restored.remarks().to_vec(),
            restored: Arc::new(Mutex::new(restored)),
            is_on_throw_away,
        }
    }
}
