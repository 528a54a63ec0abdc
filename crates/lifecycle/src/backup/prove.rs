use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use tightrope_backup::{Found, Manifest, Proof};
use tightrope_engine::{
    BackupFiles, BackupKind, BackupWatch as _, DatabaseUrl, Engine, Restored, Server,
};

use super::cluster::restore_to_look;
use super::compare::{Compared, compare, reading};
use super::files::{files, sweep};
use super::restore::find;
use super::settings::taker;
use super::take::record;
use super::watch::Watch;
use super::{BackupError, adopt, list};
use crate::project::Project;
use crate::run::Watchers;

/// What to prove.
#[derive(Clone, Debug, Default)]
pub struct ProveOptions {
    /// Which backup; none means the newest of the target.
    pub backup: Option<String>,
}

/// A backup that was restored elsewhere and found equal.
#[derive(Clone, Debug, Serialize)]
pub struct BackupProven {
    /// Its name.
    pub name: String,
    /// What it is.
    pub manifest: Manifest,
    /// The record of it.
    pub proof: Proof,
    /// What a person should know.
    pub remarks: Vec<String>,
}

/// Restores a backup into a scratch database, compares it with its manifest, and writes the proof beside it.
///
/// # Errors
/// When the backup is damaged or not equal (that goes on the record, too), or the place cannot be used.
pub fn prove_backup(
    project: &Project,
    options: &ProveOptions,
    watchers: Watchers<'_>,
) -> Result<BackupProven, BackupError> {
    let found = find(project, options.backup.as_deref())?;
    list::of_this_database(project, &found)?;
    prove_found(project, &found, watchers)
}

/// The same for a backup that was found.
pub(crate) fn prove_found(
    project: &Project,
    found: &Found,
    watchers: Watchers<'_>,
) -> Result<BackupProven, BackupError> {
    let manifest = match &found.manifest {
        Ok(manifest) => manifest.as_ref().clone(),
        Err(_) => {
            return Err(BackupError::Damaged {
                name: found.name.clone(),
                damage: found.look()?,
            });
        }
    };
    let tried = match &manifest.adopted {
        Some(adopted) => adopt::try_out(project, &manifest, adopted, watchers),
        None => try_out(project, found, &manifest, watchers),
    };
    let tried = match tried {
        Ok(tried) => tried,
        Err(error) => {
            let against = error.findings().filter(|_| !error.is_of_the_place());
            let can_be_proven = manifest.has_checksums() || manifest.adopted.is_some();
            if let Some(failures) = against.filter(|_| can_be_proven) {
                // An older proof must not stand beside what was found since. That it could not be written is less news than that.
                let failed = proof_of(&manifest, &manifest.server, failures);
                let _ = put_on_record(project, found, failed, watchers);
            }
            return Err(error);
        }
    };
    let proof = Proof {
        files_ms: tried.files_ms,
        restore_ms: tried.restore_ms,
        compare_ms: tried.compare_ms,
        tables: tried.compared.tables,
        rows: tried.compared.rows,
        queries: tried.compared.queries,
        ..proof_of(&manifest, &tried.server, tried.compared.failures)
    };
    let (proof, remark) = put_on_record(project, found, proof, watchers)?;
    let mut remarks = tried.remarks;
    remarks.extend(remark);
    if !proof.passed() {
        return Err(BackupError::NotEqual {
            name: manifest.name,
            failures: proof.failures,
        });
    }
    Ok(BackupProven {
        name: manifest.name.clone(),
        manifest,
        proof,
        remarks,
    })
}

/// The record of a restore of which nothing was measured yet.
fn proof_of(manifest: &Manifest, server: &Server, failures: Vec<String>) -> Proof {
    Proof {
        tightrope_proof: Proof::LAYOUT,
        backup: manifest.name.clone(),
        manifest: manifest
            .seal
            .unwrap_or_else(|| tightrope_model::Digest::of("")),
        proven_at: Timestamp::now().to_string(),
        server_version: server.version.clone(),
        server_major: server.major.clone(),
        files_ms: 0,
        restore_ms: 0,
        compare_ms: 0,
        counted: manifest.adopted.is_some(),
        tables: 0,
        rows: 0,
        queries: 0,
        source_bytes: manifest.source_bytes,
        failures,
        seal: None,
        signature: None,
    }
}

