use serde::Serialize;
use tightrope_model::Version;
use tightrope_store::{AppliedMark, AppliedMigration, WatchRecord};

use super::report::WatchError;
use crate::plan::label_of;
use crate::project::Project;
use crate::rollback::{Conflicts, PreparedRollback, RollbackOptions, prepare_rollback};

/// Whether the watched migrations can be rolled back now without losing anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WayBackNow {
    /// Whether it is open and loses nothing.
    pub lossless: bool,
    /// Rows that the old schema cannot hold.
    pub in_conflict: u64,
    /// Rows written since.
    pub written: u64,
    /// How long the rollback took in rehearsal, in milliseconds.
    pub rollback_ms: Option<u64>,
    /// Why it is not.
    pub because: Option<String>,
}

impl WayBackNow {
    /// Before it was looked at.
    pub(super) fn unread() -> Self {
        Self {
            because: Some("it is being looked at".to_owned()),
            ..Self::default()
        }
    }
}

/// Which rollback takes the watched migrations back and nothing else. Rows that would be in conflict stop it: by itself a watch puts
/// nothing into quarantine.
pub(super) fn options(stays: Option<&str>) -> RollbackOptions {
    RollbackOptions {
        to: stays.map(Version::new),
        all: stays.is_none(),
        conflicts: Conflicts::Stop,
        ..RollbackOptions::default()
    }
}

/// Looks at the way back, and gives the rollback that would take it.
pub(super) fn look<'p>(
    project: &'p Project,
    record: &WatchRecord,
) -> Result<(WayBackNow, Option<PreparedRollback<'p>>), WatchError> {
    let mut prepared = match prepare_rollback(project, &options(record.stays.as_deref())) {
        Ok(prepared) => prepared,
        Err(error) => {
            let because = Some(in_words(&error));
            return Ok((
                WayBackNow {
                    because,
                    ..WayBackNow::default()
                },
                None,
            ));
        }
    };
    let gauges = prepared
        .readiness()
        .map_err(|error| WatchError::NotMeasurable {
            criterion: "way back".to_owned(),
            because: in_words(&error),
        })?;
    let mut way = WayBackNow {
        lossless: true,
        rollback_ms: Some(0),
        ..WayBackNow::default()
    };
    if let Some(interrupted) = prepared.interrupted() {
        way.because = Some(format!("`{interrupted}` is half done"));
    }
    for migration in prepared.migrations() {
        let took = migration
            .certificate
            .as_ref()
            .map(|certificate| certificate.rollback_ms);
        way.rollback_ms = way.rollback_ms.zip(took).map(|(sum, took)| sum + took);
        let label = label_of(&migration.version, &migration.name);
        if !record.is_watched(&AppliedMark::from(migration)) {
            way.because = Some(format!("`{label}` was applied since"));
        }
        match gauges.get(&migration.version_key) {
            Some(gauge) => {
                way.in_conflict += gauge.in_conflict;
                way.written += gauge.gauge.written.values().sum::<u64>();
            }
            None if needs_no_net(migration) => {}
            None => way.because = Some(format!("no net is spread around `{label}`")),
        }
    }
    if way.in_conflict > 0 {
        let rows = match way.in_conflict {
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        way.because = Some(format!(
            "{rows} written since cannot be held by the old schema"
        ));
    }
    way.lossless = way.because.is_none();
    Ok((way, Some(prepared)))
}

/// A migration in steps that has touched no row leads back by its certified derived rollback.
fn needs_no_net(migration: &AppliedMigration) -> bool {
    migration.derived && migration.certificate.is_some() && migration.sealed_at.is_none()
}

/// An error with its sources.
pub(super) fn in_words(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
