use jiff::Timestamp;
use serde::Serialize;
use tightrope_backup::{Found, Kept, ProofStanding, retain};

use super::settings::place_of;
use super::{BackupError, list};
use crate::project::{Access, Project};
use crate::situation::Situation;

/// What stays and what goes.
#[derive(Clone, Debug, Serialize)]
pub struct Pruned {
    /// Whether nothing was removed: it was only looked at.
    pub dry_run: bool,
    /// The backups that stay, newest first, and why.
    pub kept: Vec<Kept>,
    /// The backups that went, with their sizes.
    pub removed: Vec<(String, u64)>,
    /// Those that are damaged or of another database: they are a person's to remove.
    pub untouched: Vec<String>,
}

/// Removes the backups of the target that no rule keeps.
///
/// # Errors
/// When the target cannot be asked which migrations are not sealed, or a backup cannot be removed.
pub fn prune_backups(project: &Project, dry_run: bool) -> Result<Pruned, BackupError> {
    let place = place_of(project)?;
    place.prepare()?;
    let now = list::now(project)?;
    let needed = unsealed(project)?;
    let (ours, others): (Vec<Found>, Vec<Found>) = place.list()?.into_iter().partition(|found| {
        let manifest = found.manifest.as_ref();
        found.look().is_empty() && manifest.is_ok_and(|manifest| now.is_of(manifest))
    });
    let facts: Vec<(String, Timestamp, bool)> = ours
        .iter()
        .filter_map(|found| {
            let manifest = found.manifest.as_ref().ok()?;
            let standing = now.standing(manifest, found.proof.as_ref());
            let proven = matches!(standing, ProofStanding::Proven | ProofStanding::Stale(_));
            Some((found.name.clone(), manifest.taken(), proven))
        })
        .collect();
    let judged = retain(&facts, &project.backup.retention, &needed);
    let (kept, going): (Vec<Kept>, Vec<Kept>) =
        judged.into_iter().partition(|one| !one.because.is_empty());
    let mut removed = Vec::new();
    for found in &ours {
        if going.iter().any(|one| one.name == found.name) {
            if !dry_run {
                place.remove(found)?;
            }
            let bytes = found
                .manifest
                .as_ref()
                .map_or(0, |manifest| manifest.bytes());
            removed.push((found.name.clone(), bytes));
        }
    }
    Ok(Pruned {
        dry_run,
        kept,
        removed,
        untouched: others.into_iter().map(|found| found.name).collect(),
    })
}

/// When the migrations that are not sealed were applied.
fn unsealed(project: &Project) -> Result<Vec<Timestamp>, BackupError> {
    let engine = project.engine()?;
    let mut session = project
        .connect(engine.as_ref(), Access::Read)
        .map_err(BackupError::doing("connect"))?;
    let situation = Situation::read(session.as_mut())?;
    let times = situation
        .applied
        .iter()
        .filter(|migration| migration.sealed_at.is_none())
        .filter_map(|migration| migration.applied_at.parse().ok());
    Ok(times.collect())
}
