use tightrope_model::{Catalog, EngineKind};
use tightrope_script::{Migration, MigrationKind};
use tightrope_store::{AppliedMigration, Direction, StoreError};

use super::prepare::{Prepared, Proof};
use super::report::{Applied, AppliedOne, ApplyError, Left};
use super::stepwise::{self, StepFailure};
use super::transaction;
use crate::execute::Ready;
use crate::run::{Run, RunError, Watchers, stored};
use crate::situation::{Situation, version_key};
use crate::watch::Held;
use crate::{Event, Policy, net, recover};

/// Up to how many migrations without a certificate have the schema measured after each of them. Beyond that (a whole history
/// on a new database) only the first's before and the last's after are measured: reading the schema three hundred times
/// would take longer than the history.
const MEASURE_EACH: usize = 10;

/// After how many seconds what was seen of the database is looked at again before the run.
const FRESH_FOR_S: u64 = 1;

pub(super) fn run(prepared: Prepared<'_>, watchers: Watchers<'_>) -> Result<Applied, ApplyError> {
    let Prepared {
        project,
        engine,
        session,
        folder,
        mut situation,
        migrations,
        accept_drift,
        recovered,
        read_at,
        held,
        alarm,
        ..
    } = prepared;
    let mut applied = Applied {
        migrations: Vec::new(),
        recovered,
    };
    if migrations.is_empty() {
        return Ok(applied);
    }
    let mut run = Run::take(project, &engine, session, watchers)?;
    run.keep_budgets(&project.policy);
    run.heed(alarm);
    if run.left_open()?.is_some() || run.store().applied()?.len() != situation.applied.len() {
        run.leave()?;
        return Err(ApplyError::MovedOn);
    }
    if read_at.elapsed().as_secs() >= FRESH_FOR_S {
        let now = Situation::read(run.session.as_mut())?;
        if now.fingerprint != situation.fingerprint {
            run.leave()?;
            return Err(ApplyError::MovedOn);
        }
        situation = now;
    }
    let work: Vec<(&Migration, &Proof)> = migrations
        .iter()
        .map(|(index, proof)| (&folder.migrations[*index], proof))
        .collect();
    let kept_file = match keep_beside(&mut run, &situation, &work) {
        Ok(kept) => kept,
        Err(error) => {
            run.leave()?;
            return Err(error);
        }
    };
    run.begin(
        Direction::Forward,
        work.iter()
            .map(|(migration, _)| version_key(migration))
            .collect(),
    )?;
    let unproven = work
        .iter()
        .filter(|(_, proof)| proof.certificate().is_none())
        .count();
    let mut job = Job {
        dialect: engine.kind(),
        before: Some(situation.fingerprint),
        first_snapshot: Some(&situation),
        catalog: Some(situation.catalog.clone()),
        sequence: situation.applied.last().map_or(0, |last| last.sequence),
        accept_drift: situation.drift.as_ref().and(accept_drift.as_deref()),
        policy: project.policy,
        kept_file,
        held: held.as_ref(),
    };
    for (number, (migration, proof)) in work.iter().enumerate() {
        let is_last = number + 1 == work.len();
        let measure = proof.certificate().is_some() || unproven <= MEASURE_EACH || is_last;
        job.sequence += 1;
        let label = migration.label();
        watchers.listener.event(&Event::MigrationBegun {
            migration: label.clone(),
            direction: Direction::Forward,
        });
        match job.apply(&mut run, migration, proof, measure) {
            Ok(Done {
                record,
                catalog,
                tries,
            }) => {
                watchers.listener.event(&Event::MigrationDone {
                    migration: label,
                    direction: Direction::Forward,
                    milliseconds: record.forward_ms,
                });
                job.before = record.after;
                job.catalog = catalog;
                job.kept_file = None;
                job.first_snapshot = None;
                job.accept_drift = None;
                applied.migrations.push(AppliedOne {
                    version: record.version,
                    name: record.name,
                    forward_ms: record.forward_ms,
                    certified: record.certificate.is_some(),
                    tries,
                    fingerprint: record.after.map(|after| after.strict.to_string()),
                });
            }
            Err(error) => return Err(give_up(run, migration, error, applied.migrations.len())),
        }
    }
    run.end("done")?;
    Ok(applied)
}

/// Keeps a proven copy beside a database that has anything to lose, where the engine can.
fn keep_beside(
    run: &mut Run<'_>,
    situation: &Situation,
    work: &[(&Migration, &Proof)],
) -> Result<Option<String>, ApplyError> {
    let Some((first, _)) = work
        .first()
        .filter(|_| !situation.catalog.tables().is_empty())
    else {
        return Ok(None);
    };
    run.watchers.edges.reached("before the copy beside");
    let kept = run.session.keep_beside(&first.label())?;
    run.watchers.edges.reached("copy kept beside");
    Ok(kept.map(|kept| {
        run.watchers.listener.event(&Event::KeptBeside {
            path: kept.path.clone(),
            bytes: kept.bytes,
            tables: kept.tables,
            milliseconds: kept.milliseconds,
        });
        kept.path
    }))
}

/// A migration that was applied.
pub(super) struct Done {
    pub(super) record: AppliedMigration,
    /// The catalog after it, where it was measured.
    pub(super) catalog: Option<Catalog>,
    pub(super) tries: u32,
}

