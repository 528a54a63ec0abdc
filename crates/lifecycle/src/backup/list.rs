use jiff::Timestamp;
use serde::Serialize;
use tightrope_backup::{Damage, Found, Manifest, Now, Proof, ProofStanding, standing};
use tightrope_engine::{DatabaseId, ErrorKind};

use super::BackupError;
use super::settings::{place_of, taker};
use crate::project::{Access, Project};
use crate::situation::Situation;

/// A backup in the place, and how far it can be trusted.
#[derive(Clone, Debug, Serialize)]
pub struct BackupListed {
    /// Its name.
    pub name: String,
    /// What it is, where its manifest is whole.
    pub manifest: Option<Manifest>,
    /// The size of its files.
    pub bytes: u64,
    /// Whether it is of the target.
    pub of_target: bool,
    /// How far it can be trusted; none where it is damaged.
    pub standing: Option<ProofStanding>,
    /// The newest record of having restored it.
    pub proof: Option<Proof>,
    /// What can be seen to be wrong with it, from names and sizes alone.
    pub damage: Vec<Damage>,
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
    pub(crate) id: Option<DatabaseId>,
    major: Option<String>,
    fingerprint: Option<tightrope_model::Fingerprint>,
    max_age_s: u64,
}

impl TargetNow {
    pub(crate) fn of(
        project: &Project,
        situation: Option<&Situation>,
    ) -> Result<Self, BackupError> {
        let engine = project.engine()?;
        let id = taker(engine.as_ref())?
            .identity(&project.url)
            .map_err(BackupError::doing("ask the database who it is"))?;
        Ok(Self {
            id,
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

    pub(crate) fn is_of(&self, manifest: &Manifest) -> bool {
        self.id.as_ref().is_some_and(|id| *id == manifest.database)
    }
}

/// Reads the target as it is now; nothing of it where it is gone.
pub(crate) fn now(project: &Project) -> Result<TargetNow, BackupError> {
    let engine = project.engine()?;
    let situation = match project.connect(engine.as_ref(), Access::Read) {
        Ok(mut session) => Some(Situation::read(session.as_mut())?),
        Err(error) if error.kind == ErrorKind::DatabaseMissing => None,
        Err(error) => return Err(BackupError::doing("connect")(error)),
    };
    TargetNow::of(project, situation.as_ref())
}

/// All backups in the place, oldest first.
///
/// # Errors
/// When the place or the target cannot be read.
pub fn list_backups(project: &Project) -> Result<Vec<BackupListed>, BackupError> {
    let found = place_of(project)?.list()?;
    let now = now(project)?;
    Ok(found.into_iter().map(|found| listed(found, &now)).collect())
}

fn listed(found: Found, now: &TargetNow) -> BackupListed {
    let damage = found.look();
    let manifest = found.manifest.ok().map(|manifest| *manifest);
    BackupListed {
        name: found.name,
        bytes: manifest.as_ref().map_or(0, Manifest::bytes),
        of_target: manifest
            .as_ref()
            .is_some_and(|manifest| now.is_of(manifest)),
        standing: manifest
            .as_ref()
            .map(|manifest| now.standing(manifest, found.proof.as_ref())),
        proof: found.proof,
        manifest,
        damage,
    }
}

/// Refuses a backup of another database than the target; a target that is gone is no other.
pub(super) fn of_this_database(project: &Project, found: &Found) -> Result<(), BackupError> {
    let Ok(manifest) = &found.manifest else {
        return Ok(());
    };
    let engine = project.engine()?;
    let id = taker(engine.as_ref())?
        .identity(&project.url)
        .map_err(BackupError::doing("ask the database who it is"))?;
    match id {
        Some(id) if id != manifest.database => Err(BackupError::OtherDatabase {
            name: found.name.clone(),
            of: manifest.database.id.clone(),
            this: id.id,
        }),
        _ => Ok(()),
    }
}
