use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tightrope_backup::{Draft, LogStart, Manifest, Place};
use tightrope_engine::{
    Backup, BackupKind, BackupWatch as _, DatabaseId, Engine, LogNumber, TakeOptions,
};
use tightrope_store::Store;

use super::BackupError;
use super::changes::{begin_log, give_up, replace_older};
use super::cluster::physical;
use super::error::whole;
use super::prove::milliseconds;
use super::room;
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
    /// Whether one whose upload was interrupted does not stand for a new one, however fresh it is.
    pub fresh: bool,
}

impl Default for TakeBackupOptions {
    fn default() -> Self {
        Self {
            checksums: true,
            changes: false,
            fresh: false,
        }
    }
}

/// A backup that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct BackupTaken {
    /// Its name.
    pub name: String,
    /// Where it is: its folder, or its address.
    pub folder: String,
    /// What it is.
    pub manifest: Manifest,
    /// The size of its files.
    pub bytes: u64,
    /// How long all of it took.
    pub milliseconds: u64,
    /// Whether it is signed.
    pub signed: bool,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether it was taken by an earlier command, whose upload was interrupted.
    pub resumed: bool,
    /// What a person should look at: the place is on the disk of the data, and the like.
    pub warnings: Vec<String>,
}

/// Takes a backup of the target into the place that the project names. One that was made whole on this machine, and whose way into
/// the place was interrupted, goes on first; while it is fresh it stands for a new one.
///
/// # Errors
/// When the target cannot be read whole or the place cannot be written; no backup is there then.
pub fn take_backup(
    project: &Project,
    options: &TakeBackupOptions,
    watchers: Watchers<'_>,
) -> Result<BackupTaken, BackupError> {
    let began = Instant::now();
    let engine = project.engine()?;
    let taker = taker(engine.as_ref())?;
    let place = place_of(project)?;
    if project.backup.kind == BackupKind::Physical {
        physical(engine.as_ref())?;
        if wants_log(project, options) {
            return Err(BackupError::NoLogWithPhysical);
        }
    }
    let swept = place.prepare()?;
    if !swept.is_empty() {
        watchers
            .listener
            .event(&crate::Event::Swept { names: swept });
    }
    let identity = taker
        .identity(&project.url)
        .map_err(BackupError::doing("ask the database who it is"))?;
    let (drafts, others) = place.unfinished()?;
    let left = others.iter().map(|folder| {
        format!(
            "{} was interrupted on its way and is not signed with this key: remove it if nobody needs it",
            folder.display()
        )
    });
    let mut warnings: Vec<String> = left.chain(same_disk(taker, project, place)).collect();
    if let Some(mut resumed) = resume(project, drafts, identity.as_ref(), options, watchers)? {
        resumed.warnings.extend(warnings);
        return Ok(resumed);
    }
    room::require(project, engine.as_ref(), taker, place)?;
    let applied = newest_applied(project, engine.as_ref())?;
    let name = identity.map_or_else(|| "database".to_owned(), |database| database.name);

    let watch = Watch(watchers);
    let log = wants_log(project, options)
        .then(|| begin_log(project, &watch))
        .transpose()?;
    // The error of the backup tells more than one of its log, which the next backup ends.
    let give_up = |_: &BackupError| drop(log.map(|log| give_up(project, log)));
    let of = (name.as_str(), applied);
    let engines = (engine.as_ref(), taker);
    let (draft, manifest) =
        write(project, engines, place, of, options, log, &watch).inspect_err(give_up)?;
    warnings.extend(manifest.remarks.iter().cloned());
    let milliseconds = milliseconds(began);
    let finished = finish(project, draft, manifest, warnings, watchers);
    // What is on its way into a bucket goes on with the next command, and so does its log.
    let is_lost = place.folder().is_some();
    let mut taken = finished.inspect_err(|error| {
        if is_lost {
            give_up(error);
        }
    })?;
    taken.milliseconds = milliseconds;
    Ok(taken)
}

/// Whether a change log is begun with the backup.
fn wants_log(project: &Project, options: &TakeBackupOptions) -> bool {
    options.changes || project.backup.changes
}

