use jiff::Timestamp;
use serde::Serialize;
use tightrope_backup::{DrillKind, DrillRecord, DrillVerdict, Prediction, predict};

use crate::backup::{BackupError, TargetNow, place_of};
use crate::project::Project;

/// How the drills of one kind stand.
#[derive(Clone, Debug, Serialize)]
pub struct DrillKindStatus {
    /// Which kind.
    pub kind: DrillKind,
    /// The drills, oldest first.
    pub drills: Vec<DrillRecord>,
    /// Days since the last one that passed; none if none ever has.
    pub days: Option<u64>,
    /// Whether one is due: none has passed within the days that are allowed, or the last one failed.
    pub overdue: bool,
    /// How long it would take now, from the drills that passed.
    pub prediction: Option<Prediction>,
}

/// How the drills stand.
#[derive(Clone, Debug, Serialize)]
pub struct DrillStatus {
    /// After how many days one is overdue.
    pub allowed_days: u32,
    /// The size of the database now.
    pub bytes: Option<u64>,
    /// Each kind.
    pub kinds: Vec<DrillKindStatus>,
    /// Files among the records that are none, or were changed.
    pub broken: Vec<String>,
}

impl DrillStatus {
    /// The kinds that are overdue.
    pub fn overdue(&self) -> impl Iterator<Item = &DrillKindStatus> {
        self.kinds.iter().filter(|kind| kind.overdue)
    }
}

/// Reads the records of the target's drills.
///
/// # Errors
/// When the place cannot be read, or the target cannot be asked who it is.
pub fn drill_status(project: &Project) -> Result<DrillStatus, BackupError> {
    let (all, broken) = place_of(project)?.drills()?;
    let target = TargetNow::of(project, None)?;
    let ours: Vec<DrillRecord> = all
        .into_iter()
        .filter(|drill| target.is(&drill.database))
        .collect();
    let engine = project.engine()?;
    // A database whose size cannot be asked has no prediction, and that is said.
    let bytes = engine
        .cloner()
        .and_then(|cloner| cloner.size(&project.url).ok());
    let kinds = DrillKind::ALL.into_iter().map(|kind| {
        of_kind(
            kind,
            &ours,
            project.backup.drill_days,
            bytes,
            Timestamp::now(),
        )
    });
    Ok(DrillStatus {
        allowed_days: project.backup.drill_days,
        bytes,
        kinds: kinds.collect(),
        broken,
    })
}

fn of_kind(
    kind: DrillKind,
    all: &[DrillRecord],
    allowed_days: u32,
    bytes: Option<u64>,
    now: Timestamp,
) -> DrillKindStatus {
    let drills: Vec<DrillRecord> = all
        .iter()
        .filter(|drill| drill.kind == kind)
        .cloned()
        .collect();
    let passed: Vec<&DrillRecord> = drills
        .iter()
        .filter(|drill| drill.verdict == DrillVerdict::Pass)
        .collect();
    let days = passed.last().and_then(|drill| {
        let at: Timestamp = drill.at.parse().ok()?;
        u64::try_from(now.duration_since(at).as_secs() / 86_400).ok()
    });
    let last_failed = drills
        .last()
        .is_some_and(|drill| drill.verdict == DrillVerdict::Fail);
    let measured: Vec<(u64, u64)> = passed
        .iter()
        .map(|drill| (drill.bytes, drill.milliseconds))
        .collect();
    DrillKindStatus {
        kind,
        overdue: last_failed || days.is_none_or(|days| days >= u64::from(allowed_days)),
        days,
        prediction: bytes.and_then(|bytes| predict(&measured, bytes)),
        drills,
    }
}

/// Refuses while a drill of restoring is overdue.
pub(crate) fn require_held(project: &Project) -> Result<(), BackupError> {
    let status = drill_status(project)?;
    let overdue = status
        .overdue()
        .find(|kind| kind.kind == DrillKind::Restore);
    let Some(kind) = overdue else {
        return Ok(());
    };
    let because = match (kind.drills.last(), kind.days) {
        (Some(last), _) if last.verdict == DrillVerdict::Fail => {
            format!("the last drill of restoring failed, on {}", last.at)
        }
        (_, Some(days)) => format!(
            "restoring was last practised {days} days ago, and {} are allowed",
            status.allowed_days
        ),
        (_, None) => "restoring was never practised".to_owned(),
    };
    Err(BackupError::DrillOverdue { because })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_engine::DatabaseId;

    fn drill(at: &str, verdict: DrillVerdict) -> DrillRecord {
        DrillRecord {
            tightrope_drill: DrillRecord::LAYOUT,
            kind: DrillKind::Restore,
            database: DatabaseId {
                id: "a".to_owned(),
                name: "a".to_owned(),
            },
            at: format!("{at}T00:00:00Z"),
            what: "b".to_owned(),
            bytes: 100,
            milliseconds: 10,
            verdict,
            findings: Vec::new(),
            seal: None,
            signature: None,
        }
    }

    #[test]
    fn a_drill_is_overdue_when_none_has_passed_for_long_or_the_last_one_failed() {
        let now = "2026-04-01T12:00:00Z".parse().unwrap();
        let check = |drills: &[DrillRecord], days, overdue| {
            let status = of_kind(DrillKind::Restore, drills, 90, Some(200), now);
            assert_eq!((status.days, status.overdue), (days, overdue));
        };
        use DrillVerdict::{Fail, Pass};
        check(&[], None, true);
        check(&[drill("2026-03-01", Pass)], Some(31), false);
        check(&[drill("2026-01-02", Pass)], Some(89), false);
        check(&[drill("2026-01-01", Pass)], Some(90), true);
        check(
            &[drill("2026-03-01", Pass), drill("2026-03-02", Fail)],
            Some(31),
            true,
        );
        check(
            &[drill("2026-03-01", Fail), drill("2026-03-02", Pass)],
            Some(30),
            false,
        );
        check(&[drill("2026-03-01", Fail)], None, true);
        let status = of_kind(
            DrillKind::Restore,
            &[drill("2026-03-01", Pass)],
            90,
            Some(200),
            now,
        );
        assert_eq!(status.prediction.map(|it| it.milliseconds), Some(20));
        let other = of_kind(
            DrillKind::Rollback,
            &[drill("2026-03-01", Pass)],
            90,
            None,
            now,
        );
        assert!(other.overdue && other.drills.is_empty());
    }
}
