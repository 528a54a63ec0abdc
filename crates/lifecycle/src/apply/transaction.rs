use std::time::Instant;

use tightrope_engine::{EngineError, ErrorKind};
use tightrope_model::{Catalog, Fingerprint};
use tightrope_script::Migration;
use tightrope_store::AppliedMigration;

use super::prepare::Proof;
use super::report::{ApplyError, Left};
use super::run::Job;
use crate::execute::{Ready, ScriptFailure, elapsed_ms, may_change_settings};
use crate::run::Run;
use crate::verify;

/// Applies a migration in one transaction: the script, its verify script, the record and the ledger entry become durable
/// together or not at all. Where a lock is not granted in time, all of it is undone and tried again.
pub(super) fn apply(
    job: &Job<'_>,
    run: &mut Run<'_>,
    ready: &Ready<'_>,
    migration: &Migration,
    proof: &Proof,
    measure: bool,
) -> Result<(AppliedMigration, u32), ApplyError> {
    let resets = may_change_settings(ready);
    let own_timeout = migration.settings.lock_timeout_ms;
    if own_timeout.is_some() {
        run.bound_lock_waits(own_timeout)?;
    }
    let begun = Instant::now();
    let mut attempt = 1;
    let result = loop {
        match try_once(job, run, ready, migration, proof, measure) {
            Ok(record) => break Ok((record, attempt)),
            Err(Stop::Error(error)) => break Err(error),
            Err(Stop::Script(failure)) => {
                if !failure.error.kind.may_pass() || attempt >= run.lock_tries {
                    break Err(ApplyError::Script {
                        migration: migration.label(),
                        failure: Box::new(failure),
                        tries: attempt,
                        tried_ms: elapsed_ms(begun),
                        left: Left::Unchanged { applied: 0 },
                    });
                }
                run.pause_before_retry(attempt, &failure.error);
                attempt += 1;
            }
        }
    };
    if resets || own_timeout.is_some() {
        // A broken connection has its own error already; resetting it can only fail again.
        let restored = run
            .session
            .reset()
            .and_then(|()| run.bound_lock_waits(None));
        if result.is_ok() {
            restored?;
        }
    }
    result
}

enum Stop {
    Script(ScriptFailure),
    Error(ApplyError),
}

impl From<ScriptFailure> for Stop {
    fn from(failure: ScriptFailure) -> Self {
        Self::Script(failure)
    }
}

impl<E: Into<ApplyError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

fn try_once(
    job: &Job<'_>,
    run: &mut Run<'_>,
    ready: &Ready<'_>,
    migration: &Migration,
    proof: &Proof,
    measure: bool,
) -> Result<AppliedMigration, Stop> {
    ready.run_prelude(run.session.as_mut(), run.watchers.listener)?;
    begin(run, ready)?;
    let done = inside(job, run, ready, migration, proof, measure);
    let record = match done {
        Ok(record) => record,
        Err(stop) => {
            run.undo_transaction();
            return Err(stop);
        }
    };
    run.watchers.edges.reached("before the commit");
    if let Err(error) = run.session.commit() {
        run.undo_transaction();
        if error.kind == ErrorKind::ConnectionLost {
            return Err(Stop::Error(ApplyError::OutcomeUnknown {
                migration: migration.label(),
                error,
            }));
        }
        return Err(at_the_end(ready, error));
    }
    run.watchers.edges.reached("committed");
    ready.run_epilogue(run.session.as_mut(), run.watchers.listener)?;
    Ok(record)
}

/// Opens the transaction; where that alone waits for a lock (SQLite), it counts as the first statement's wait.
fn begin(run: &mut Run<'_>, ready: &Ready<'_>) -> Result<(), Stop> {
    run.watchers.edges.reached("before the transaction");
    run.session
        .begin()
        .map_err(|error| match ready.parsed.statements.is_empty() {
            false => Stop::Script(ready.failure(0, error)),
            true => Stop::Error(error.into()),
        })
}

/// A deferred constraint speaks only at the commit: the last statement is named.
fn at_the_end(ready: &Ready<'_>, error: EngineError) -> Stop {
    match ready.parsed.statements.len() {
        0 => Stop::Error(error.into()),
        count => Stop::Script(ready.failure(count - 1, error)),
    }
}

fn inside(
    job: &Job<'_>,
    run: &mut Run<'_>,
    ready: &Ready<'_>,
    migration: &Migration,
    proof: &Proof,
    measure: bool,
) -> Result<AppliedMigration, Stop> {
    let mut record = job.draft(run, migration, proof);
    let begun = Instant::now();
    for step in &ready.steps.steps {
        run.run_step(ready, step)?;
    }
    record.forward_ms = elapsed_ms(begun);
    run.watchers.edges.reached("script run");
    if let Some(script) = &migration.verify {
        verify::run(
            run.session.as_mut(),
            script,
            job.dialect,
            run.watchers.listener,
        )?;
    }
    if may_change_settings(ready) {
        run.session.regain()?;
    }
    if measure {
        let catalog = run.session.catalog().map_err(ApplyError::from)?;
        let after = catalog.fingerprint();
        compare_with_rehearsal(run, migration, proof, &catalog, &after)?;
        run.store()
            .keep_snapshot(&catalog, &after)
            .map_err(ApplyError::from)?;
        record.after = Some(after);
    }
    run.expect_schema(record.after)?;
    job.record(run, &record)?;
    let lease = run.lease.clone();
    run.store().guard_lease(&lease).map_err(ApplyError::from)?;
    Ok(record)
}

fn compare_with_rehearsal(
    run: &mut Run<'_>,
    migration: &Migration,
    proof: &Proof,
    catalog: &Catalog,
    after: &Fingerprint,
) -> Result<(), ApplyError> {
    let Some(certificate) = proof.certificate() else {
        return Ok(());
    };
    if certificate.after.logical == after.logical {
        return Ok(());
    }
    let rehearsed = run.store().snapshot(&certificate.after)?;
    Err(ApplyError::NotAsRehearsed {
        migration: migration.label(),
        differences: rehearsed.map(|rehearsed| rehearsed.differences(catalog)),
        left: Left::Unchanged { applied: 0 },
    })
}
