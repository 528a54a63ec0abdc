use jiff::Timestamp;
use tightrope_backup::{DrillKind, DrillRecord, DrillVerdict, Found};
use tightrope_engine::DatabaseId;

use crate::backup::{BackupError, BackupProven, find, now, place_of, prove_found};
use crate::project::Project;
use crate::run::Watchers;

/// Which backup is restored in a drill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DrillChoice {
    /// The newest.
    #[default]
    Latest,
    /// Any one: also the older ones have to work.
    Random,
    /// This one.
    Named(String),
}

/// Restores a backup as in an emergency, compares it, and puts the drill on the record, whatever comes out.
///
/// # Errors
/// When there is no backup, or the place cannot be used. A backup that is damaged or not equal is a drill that failed.
pub fn drill_restore(
    project: &Project,
    choice: &DrillChoice,
    watchers: Watchers<'_>,
) -> Result<DrillRecord, BackupError> {
    let place = place_of(project)?;
    let found = choose(project, choice)?;
    let proven = prove_found(project, &found, watchers);
    let database = match (now(project)?.id, &found.manifest) {
        (Some(id), _) => id,
        (None, Ok(manifest)) => manifest.database.clone(),
        (None, Err(_)) => DatabaseId {
            id: project.url.redacted(),
            name: project.url.redacted(),
        },
    };
    let (verdict, findings, bytes, milliseconds) = outcome(proven)?;
    let record = DrillRecord {
        tightrope_drill: DrillRecord::LAYOUT,
        kind: DrillKind::Restore,
        database,
        at: Timestamp::now().to_string(),
        what: found.name,
        bytes,
        milliseconds,
        verdict,
        findings,
        seal: None,
        signature: None,
    };
    Ok(place.write_drill(record)?)
}

fn choose(project: &Project, choice: &DrillChoice) -> Result<Found, BackupError> {
    match choice {
        DrillChoice::Latest => find(project, None),
        DrillChoice::Named(name) => find(project, Some(name)),
        DrillChoice::Random => {
            let id = now(project)?.id;
            let mut ours = place_of(project)?.list()?;
            ours.retain(|found| {
                let manifest = found.manifest.as_ref();
                manifest.is_ok_and(|it| id.as_ref().is_none_or(|id| it.database == *id))
            });
            if ours.is_empty() {
                return find(project, None);
            }
            Ok(ours.swap_remove(rand::random_range(0..ours.len())))
        }
    }
}

type Outcome = (DrillVerdict, Vec<String>, u64, u64);

/// What fails of the backup is the drill's verdict; what keeps the drill from being held is an error.
fn outcome(proven: Result<BackupProven, BackupError>) -> Result<Outcome, BackupError> {
    match proven {
        Ok(proven) => {
            let proof = proven.proof;
            let compared = format!("{} tables, {} rows are equal", proof.tables, proof.rows);
            let milliseconds = proof.milliseconds();
            Ok((
                DrillVerdict::Pass,
                vec![compared],
                proof.source_bytes,
                milliseconds,
            ))
        }
        Err(BackupError::Damaged { damage, .. }) => {
            let findings = damage.iter().map(ToString::to_string).collect();
            Ok((DrillVerdict::Fail, findings, 0, 0))
        }
        Err(BackupError::NotEqual { failures, .. }) => Ok((DrillVerdict::Fail, failures, 0, 0)),
        Err(BackupError::Engine {
            doing: doing @ "restore the backup",
            source,
        }) => Ok((
            DrillVerdict::Fail,
            vec![format!("cannot {doing}: {source}")],
            0,
            0,
        )),
        Err(error) => Err(error),
    }
}
