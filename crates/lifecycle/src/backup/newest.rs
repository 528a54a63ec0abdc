use std::sync::{Arc, Mutex};

use tightrope_backup::{Found, free_bytes};
use tightrope_engine::{BackupKind, DatabaseUrl, Engine, Restored};

use super::BackupError;
use super::adopt::{AdoptedRestored, ToRestore};
use super::cluster::restore_to_look;
use super::files::{files, open_whole, sweep};
use super::restore::of_target;
use super::settings::{place_of, taker};
use super::watch::Watch;
use super::way::timed;
use crate::project::Project;
use crate::rehearse::CopyRoom;
use crate::run::Watchers;
use crate::{Event, Listener, Silent};

/// A backup that was restored to be copied. Dropping the value removes what was restored.
pub(crate) struct RestoredToCopy {
    /// The backup's name.
    pub(crate) name: String,
    pub(crate) by: RestoredBy,
    pub(crate) url: DatabaseUrl,
    pub(crate) remarks: Vec<String>,
}

/// Who has restored a backup, and holds it.
pub(crate) enum RestoredBy {
    /// The engine, from files of ours.
    Engine {
        restored: Arc<Mutex<Box<dyn Restored>>>,
        /// Whether it is on a throw-away server, which copies on it need as long as they live.
        is_on_throw_away: bool,
    },
    /// The system that keeps it, wherever that puts it. It is held, and not read.
    Other(
        #[expect(dead_code, reason = "dropping it removes what was restored")] Box<AdoptedRestored>,
    ),
}

impl RestoredToCopy {
    /// Whether it is where another system has put it, and not where copies are made.
    pub(crate) fn is_elsewhere(&self) -> bool {
        matches!(self.by, RestoredBy::Other(_))
    }
}

/// The newest backup of which a proof says that it can be restored, and what copying it takes.
pub(crate) struct BackupToCopy {
    /// Its name.
    pub(crate) name: String,
    /// The size of the database that it becomes.
    pub(crate) bytes: u64,
    /// Whether another system keeps it, and restores it.
    pub(crate) is_adopted: bool,
    /// The sizes and times of restores that were measured.
    pub(crate) restores: Vec<(u64, u64)>,
    /// What its files take on this machine while they are restored, where they are fetched or decrypted for that.
    pub(crate) staged: Option<CopyRoom>,
}

/// Says of which backup copies would be made; none if no backup is proven.
pub(crate) fn backup_to_copy(project: &Project) -> Result<Option<BackupToCopy>, BackupError> {
    let Some(found) = newest_proven(project)? else {
        return Ok(None);
    };
    let Ok(manifest) = &found.manifest else {
        return Ok(None);
    };
    let place = place_of(project)?;
    let (restores, _) = timed(place, &found, &manifest.database)?;
    let is_staged = place.folder().is_none() || manifest.encryption.is_some();
    let staging = project.backup.staging.as_deref().filter(|_| is_staged);
    Ok(Some(BackupToCopy {
        bytes: manifest.source_bytes,
        is_adopted: manifest.adopted.is_some(),
        restores,
        staged: staging.map(|staging| CopyRoom {
            at: staging.display().to_string(),
            bytes: manifest.bytes(),
            free_bytes: free_bytes(staging),
            what: "the backup's files, while it is restored".to_owned(),
        }),
        name: found.name,
    }))
}

/// The newest backup of the target of which a proof says that it can be restored.
fn newest_proven(project: &Project) -> Result<Option<Found>, BackupError> {
    let is_proven = |found: &Found| found.proof.as_ref().is_some_and(|proof| proof.passed());
    Ok(of_target(project)?.into_iter().rev().find(is_proven))
}

/// Restores the newest backup of the target of which a proof says that it can be, where copies for rehearsal are made; none if no backup is
/// proven.
pub(crate) fn restore_newest_proven(
    project: &Project,
    engine: &dyn Engine,
    listener: &dyn Listener,
) -> Result<Option<RestoredToCopy>, BackupError> {
    let Some(found) = newest_proven(project)? else {
        return Ok(None);
    };
    let watchers = Watchers {
        listener,
        edges: &Silent,
    };
    if let Ok(manifest) = &found.manifest
        && let Some(adopted) = &manifest.adopted
    {
        let backup = ToRestore {
            id: &adopted.id,
            database: &manifest.database,
        };
        let restored = AdoptedRestored::of(project, engine, backup, watchers)?;
        return Ok(Some(RestoredToCopy {
            name: found.name,
            url: restored.url().clone(),
            remarks: Vec::new(),
            by: RestoredBy::Other(Box::new(restored)),
        }));
    }
    let watch = Watch(watchers);
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
            by: RestoredBy::Engine {
                restored: Arc::new(Mutex::new(restored)),
                is_on_throw_away,
            },
        }
    }
}
