use std::path::PathBuf;
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use tightrope_backup::{LogStart, Manifest, Place};
use tightrope_engine::{Backup, BackupWatch as _, Engine, LogNumber, TakeOptions};
use tightrope_store::Store;

use super::BackupError;
use super::changes::{begin_log, give_up, replace_older};
use super::error::whole;
use super::settings::{place_of, taker};
use super::watch::Watch;
use crate::project::{Access, Project};
use crate::run::{Run, Watchers};

/// How a backup is taken.
#[derive(Clone, Copy, Debug)]
pub struct TakeBackupOptions {
    /// Whether every table is summed up; without it the backup cannot be proven.
    pub checksums: bool,
    /// Whether every change from its snapshot on is logged, to be replayed onto it.
    pub changes: bool,
}

impl Default for TakeBackupOptions {
    fn default() -> Self {
        Self {
            checksums: true,
            changes: false,
        }
    }
}

/// A backup that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct BackupTaken {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: String,
    /// What it is.
    pub manifest: Manifest,
    /// The size of its files.
    pub bytes: u64,
    /// How long all of it took.
    pub milliseconds: u64,
    /// Whether it is signed.
    pub signed: bool,
    /// What a person should look at: the place is on the disk of the data, and the like.
    pub warnings: Vec<String>,
}

/// Takes a backup of the target into the place that the project names.
///
/// # Errors
/// When the target cannot be read whole or the place cannot be written; no backup is there then.
pub fn take_backup(
    project: &Project,
    options: &TakeBackupOptions,
    watchers: Watchers<'_>,
) -> Result<BackupTaken, BackupError> {
    let engine = project.engine()?;
    let taker = taker(engine.as_ref())?;
    let place = place_of(project)?;
    let swept = place.prepare()?;
    if !swept.is_empty() {
        watchers
            .listener
            .event(&crate::Event::Swept { names: swept });
    }
    let mut warnings: Vec<String> = same_disk(taker, project, place).into_iter().collect();
    let applied = newest_applied(project, engine.as_ref())?;
    let name = taker
        .identity(&project.url)
        .map_err(BackupError::doing("ask the database who it is"))?
        .map_or_else(|| "database".to_owned(), |database| database.name);

    let watch = Watch(watchers);
    let log = (options.changes || project.backup.changes)
        .then(|| begin_log(project, &watch))
        .transpose()?;
    let written = write(
        project,
        taker,
        place,
        (&name, applied),
        options,
        log,
        &watch,
    );
    let (manifest, folder) = match written {
        Ok(written) => written,
        Err(error) => {
            // The error of the backup tells more than one of its log, which the next backup ends.
            let _ = log.map(|log| give_up(project, log));
            return Err(error);
        }
    };
    warnings.extend(manifest.remarks.iter().cloned());
    if let Some(log) = log {
        warnings.extend(replace_older(project, log, &manifest.name, &watch));
    }
    let milliseconds = manifest.milliseconds;
    let detail = serde_json::json!({
        "backup": manifest.name,
        "manifest": manifest.seal,
        "bytes": manifest.bytes(),
        "position": manifest.position,
    });
    warnings.extend(record(project, "backup-taken", detail, watchers));
    Ok(BackupTaken {
        name: manifest.name.clone(),
        folder: folder.display().to_string(),
        bytes: manifest.bytes(),
        signed: manifest.signature.is_some(),
        manifest,
        milliseconds,
        warnings,
    })
}

fn newest_applied(project: &Project, engine: &dyn Engine) -> Result<Option<String>, BackupError> {
    let mut session = project
        .connect(engine, Access::Read)
        .map_err(BackupError::doing("connect"))?;
    if !session
        .has_store()
        .map_err(BackupError::doing("look for tightrope's tables"))?
    {
        return Ok(None);
    }
    let mut store = Store::new(session.as_mut());
    store.check_layout()?;
    Ok(store.applied()?.last().map(|one| one.version.clone()))
}

/// Writes the backup; nothing of it is there before its last line.
fn write(
    project: &Project,
    taker: &dyn Backup,
    place: &Place,
    (name, applied): (&str, Option<String>),
    options: &TakeBackupOptions,
    log: Option<LogNumber>,
    watch: &Watch<'_>,
) -> Result<(Manifest, PathBuf), BackupError> {
    let began = Instant::now();
    let draft = place.begin(name, Timestamp::now())?;
    watch.reached("backup begun");
    let options = TakeOptions {
        jobs: project.backup.jobs,
        checksums: options.checksums,
        log,
    };
    let taken = taker
        .take(&project.url, &draft.data(), &options, watch)
        .map_err(BackupError::doing("take the backup"))?;
    watch.reached("data written");
    let files = draft.digest(&watch.bytes("bytes digested"))?;
    let changes = log.zip(taken.mark.clone());
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let manifest = Manifest::new(
        draft.name().to_owned(),
        taken,
        files,
        project.tool_version.clone(),
        milliseconds,
    );
    watch.reached("before the manifest");
    let manifest = draft.write_manifest(Manifest {
        applied,
        changes: changes.map(|(log, mark)| LogStart { log, mark }),
        ..manifest
    })?;
    watch.reached("manifest written");
    let folder = draft.finish(|| watch.reached("backup named"))?;
    watch.reached("backup unlocked");
    Ok((manifest, folder))
}

/// Says so where the backup would go with the disk that it is to save from.
fn same_disk(taker: &dyn Backup, project: &Project, place: &Place) -> Option<String> {
    let data = taker.data_folder(&project.url)?;
    (device(&data)? == device(place.folder())?).then(|| {
        format!(
            "{} is on the same disk as the data: the backup would be lost with it",
            place.folder().display()
        )
    })
}

#[cfg(unix)]
fn device(folder: &std::path::Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(folder).ok().map(|about| about.dev())
}

#[cfg(not(unix))]
fn device(_: &std::path::Path) -> Option<u64> {
    None
}

/// Puts it on the record, where tightrope has been on the target before. What is done stays done where that cannot be recorded: it
/// gives a warning then.
pub(crate) fn record(
    project: &Project,
    action: &str,
    detail: serde_json::Value,
    watchers: Watchers<'_>,
) -> Option<String> {
    let error = try_to_record(project, action, detail, watchers).err()?;
    Some(format!("it is not on the ledger: {}", whole(&error)))
}

fn try_to_record(
    project: &Project,
    action: &str,
    detail: serde_json::Value,
    watchers: Watchers<'_>,
) -> Result<(), BackupError> {
    let engine = project.engine()?;
    let mut session = project
        .connect(engine.as_ref(), Access::Write)
        .map_err(BackupError::doing("connect"))?;
    let has_store = session
        .has_store()
        .map_err(BackupError::doing("look for tightrope's tables"))?;
    if !has_store {
        return Ok(());
    }
    let mut run = Run::take(project, &engine, session, watchers)?;
    let recorded = run.in_transaction(|run| Ok(run.record(action, None, detail)?));
    run.leave()?;
    Ok(recorded?)
}