/// Writes the proof beside the backup, and puts it on the ledger of the target; gives a remark where that did not work.
fn put_on_record(
    project: &Project,
    found: &Found,
    proof: Proof,
    watchers: Watchers<'_>,
) -> Result<(Proof, Option<String>), BackupError> {
    let watch = Watch(watchers);
    watch.reached("before the proof");
    let proof = found.write_proof(proof)?;
    watch.reached("proof written");
    let action = if proof.passed() {
        "backup-proven"
    } else {
        "backup-not-equal"
    };
    let detail = serde_json::json!({
        "backup": proof.backup,
        "manifest": proof.manifest,
        "milliseconds": proof.milliseconds(),
        "failures": proof.failures,
    });
    let remark = record(project, action, detail, watchers);
    Ok((proof, remark))
}

/// What came out of restoring a backup and comparing it.
pub(super) struct TriedOut {
    pub(super) server: Server,
    pub(super) files_ms: u64,
    pub(super) restore_ms: u64,
    pub(super) compare_ms: u64,
    pub(super) compared: Compared,
    pub(super) remarks: Vec<String>,
}

/// Restores it where proofs are made, if its files are whole, compares, and removes it again.
fn try_out(
    project: &Project,
    found: &Found,
    manifest: &Manifest,
    watchers: Watchers<'_>,
) -> Result<TriedOut, BackupError> {
    let began = Instant::now();
    let opened = found.open(&Watch(watchers).bytes("bytes checked"))?;
    let files_ms = milliseconds(began);
    if !opened.damage.is_empty() {
        return Err(BackupError::Damaged {
            name: found.name.clone(),
            damage: opened.damage.clone(),
        });
    }
    if !manifest.has_checksums() {
        return Err(BackupError::NoChecksums {
            name: found.name.clone(),
        });
    }
    let engine = project.engine()?;
    let files = files(&opened, manifest);
    let watch = Watch(watchers);
    let began = Instant::now();
    let restored = match manifest.kind {
        BackupKind::Logical => {
            restore_beside(project, engine.as_ref(), &files, manifest, watchers)?
        }
        BackupKind::Physical => {
            restore_to_look(project, engine.as_ref(), &files, manifest, watchers)?
        }
    };
    let restore_ms = milliseconds(began);
    let began = Instant::now();
    let compared = compare(
        project,
        engine.as_ref(),
        restored.as_ref(),
        manifest,
        watchers,
    )?;
    let compare_ms = milliseconds(began);
    let server = reading(engine.as_ref(), restored.url())?.server().clone();
    watch.reached("compared");
    Ok(TriedOut {
        server,
        files_ms,
        restore_ms,
        compare_ms,
        compared,
        remarks: restored.remarks().to_vec(),
    })
}

/// Restores a backup of one database into a scratch database where proofs are made.
fn restore_beside(
    project: &Project,
    engine: &dyn Engine,
    files: &BackupFiles<'_>,
    manifest: &Manifest,
    watchers: Watchers<'_>,
) -> Result<Box<dyn Restored>, BackupError> {
    let failed = BackupError::doing;
    let taker = taker(engine)?;
    let at = proving_ground(project);
    sweep(taker, at, watchers.listener)?;
    let unfit: Vec<_> = taker
        .unfit(files, at)
        .map_err(failed("look at the place of restoring"))?
        .into_iter()
        // The database that is there is not touched: only what no database there could have stands against it.
        .filter(|unfit| unfit.what == "collation")
        .collect();
    if !unfit.is_empty() {
        return Err(BackupError::Unfit {
            name: manifest.name.clone(),
            unfit,
        });
    }
    taker
        .restore(files, at, project.backup.jobs, &Watch(watchers))
        .map_err(failed("restore the backup"))
}

/// Where backups are restored to be proven.
fn proving_ground(project: &Project) -> &DatabaseUrl {
    let elsewhere = project.backup.prove_url.as_ref();
    elsewhere
        .or(project.rehearse_url.as_ref())
        .unwrap_or(&project.url)
}

pub(super) fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
