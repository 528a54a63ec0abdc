//! Backups that another system takes and keeps: pgBackRest, Barman, WAL-G, snapshots of a cloud.
//!
//! tightrope keeps a record of such a backup like a manifest of its own, and no file. What the other system can do is reached through
//! three commands of the user's: one says what the newest backup is, one restores it somewhere, one removes that again. Nothing
//! here knows which system or which engine it is.

mod compare;
mod error;
mod hook;
mod latest;
mod restored;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tightrope_backup::{Adopted, Expiry, Found, LedgerBegin, Manifest, Place, TableRows};
use tightrope_engine::{BackupKind, BackupWatch as _, Session, TableContent, Taken};
use tightrope_model::{TableName, TableShape};
use tightrope_store::Store;

use super::BackupError;
use super::list::TargetNow;
use super::prove::prove_found;
use super::settings::{place_of, taker};
use super::take::record;
use super::watch::Watch;
use crate::project::{Access, Project};
use crate::run::Watchers;
use crate::situation::Situation;
use latest::Newest;
use restored::{commands_of, sweep};

pub use error::{AdoptError, AdoptStep};
pub use hook::AdoptCommands;

pub(super) use compare::try_out;
pub(super) use restored::{AdoptedRestored, ToRestore};

/// A backup that was adopted.
#[derive(Clone, Debug, Serialize)]
pub struct BackupAdopted {
    /// Its name here.
    pub name: String,
    /// Where its record is.
    pub folder: String,
    /// What it is.
    pub manifest: Manifest,
    /// Whether it had been adopted before.
    pub already: bool,
    /// Whether the record is signed.
    pub signed: bool,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

/// Adopts the newest backup of the system that the project names: asks what it is, and records beside it what the target is now, so
/// that a restored one can be held against that. One that was adopted before is not adopted again.
///
/// # Errors
/// When that system tells of none, or what it tells makes no sense; when the target cannot be read or the record not written.
pub fn adopt_backup(
    project: &Project,
    watchers: Watchers<'_>,
) -> Result<BackupAdopted, BackupError> {
    let commands = commands_of(project)?;
    let place = place_of(project)?;
    let swept = place.prepare()?;
    if !swept.is_empty() {
        let event = crate::Event::Swept { names: swept };
        watchers.listener.event(&event);
    }
    sweep(commands, place, watchers.listener)?;
    let newest = commands.newest()?;
    if let Some((found, manifest)) = adopted_before(project, place, &newest)? {
        return Ok(BackupAdopted {
            folder: format!("{place}/{}", found.name),
            name: found.name,
            signed: manifest.signature.is_some(),
            manifest,
            already: true,
            warnings: Vec::new(),
        });
    }
    let engine = project.engine()?;
    let taker = taker(engine.as_ref())?;
    let (taken, applied, adopted, mut warnings) = look(project, taker, &newest, watchers)?;
    let watch = Watch(watchers);
    let name = taken.database.name.clone();
    let mut draft = place.begin(&name, newest.taken_at)?;
    watch.reached("adoption begun");
    let files = draft.digest(&|_, _| {})?;
    let name = draft.name().to_owned();
    let manifest = Manifest::new(name, taken, files, project.tool_version.clone(), 0);
    let manifest = draft.write_manifest(Manifest {
        applied,
        adopted: Some(adopted),
        ..manifest
    })?;
    watch.reached("manifest written");
    let folder = draft.finish(&|_, _| {}, &|edge| watch.reached(edge))?;
    watch.reached("backup adopted");
    let detail = serde_json::json!({
        "backup": manifest.name,
        "manifest": manifest.seal,
        "id": newest.id,
        "taken_at": manifest.taken_at,
    });
    warnings.extend(record(project, "backup-adopted", detail, watchers));
    Ok(BackupAdopted {
        name: manifest.name.clone(),
        folder,
        signed: manifest.signature.is_some(),
        manifest,
        already: false,
        warnings,
    })
}

/// The record of that backup, if there is one.
fn adopted_before(
    project: &Project,
    place: &Place,
    newest: &Newest,
) -> Result<Option<(Found, Manifest)>, BackupError> {
    let now = TargetNow::of(project, None)?;
    for found in place.list()? {
        let Ok(manifest) = &found.manifest else {
            continue;
        };
        let is_it = manifest.adopted.as_ref().is_some_and(|adopted| {
            // Some systems give a name a second time, to another backup.
            adopted.id == newest.id && manifest.taken() == newest.taken_at
        });
        if is_it && now.is_of(manifest) {
            let manifest = manifest.as_ref().clone();
            return Ok(Some((found, manifest)));
        }
    }
    Ok(None)
}

type Looked = (Taken, Option<String>, Adopted, Vec<String>);

/// Reads what the target is now.
fn look(
    project: &Project,
    taker: &dyn tightrope_engine::Backup,
    newest: &Newest,
    watchers: Watchers<'_>,
) -> Result<Looked, BackupError> {
    let failed = BackupError::doing;
    let engine = project.engine()?;
    let mut session = project
        .connect(engine.as_ref(), Access::Read)
        .map_err(failed("connect"))?;
    let situation = Situation::read(session.as_mut())?;
    let tables = situation.catalog.tables();
    let watch = Watch(watchers);
    let mut rows = Vec::new();
    for (done, shape) in tables.iter().enumerate() {
        watch.progress("tables counted", done as u64, tables.len() as u64);
        rows.push(TableRows {
            table: shape.table.clone(),
            rows: count(session.as_mut(), shape).map_err(failed("count the rows"))?,
        });
    }
    let ledger = match situation.has_store {
        true => ledger_begin(session.as_mut())?,
        false => None,
    };
    let identity = taker
        .identity(&project.url)
        .map_err(failed("ask the database who it is"))?;
    let now = TargetNow::of(project, Some(&situation))?;
    let size = engine.cloner().map(|cloner| cloner.size(&project.url));
    let size = size.transpose().map_err(failed("ask for the size"))?;
    let content = |shape: &TableShape| TableContent {
        shape: shape.clone(),
        checksum: None,
    };
    let taken = Taken {
        kind: BackupKind::Logical,
        method: "adopted".to_owned(),
        program: None,
        server: situation.server.clone(),
        database: identity.unwrap_or_else(|| now.named()),
        taken_at: newest.taken_at.to_string(),
        position: None,
        properties: BTreeMap::new(),
        fingerprint: situation.fingerprint,
        tables: tables.iter().map(content).collect(),
        source_bytes: size.unwrap_or(0),
        remarks: Vec::new(),
        mark: None,
    };
    let adopted = Adopted {
        id: newest.id.clone(),
        adopted_at: Timestamp::now().to_string(),
        bytes: newest.bytes,
        rows,
        ledger,
    };
    let warnings = warnings(project, &situation, newest);
    let applied = situation.applied.last().map(|one| one.version.clone());
    Ok((taken, applied, adopted, warnings))
}

/// What can be seen already to stand against its being proven, or to its counting.
fn warnings(project: &Project, situation: &Situation, newest: &Newest) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut later = situation.applied.iter().filter(|one| {
        let at = one.applied_at.parse::<Timestamp>();
        at.is_ok_and(|at| at > newest.taken_at)
    });
    if let Some(last) = later.next_back() {
        warnings.push(format!(
            "`{}` was applied after it was taken: it has the schema of before, and will not be found equal; take a newer one",
            last.version
        ));
    }
    if is_too_old(project, newest.taken_at) {
        warnings.push(format!(
            "it is older than {} h already: it counts for no policy that asks for a fresh one",
            project.backup.max_age_s / 3_600
        ));
    }
    warnings
}

