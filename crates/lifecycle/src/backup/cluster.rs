//! Physical backups: of a whole cluster, restored onto a throw-away server or into a folder.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use tightrope_backup::Manifest;
use tightrope_engine::{
    BackupFiles, BackupKind, Cluster, Engine, Ground, KeptCluster, Physical, Restored,
};

use super::BackupError;
use super::compare::compare;
use super::files::{files, open_whole, sweep_ground};
use super::prove::milliseconds;
use super::restore::{TimesOfRestore, find};
use super::take::record;
use super::watch::Watch;
use crate::project::Project;
use crate::rehearse::CopiesOf;
use crate::run::Watchers;

/// Which cluster to restore, and into which folder.
#[derive(Clone, Debug)]
pub struct RestoreClusterOptions {
    /// Which backup: its name, its folder or its address; none means the newest of the target.
    pub backup: Option<String>,
    /// The folder that it becomes: one that is not there, or empty.
    pub folder: PathBuf,
}

/// A cluster that was restored.
#[derive(Clone, Debug, Serialize)]
pub struct RestoredCluster {
    /// The backup's name.
    pub name: String,
    /// What it is.
    pub manifest: Manifest,
    /// Where the cluster is.
    pub folder: PathBuf,
    /// The command that starts a server on it.
    pub start: String,
    /// How many tables were compared and are equal.
    pub tables: usize,
    /// How many rows they have.
    pub rows: u64,
    /// How long it took.
    pub times: TimesOfRestore,
    /// What a person should know.
    pub remarks: Vec<String>,
}

/// Restores a physical backup: checked byte by byte first, recovered on a throw-away server up to its position, compared with its
/// manifest, and only then given its folder.
///
/// # Errors
/// When anything stands against it; nothing is in the folder then.
pub fn restore_cluster(
    project: &Project,
    options: &RestoreClusterOptions,
    watchers: Watchers<'_>,
) -> Result<RestoredCluster, BackupError> {
    let began = Instant::now();
    let engine = project.engine()?;
    let physical = physical(engine.as_ref())?;
    let parent = free_folder(&options.folder)?;
    let found = find(project, options.backup.as_deref())?;
    if let Ok(manifest) = &found.manifest
        && manifest.kind == BackupKind::Logical
    {
        return Err(BackupError::OfOneDatabase {
            name: found.name.clone(),
        });
    }
    let watch = Watch(watchers);
    let (opened, manifest) = open_whole(&found, &watch)?;
    let check_ms = milliseconds(began);
    let ground = Ground {
        folder: parent,
        programs: project.backup.programs.clone(),
    };
    let started = Instant::now();
    let cluster = start(
        physical,
        &files(&opened, manifest),
        manifest,
        &ground,
        true,
        watchers,
    )?;
    let restore_ms = milliseconds(started);
    let started = Instant::now();
    let restored: &dyn Restored = cluster.as_ref();
    let compared = compare(project, engine.as_ref(), restored, manifest, watchers)?;
    let compare_ms = milliseconds(started);
    if !compared.failures.is_empty() {
        return Err(BackupError::NotEqual {
            name: manifest.name.clone(),
            failures: compared.failures,
        });
    }
    let detail = serde_json::json!({
        "backup": manifest.name,
        "manifest": manifest.seal,
        "taken_at": manifest.taken_at,
        "position": manifest.position,
    });
    let there = Project {
        url: cluster.url().clone(),
        ..project.clone()
    };
    let mut remarks: Vec<String> = record(&there, "restored", detail, watchers)
        .into_iter()
        .collect();
    let KeptCluster {
        start,
        remarks: more,
    } = cluster
        .keep_as(&options.folder, &watch)
        .map_err(BackupError::doing("give the restored cluster its folder"))?;
    remarks.extend(more);
    if !manifest.has_checksums() {
        remarks.push("the backup has no checksums: only its schema was compared".to_owned());
    }
    Ok(RestoredCluster {
        name: manifest.name.clone(),
        manifest: manifest.clone(),
        folder: options.folder.clone(),
        start,
        tables: compared.tables,
        rows: compared.rows,
        times: TimesOfRestore {
            check_ms,
            restore_ms,
            compare_ms,
            replay_ms: 0,
            total_ms: milliseconds(began),
        },
        remarks,
    })
}

/// The folder above one that nothing is in.
fn free_folder(folder: &Path) -> Result<PathBuf, BackupError> {
    let is_free = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(BackupError::FolderInUse {
            folder: folder.display().to_string(),
        });
    }
    let parent = folder.parent().map(|parent| match parent.as_os_str() {
        here if here.is_empty() => Path::new("."),
        _ => parent,
    });
    match parent.filter(|parent| parent.is_dir()) {
        Some(parent) => Ok(parent.to_owned()),
        None => Err(BackupError::NoFolderAbove {
            folder: folder.display().to_string(),
        }),
    }
}

/// The engine's ability to copy clusters.
pub(super) fn physical(engine: &dyn Engine) -> Result<&dyn Physical, BackupError> {
    engine.physical().ok_or(BackupError::NoPhysical)
}

/// Restores a physical backup where throw-away servers may stand, to be looked at and removed again.
pub(super) fn restore_to_look(
    project: &Project,
    engine: &dyn Engine,
    files: &BackupFiles<'_>,
    manifest: &Manifest,
    watchers: Watchers<'_>,
) -> Result<Box<dyn Restored>, BackupError> {
    let ground = ground(project).ok_or(BackupError::NoGround)?;
    Ok(start(
        physical(engine)?,
        files,
        manifest,
        &ground,
        false,
        watchers,
    )?)
}

/// Where throw-away servers may stand: where backups are proven, else where physical copies are rehearsed on.
fn ground(project: &Project) -> Option<Ground> {
    let folder = project.backup.prove_folder.clone();
    let of_copies = match &project.copies_of {
        CopiesOf::Physical(ground) => Some(ground.folder.clone()),
        _ => None,
    };
    Some(Ground {
        folder: folder.or(of_copies)?,
        programs: project.backup.programs.clone(),
    })
}

fn start(
    physical: &dyn Physical,
    files: &BackupFiles<'_>,
    manifest: &Manifest,
    ground: &Ground,
    to_keep: bool,
    watchers: Watchers<'_>,
) -> Result<Box<dyn Cluster>, BackupError> {
    sweep_ground(physical, &ground.folder, watchers.listener)
        .map_err(BackupError::doing("sweep the place of restoring"))?;
    let database = &manifest.database.name;
    physical
        .restore(files, database, ground, to_keep, &Watch(watchers))
        .map_err(BackupError::doing("restore the backup"))
}
