//! What `apply` asks for before it changes anything.

use jiff::Timestamp;
use tightrope_backup::{Found, Place, ProofStanding};

use super::list::TargetNow;
use super::settings::place_of;
use super::watch::Watch;
use super::{BackupError, BackupPolicy, TakeBackupOptions, adopt, prove_found, take_backup};
use crate::project::Project;
use crate::run::Watchers;
use crate::situation::Situation;

/// Requires what the policy says: a fresh backup that is proven, and drills that are not overdue.
pub(crate) fn require(
    project: &Project,
    situation: &Situation,
    watchers: Watchers<'_>,
) -> Result<(), BackupError> {
    let settings = &project.backup;
    if settings.drills_required {
        crate::drill::require_held(project)?;
    }
    let nothing_to_lose = situation.applied.is_empty() && situation.catalog.tables().is_empty();
    if settings.policy == BackupPolicy::None || nothing_to_lose {
        return Ok(());
    }
    let now = TargetNow::of(project, Some(situation))?;
    let because = match best(place_of(project)?, &now)? {
        None => "there is none".to_owned(),
        Some((found, ProofStanding::Proven)) => {
            // A proof says what the files were; whether they still are is asked here.
            let damage = found.check(&Watch(watchers).bytes("bytes checked"))?;
            match damage.first() {
                None => return Ok(()),
                Some(damage) => format!("`{}` is damaged: {damage}", found.name),
            }
        }
        Some((found, standing)) => format!("`{}` {}", found.name, in_words(&standing)),
    };
    if settings.policy == BackupPolicy::Proven {
        return Err(BackupError::NotProven {
            database: situation.server.database.clone(),
            because,
        });
    }
    if settings.adopt.is_some() {
        return adopt::adopt_and_prove(project, &now, watchers);
    }
    let options = TakeBackupOptions {
        fresh: true,
        ..TakeBackupOptions::default()
    };
    let taken = take_backup(project, &options, watchers)?;
    let place = place_of(project)?;
    let found = place
        .find(&taken.name)?
        .ok_or_else(|| BackupError::Unknown {
            name: taken.name.clone(),
            place: place.to_string(),
            near: None,
        })?;
    prove_found(project, &found, watchers)?;
    Ok(())
}

/// The best backup of the target: the newest that is proven, else the newest.
pub(super) fn best(
    place: &Place,
    now: &TargetNow,
) -> Result<Option<(Found, ProofStanding)>, BackupError> {
    let mut ours: Vec<(Timestamp, Found, ProofStanding)> = Vec::new();
    for found in place.list()? {
        let Ok(manifest) = &found.manifest else {
            continue;
        };
        if !now.is_of(manifest) {
            continue;
        }
        let standing = now.standing(manifest, found.proof.as_ref());
        ours.push((manifest.taken(), found, standing));
    }
    ours.sort_by_key(|(taken, _, standing)| (*standing == ProofStanding::Proven, *taken));
    Ok(ours.pop().map(|(_, found, standing)| (found, standing)))
}

/// Why a backup does not count.
pub(super) fn in_words(standing: &ProofStanding) -> String {
    match standing {
        ProofStanding::Proven => "is proven".to_owned(),
        ProofStanding::Unproven => "was never restored to prove it".to_owned(),
        ProofStanding::Stale(expired) => {
            let reasons: Vec<String> = expired.iter().map(ToString::to_string).collect();
            format!("does not count any more: {}", reasons.join(", "))
        }
        ProofStanding::Failed(failures) => format!(
            "was restored and was not equal: {}",
            failures.first().map(String::as_str).unwrap_or_default()
        ),
    }
}
