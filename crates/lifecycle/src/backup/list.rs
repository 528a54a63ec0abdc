use jiff::Timestamp;
use serde::Serialize;
use tightrope_backup::{Damage, Found, Manifest, Now, Proof, ProofStanding, standing};
use tightrope_engine::{DatabaseId, ErrorKind};
use tightrope_store::StoreError;

use super::BackupError;
use super::changes::{LogStanding, logs_there, standing_of};
use super::settings::{place_there, taker};
use crate::project::{Access, Project};
use crate::situation::{Situation, SituationError};

/// A backup in the place, and how far it can be trusted.
#[derive(Clone, Debug, Serialize)]
pub struct BackupListed {
    /// Its name.
    pub name: String,
    /// What it is, where its manifest is whole.
    pub manifest: Option<Manifest>,
    /// The size of its files.
    pub bytes: u64,
    /// Whether it is of the target, or could be: of one whose manifest cannot be read, its name has to say otherwise.
    pub of_target: bool,
    /// How far it can be trusted; none where it is damaged.
    pub standing: Option<ProofStanding>,
    /// The newest record of having restored it.
    pub proof: Option<Proof>,
    /// What can be seen to be wrong with it, from names and sizes alone.
    pub damage: Vec<Damage>,
    /// How its change log stands, if it has one.
    pub log: Option<LogStanding>,
}

impl BackupListed {
    /// One word for it.
    pub fn state(&self) -> &'static str {
        match &self.standing {
            Some(standing) if self.damage.is_empty() => standing.name(),
            _ => "damaged",
        }
    }
}

/// What proofs are held against: the target as it is now, as far as it can be reached.
pub(crate) struct TargetNow {
    /// None where it is gone or cannot be reached.
    pub(crate) id: Option<DatabaseId>,
    /// Its name as the URL has it.
    pub(crate) name: String,
    major: Option<String>,
    fingerprint: Option<tightrope_model::Fingerprint>,
    max_age_s: u64,
}

impl TargetNow {
    pub(crate) fn of(
        project: &Project,
        situation: Option<&Situation>,
    ) -> Result<Self, BackupError> {
        let failed = || BackupError::doing("ask the database who it is");
        let engine = project.engine()?;
        let taker = taker(engine.as_ref())?;
        let id = match taker.identity(&project.url) {
            Ok(id) => id,
            // Its server is gone: backups are for that very case.
            Err(error) if error.kind == ErrorKind::Unreachable => None,
            Err(error) => return Err(failed()(error)),
        };
        let name = taker.name_in(&project.url).map_err(failed())?;
        Ok(Self {
            id,
            name,
            major: situation.map(|situation| situation.server.major.clone()),
            fingerprint: situation.map(|situation| situation.fingerprint),
            max_age_s: project.backup.max_age_s,
        })
    }

    pub(crate) fn standing(&self, manifest: &Manifest, proof: Option<&Proof>) -> ProofStanding {
        let now = Now {
            time: Timestamp::now(),
            max_age_s: self.max_age_s,
            server_major: self.major.as_deref(),
            fingerprint: self.fingerprint,
        };
        standing(manifest, proof, &now)
    }

    /// Whether the target has the schema that a backup has, as far as both are known.
    pub(super) fn has_schema_of(&self, manifest: &Manifest) -> bool {
        self.fingerprint
            .is_none_or(|fingerprint| fingerprint.strict == manifest.fingerprint.strict)
    }

    pub(crate) fn is_of(&self, manifest: &Manifest) -> bool {
        self.is(&manifest.database)
    }

    /// Whether that is the target. One that cannot be asked is told by its name, which is all that is left of it.
    pub(crate) fn is(&self, database: &DatabaseId) -> bool {
        match &self.id {
            Some(id) => id == database,
            None => self.name == database.name,
        }
    }

    /// Whether a backup is of the target; one whose manifest cannot be read is if its name does not say otherwise.
    pub(crate) fn has(&self, found: &Found) -> bool {
        let name = self.id.as_ref().map_or(&self.name, |id| &id.name);
        match &found.manifest {
            Ok(manifest) => self.is_of(manifest),
            Err(_) => found.may_be_of(name),
        }
    }

    /// The target for the record.
    pub(crate) fn named(&self) -> DatabaseId {
        self.id.clone().unwrap_or_else(|| DatabaseId {
            id: self.name.clone(),
            name: self.name.clone(),
        })
    }
}

/// Reads the target as it is now; nothing of it where it is gone or cannot be reached.
pub(crate) fn now(project: &Project) -> Result<TargetNow, BackupError> {
    let engine = project.engine()?;
    let read = project
        .connect(engine.as_ref(), Access::Read)
        .map_err(BackupError::doing("connect"))
        .and_then(|mut session| Ok(Situation::read(session.as_mut())?));
    let situation = match read {
        Ok(situation) => Some(situation),
        Err(error) if is_lost(&error) => None,
        Err(error) => return Err(error),
    };
    TargetNow::of(project, situation.as_ref())
}

/// Whether the target is gone, cannot be reached, or is damaged: backups are for that very case.
fn is_lost(error: &BackupError) -> bool {
    let kind = match error {
        BackupError::Engine { source, .. }
        | BackupError::Situation(SituationError::Engine(source))
        | BackupError::Situation(SituationError::Store(StoreError::Engine(source))) => source.kind,
        _ => return false,
    };
    matches!(
        kind,
        ErrorKind::DatabaseMissing | ErrorKind::Unreachable | ErrorKind::Damaged
    )
}

/// All backups in the place, oldest first.
///
/// # Errors
/// When the place is not there: it may be a disk that is not mounted. When the place or the target cannot be read.
pub fn list_backups(project: &Project) -> Result<Vec<BackupListed>, BackupError> {
    let found = place_there(project)?.list()?;
    let now = now(project)?;
    let logs = logs_there(project);
    let each = found.into_iter().map(|found| {
        let log = standing_of(&found, &logs)?;
        Ok(BackupListed {
            log,
            ..listed(found, &now)?
        })
    });
    each.collect()
}

fn listed(found: Found, now: &TargetNow) -> Result<BackupListed, BackupError> {
    let damage = found.look()?;
    let of_target = now.has(&found);
    let manifest = found.manifest.ok().map(|manifest| *manifest);
    Ok(BackupListed {
        name: found.name,
        bytes: manifest.as_ref().map_or(0, Manifest::bytes),
        of_target,
        standing: manifest
            .as_ref()
            .map(|manifest| now.standing(manifest, found.proof.as_ref())),
        proof: found.proof,
        manifest,
        damage,
        log: None,
    })
}

/// Refuses a backup of another database than the target; one that cannot be asked is no other.
pub(crate) fn of_this_database(project: &Project, found: &Found) -> Result<(), BackupError> {
    let Ok(manifest) = &found.manifest else {
        return Ok(());
    };
    match TargetNow::of(project, None)?.id {
        Some(id) if id != manifest.database => Err(BackupError::OtherDatabase {
            name: found.name.clone(),
            of: manifest.database.id.clone(),
            this: id.id,
        }),
        _ => Ok(()),
    }
}
