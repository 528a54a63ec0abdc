use jiff::Timestamp;
use tightrope_backup::{DrillKind, DrillRecord, DrillVerdict, Found};

use crate::backup::{
    BackupError, BackupProven, TargetNow, find, of_target, of_this_database, place_of, prove_found,
};
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
    of_this_database(project, &found)?;
    let database = match &found.manifest {
        Ok(manifest) => manifest.database.clone(),
        Err(_) => TargetNow::of(project, None)?.named(),
    };
    let proven = prove_found(project, &found, watchers);
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
            let mut ours = of_target(project)?;
            if ours.is_empty() {
                return find(project, None);
            }
            Ok(ours.swap_remove(rand::random_range(0..ours.len())))
        }
    }
}

type Outcome = (DrillVerdict, Vec<String>, u64, u64);

/// That nothing could be restored from the backup is the drill's verdict, whatever the reason; what keeps the drill from being
/// held, such as a server that cannot be reached, is an error.
fn outcome(proven: Result<BackupProven, BackupError>) -> Result<Outcome, BackupError> {
    match proven {
        Ok(proven) => {
            let proof = proven.proof;
            let compared = match proof.counted {
                true => format!(
                    "the schema is equal, {} rows were read and counted (tables: {})",
                    proof.rows, proof.tables
                ),
                false => format!("{} tables, {} rows are equal", proof.tables, proof.rows),
            };
            let milliseconds = proof.milliseconds();
            Ok((
                DrillVerdict::Pass,
                vec![compared],
                proof.source_bytes,
                milliseconds,
            ))
        }
        Err(error) => match error.findings() {
            Some(findings) => Ok((DrillVerdict::Fail, findings, 0, 0)),
            None => Err(error),
        },
    }
}