/// What stays the same from migration to migration, and what each leaves for the next.
pub(crate) struct Job<'a> {
    pub(crate) dialect: EngineKind,
    /// The schema before the next migration, where it was measured.
    pub(crate) before: Option<tightrope_model::Fingerprint>,
    /// The catalog of that, to be kept with the first migration.
    pub(crate) first_snapshot: Option<&'a Situation>,
    /// The catalog before the next migration, where it was measured.
    pub(crate) catalog: Option<Catalog>,
    pub(crate) sequence: i64,
    pub(crate) accept_drift: Option<&'a str>,
    pub(crate) policy: Policy,
    /// The copy of the database that was kept beside it before the next migration, if that is the run's first.
    pub(crate) kept_file: Option<String>,
    /// What is measured around the forward script, where it is watched.
    pub(crate) held: Option<&'a Held>,
}

impl Job<'_> {
    fn apply(
        &self,
        run: &mut Run<'_>,
        migration: &Migration,
        proof: &Proof,
        measure: bool,
    ) -> Result<Done, ApplyError> {
        let ready = Ready::new(&migration.forward, self.dialect, run.session.as_ref());
        ready.refusal().map_err(|failure| ApplyError::Script {
            migration: migration.label(),
            failure: Box::new(failure),
            tries: 0,
            tried_ms: 0,
            left: Left::Unchanged { applied: 0 },
        })?;
        if let Some(before) = &self.catalog {
            let findings = net::unknown_fill(migration, before);
            if !findings.is_empty() {
                return Err(ApplyError::BadFill {
                    migration: migration.label(),
                    findings,
                    left: Left::Unchanged { applied: 0 },
                });
            }
        }
        if ready.is_one_transaction() {
            transaction::apply(self, run, &ready, migration, proof, measure)
        } else {
            stepwise::apply(self, run, &ready, migration, proof).map(|record| Done {
                record,
                catalog: None,
                tries: 1,
            })
        }
    }

    /// The record of a migration as it will be kept, before its script has run.
    pub(super) fn draft(
        &self,
        run: &Run<'_>,
        migration: &Migration,
        proof: &Proof,
    ) -> AppliedMigration {
        AppliedMigration {
            version: migration.version.as_str().to_owned(),
            version_key: version_key(migration),
            name: migration.name.clone(),
            repeatable: migration.kind == MigrationKind::Repeatable,
            sequence: self.sequence,
            run: run.name.clone(),
            forward: migration.forward.digest(),
            forward_meaning: migration.forward.meaning_digest(self.dialect),
            rollback: migration
                .rollback
                .as_ref()
                .map(|script| stored(script, self.dialect)),
            before: self.before,
            after: None,
            certificate: proof.certificate().cloned(),
            unrehearsed: proof.unrehearsed().map(str::to_owned),
            applied_at: run.now(),
            applied_by: run.actor.clone(),
            forward_ms: 0,
            derived: proof
                .certificate()
                .is_some_and(|certificate| certificate.derived),
            net: None,
            sealed_at: None,
            renames: Vec::new(),
            fill: migration.settings.fill.clone(),
            kept_file: self.kept_file.clone(),
        }
    }

    /// Adds the record to the list and to the ledger, inside the open transaction.
    pub(super) fn record(
        &self,
        run: &mut Run<'_>,
        record: &AppliedMigration,
    ) -> Result<(), ApplyError> {
        run.store().add_applied(record)?;
        let mut detail = serde_json::json!({
            "name": record.name,
            "run": record.run,
            "forward": record.forward,
            "rollback": record.rollback.as_ref().map(|script| script.digest),
            "before": record.before.map(|before| before.strict),
            "after": record.after.map(|after| after.strict),
            "forward_ms": record.forward_ms,
            "certificate": record.certificate.as_ref().map(|certificate| certificate.seal),
        });
        if let Some(reason) = &record.unrehearsed {
            detail["unrehearsed"] = serde_json::Value::from(reason.as_str());
        }
        if let Some(reason) = self.accept_drift {
            detail["drift_accepted"] = serde_json::Value::from(reason);
        }
        run.record("applied", Some(&record.version), detail)?;
        if let Some(first) = self.first_snapshot {
            run.store()
                .keep_snapshot(&first.catalog, &first.fingerprint)?;
        }
        Ok(())
    }
}

/// Ends a run whose migration failed: what was done in steps is undone if it can be, and the failure goes on the record.
fn give_up(
    mut run: Run<'_>,
    migration: &Migration,
    mut error: ApplyError,
    applied: usize,
) -> ApplyError {
    if matches!(
        error,
        ApplyError::Store(StoreError::LeaseLost { .. })
            | ApplyError::Run(RunError::Store(StoreError::LeaseLost { .. }))
    ) {
        // Whoever took over decides now; we touch nothing any more.
        return error;
    }
    let undone = if run.is_half_done() {
        Some(recover::undo_open(&mut run))
    } else {
        None
    };
    if let ApplyError::Script { left, .. }
    | ApplyError::NotAsRehearsed { left, .. }
    | ApplyError::BadFill { left, .. } = &mut error
    {
        *left = match (undone, &*left) {
            (None, _) => Left::Unchanged { applied },
            (Some(Ok(())), _) => Left::Undone { applied },
            (Some(Err(because)), Left::Interrupted { done, of, .. }) => Left::Interrupted {
                done: *done,
                of: *of,
                because,
            },
            (Some(Err(because)), _) => Left::Interrupted {
                done: 0,
                of: 0,
                because,
            },
        };
    }
    run.fail(
        "failed",
        Some((&migration.version, &migration.name)),
        &error,
    );
    error
}

impl From<StepFailure> for ApplyError {
    fn from(failure: StepFailure) -> Self {
        match failure {
            StepFailure::Run(error) => Self::Run(error),
            StepFailure::Script {
                migration,
                failure,
                done,
                of,
            } => Self::Script {
                migration,
                failure,
                tries: 1,
                tried_ms: 0,
                left: Left::Interrupted {
                    done,
                    of,
                    because: String::new(),
                },
            },
        }
    }
}