fn is_too_old(project: &Project, taken_at: Timestamp) -> bool {
    let most = i64::try_from(project.backup.max_age_s).unwrap_or(i64::MAX);
    Timestamp::now().duration_since(taken_at) > SignedDuration::from_secs(most)
}

/// How many rows a table has.
fn count(
    session: &mut dyn Session,
    shape: &TableShape,
) -> Result<u64, tightrope_engine::EngineError> {
    let TableName { schema, name } = &shape.table;
    let parts = [schema, name].into_iter().filter(|part| !part.is_empty());
    let quoted: Vec<String> = parts.map(|part| session.quote(part)).collect();
    let sql = format!("select count(*) from {}", quoted.join("."));
    let rows = session.query(&sql, &[])?;
    let count = rows.first().and_then(|row| row.first()?.integer());
    Ok(count
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or(0))
}

/// How the ledger begins, if anything was written into it.
fn ledger_begin(session: &mut dyn Session) -> Result<Option<LedgerBegin>, BackupError> {
    let (entries, _) = Store::new(session).ledger()?;
    Ok(entries.into_iter().next().map(|first| LedgerBegin {
        at: first.at,
        digest: first.digest,
    }))
}

/// Adopts the newest backup, and proves it if it is young enough to count afterwards.
pub(super) fn adopt_and_prove(
    project: &Project,
    now: &TargetNow,
    watchers: Watchers<'_>,
) -> Result<(), BackupError> {
    let adopted = adopt_backup(project, watchers)?;
    // Restoring it may take hours, and would not help.
    let too_old = is_too_old(project, adopted.manifest.taken());
    let age = too_old.then_some(Expiry::Age(project.backup.max_age_s / 3_600));
    let changed = !now.has_schema_of(&adopted.manifest);
    if let Some(because) = age.or(changed.then_some(Expiry::Schema)) {
        let id = id_of(&adopted.manifest).to_owned();
        return Err(AdoptError::DoesNotCount { id, because }.into());
    }
    let place = place_of(project)?;
    let found = place
        .find(&adopted.name)?
        .ok_or_else(|| BackupError::Unknown {
            name: adopted.name.clone(),
            place: place.to_string(),
            near: None,
        })?;
    let proven = prove_found(project, &found, watchers)?;
    // It may have been restored on another version of the server.
    match now.standing(&proven.manifest, Some(&proven.proof)) {
        tightrope_backup::ProofStanding::Proven => Ok(()),
        standing => Err(BackupError::NotProven {
            database: now.name.clone(),
            because: format!("`{}` {}", adopted.name, super::gate::in_words(&standing)),
        }),
    }
}

/// Only the system that keeps it can restore an adopted backup, and nothing is laid over a database with that.
pub(super) fn refuse_adopted(found: &Found) -> Result<(), BackupError> {
    match &found.manifest {
        Ok(manifest) if manifest.adopted.is_some() => Err(AdoptError::Elsewhere {
            name: found.name.clone(),
            id: id_of(manifest).to_owned(),
        }
        .into()),
        _ => Ok(()),
    }
}

fn id_of(manifest: &Manifest) -> &str {
    let adopted = manifest.adopted.as_ref();
    adopted.map_or("", |adopted| &adopted.id)
}