/// Brings what was left half uploaded to its end; gives the newest of it where that is fresh enough to stand for a new one.
fn resume(
    project: &Project,
    drafts: Vec<Draft>,
    database: Option<&DatabaseId>,
    options: &TakeBackupOptions,
    watchers: Watchers<'_>,
) -> Result<Option<BackupTaken>, BackupError> {
    let mut newest: Option<BackupTaken> = None;
    for draft in drafts {
        let began = Instant::now();
        let Some(manifest) = draft.manifest().cloned() else {
            continue;
        };
        // What is of another database is for that one's next backup.
        if database != Some(&manifest.database) {
            continue;
        }
        let warning = format!(
            "its upload was interrupted and went on now: it is the database as of {}",
            manifest.taken_at
        );
        let mut resumed = finish(project, draft, manifest, vec![warning], watchers)?;
        resumed.milliseconds = milliseconds(began);
        resumed.resumed = true;
        newest = Some(resumed);
    }
    let most =
        SignedDuration::from_secs(i64::try_from(project.backup.max_age_s / 2).unwrap_or(i64::MAX));
    Ok(newest.filter(|resumed| {
        let manifest = &resumed.manifest;
        let is_young = Timestamp::now().duration_since(manifest.taken()) <= most;
        let has_all = (manifest.has_checksums() || !options.checksums)
            && (manifest.changes.is_some() || !wants_log(project, options))
            && manifest.kind == project.backup.kind;
        !options.fresh && is_young && has_all
    }))
}

/// Brings a whole backup to its place, and puts it on the record. Its change log takes the place of older ones.
fn finish(
    project: &Project,
    draft: Draft,
    manifest: Manifest,
    mut warnings: Vec<String>,
    watchers: Watchers<'_>,
) -> Result<BackupTaken, BackupError> {
    let watch = Watch(watchers);
    let folder = draft.finish(&watch.bytes("bytes uploaded"), &|edge| watch.reached(edge))?;
    watch.reached("backup unlocked");
    if let Some(start) = &manifest.changes {
        warnings.extend(replace_older(project, start.log, &manifest.name, &watch));
    }
    let detail = serde_json::json!({
        "backup": manifest.name,
        "manifest": manifest.seal,
        "bytes": manifest.bytes(),
        "position": manifest.position,
    });
    warnings.extend(record(project, "backup-taken", detail, watchers));
    Ok(BackupTaken {
        name: manifest.name.clone(),
        folder,
        bytes: manifest.bytes(),
        signed: manifest.signature.is_some(),
        encrypted: manifest.encryption.is_some(),
        resumed: false,
        manifest,
        milliseconds: 0,
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

/// Writes the backup, up to its manifest; it is none before it has its name in the place.
fn write(
    project: &Project,
    (engine, taker): (&dyn Engine, &dyn Backup),
    place: &Place,
    (name, applied): (&str, Option<String>),
    options: &TakeBackupOptions,
    log: Option<LogNumber>,
    watch: &Watch<'_>,
) -> Result<(Draft, Manifest), BackupError> {
    let began = Instant::now();
    let mut draft = place.begin(name, Timestamp::now())?;
    watch.reached("backup begun");
    let options = TakeOptions {
        jobs: project.backup.jobs,
        checksums: options.checksums,
        log,
    };
    let (url, data) = (&project.url, draft.data());
    let taken = match project.backup.kind {
        BackupKind::Logical => taker.take(url, &data, &options, watch),
        BackupKind::Physical => {
            let programs = &project.backup.programs;
            physical(engine)?.take(url, &data, programs, &options, watch)
        }
    };
    let taken = taken.map_err(BackupError::doing("take the backup"))?;
    watch.reached("data written");
    let files = draft.digest(&watch.bytes("bytes digested"))?;
    let changes = log.zip(taken.mark.clone());
    let manifest = Manifest::new(
        draft.name().to_owned(),
        taken,
        files,
        project.tool_version.clone(),
        milliseconds(began),
    );
    watch.reached("before the manifest");
    let manifest = draft.write_manifest(Manifest {
        applied,
        changes: changes.map(|(log, there)| LogStart {
            log,
            mark: there.mark,
            tables: Some(there.tables),
        }),
        ..manifest
    })?;
    watch.reached("manifest written");
    Ok((draft, manifest))
}

/// Says so where the backup would go with the disk that it is to save from.
fn same_disk(taker: &dyn Backup, project: &Project, place: &Place) -> Option<String> {
    let data = taker.data_folder(&project.url)?;
    (device(&data)? == device(place.folder()?)?).then(|| {
        format!("{place} is on the same disk as the data: the backup would be lost with it")
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
