//! The way back (d), as `plan` shows it.

use tightrope_backup::{DrillKind, DrillVerdict, Found, Place, ProofStanding, predict};
use tightrope_engine::DatabaseId;

use super::BackupError;
use super::changes::{LogStanding, logs_there, standing_of};
use super::gate::best;
use super::list::TargetNow;
use crate::Project;
use crate::plan::WayBack;
use crate::situation::Situation;

/// What the newest backup gives, where a place for backups is named.
///
/// # Errors
/// When the place or the target cannot be asked.
pub(crate) fn way_back(
    project: &Project,
    situation: Option<&Situation>,
) -> Result<Option<WayBack>, BackupError> {
    let Some(place) = &project.backup.place else {
        return Ok(None);
    };
    let now = TargetNow::of(project, situation)?;
    let Some((found, standing)) = best(place, &now)? else {
        return Ok(Some(none_there()));
    };
    let (milliseconds, source) = time(project, place, &found, &now)?;
    let taken_at = found
        .manifest
        .as_ref()
        .map_or_else(|_| String::new(), |manifest| manifest.taken_at.clone());
    let is_adopted = (found.manifest.as_ref()).is_ok_and(|manifest| manifest.adopted.is_some());
    let log = standing_of(&found, &logs_there(project))?;
    let proven_at = found.proof.as_ref().map(|proof| proof.proven_at.clone());
    Ok(Some(WayBack {
        way: 'd',
        what: match (log.is_some(), is_adopted) {
            (true, _) => "restore the backup and replay the changes",
            (false, true) => "restore the adopted backup",
            (false, false) => "restore the backup",
        },
        milliseconds,
        source,
        loses: match is_adopted {
            true => format!(
                "what was written since {taken_at} (`{}`), unless the system that keeps it has the server's log",
                found.name
            ),
            false => loses(&found.name, &taken_at, log.as_ref()),
        },
        proven: match (standing, proven_at) {
            (ProofStanding::Proven, Some(at)) => format!("by restoring it, {at}"),
            (ProofStanding::Stale(expired), Some(at)) => {
                let because = expired.first().map(ToString::to_string).unwrap_or_default();
                format!("by restoring it, {at}, but {because}")
            }
            _ => "no".to_owned(),
        },
        open: true,
    }))
}

/// What would be lost: with a change log nothing, as long as the database or what was carried out can be read.
fn loses(name: &str, taken_at: &str, log: Option<&LogStanding>) -> String {
    let since = match log {
        None => return format!("what was written since {taken_at} (`{name}`)"),
        Some(log) if log.goes_on => log.recovery_point.as_deref().unwrap_or(taken_at),
        Some(log) => {
            let at = log.recovery_point.as_deref().unwrap_or(taken_at);
            return format!("what was written since {at} (`{name}`): its change log was ended");
        }
    };
    format!(
        "nothing while the database can be read, else what was written since {since} (`{name}`)"
    )
}

fn none_there() -> WayBack {
    WayBack {
        way: 'd',
        what: "restore a backup",
        milliseconds: None,
        source: "not measured",
        loses: "what was written since the backup".to_owned(),
        proven: "no: there is no backup yet".to_owned(),
        open: false,
    }
}

/// How long it takes at today's size, from every restore that was timed: proofs and drills.
fn time(
    project: &Project,
    place: &Place,
    found: &Found,
    now: &TargetNow,
) -> Result<(Option<u64>, &'static str), BackupError> {
    let (measured, source) = timed(place, found, &now.named())?;
    let engine = project.engine()?;
    // A size that cannot be asked leaves the time unknown, and that is shown.
    let bytes = engine
        .cloner()
        .and_then(|cloner| cloner.size(&project.url).ok());
    let prediction = bytes.and_then(|bytes| predict(&measured, bytes));
    Ok(match prediction {
        Some(prediction) => (Some(prediction.milliseconds), source),
        None => (None, "not measured"),
    })
}

/// Sizes and times that were measured, and in words by what.
type Timed = (Vec<(u64, u64)>, &'static str);

/// The sizes and times of the restores of that database that were timed, and where they are from: drills, else the proof of that backup.
pub(super) fn timed(
    place: &Place,
    found: &Found,
    database: &DatabaseId,
) -> Result<Timed, BackupError> {
    let (drills, _) = place.drills()?;
    let drilled = drills.iter().filter(|drill| {
        drill.kind == DrillKind::Restore
            && drill.verdict == DrillVerdict::Pass
            && drill.database == *database
    });
    let mut measured: Vec<(u64, u64)> = drilled
        .map(|drill| (drill.bytes, drill.milliseconds))
        .collect();
    if !measured.is_empty() {
        return Ok((measured, "measured in drills, at today's size"));
    }
    let proof = found.proof.iter().filter(|proof| proof.passed());
    measured.extend(proof.map(|proof| (proof.source_bytes, proof.milliseconds())));
    Ok((
        measured,
        "measured when the backup was proven, at today's size",
    ))
}
