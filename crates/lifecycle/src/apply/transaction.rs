use std::time::Instant;

use tightrope_engine::{Blocker, EngineError, ErrorKind, KeptNet};
use tightrope_inverse::Matching;
use tightrope_model::{Catalog, Fingerprint, NetPlan};
use tightrope_script::{Migration, Script, TransactionMode};
use tightrope_store::{AppliedMigration, StoreError};

use super::prepare::Proof;
use super::report::{ApplyError, Left};
use super::run::{Done, Job};
use crate::companion::Cancelled;
use crate::execute::{Ready, ScriptFailure, elapsed_ms, may_change_settings};
use crate::logged;
use crate::net::{self, LookStop};
use crate::plan::label_of;
use crate::run::{OVER_BUDGET, Run, cancelled_because, held_by, stored};
use crate::verify;
use crate::watch::{Held, Measured};

/// Applies a migration in one transaction: the script, its verify script, the record and the ledger entry become durable
/// together or not at all. Where a lock is not granted in time, all of it is undone and tried again.
pub(super) fn apply(
    job: &Job<'_>,
    run: &mut Run<'_>,
    ready: &Ready<'_>,
    migration: &Migration,
    proof: &Proof,
    measure: bool,
) -> Result<Done, ApplyError> {
    let resets = may_change_settings(ready);
    let own_timeout = migration.settings.lock_timeout_ms;
    if own_timeout.is_some() {
        run.bound_lock_waits(own_timeout)?;
    }
    let begun = Instant::now();
    let mut attempt = 1;
    let result = loop {
        match try_once(job, run, ready, migration, proof, measure) {
            Ok((record, catalog)) => {
                break Ok(Done {
                    record,
                    catalog,
                    tries: attempt,
                });
            }
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

impl Stop {
    fn held_by(mut self, blockers: Vec<Blocker>) -> Self {
        match &mut self {
            Self::Script(failure) => held_by(&mut failure.error, blockers),
            Self::Error(ApplyError::Engine(error)) => held_by(error, blockers),
            Self::Error(_) => {}
        }
        self
    }
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
) -> Result<(AppliedMigration, Option<Catalog>), Stop> {
    ready.run_prelude(run.session.as_mut(), run.watchers.listener)?;
    begin(run, ready)?;
    // Until the commit others may wait for what the script has locked, whatever is done meanwhile.
    let (done, why) = run.within_budgets(|run| inside(job, run, ready, migration, proof, measure));
    let record = match done {
        Ok(record) => record,
        Err(stop) => {
            run.undo_transaction();
            return Err(over_budget(ready, stop, why));
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

/// Says why it was cancelled, where the companion did it; what is not the script's own statement counts as its last.
fn over_budget(ready: &Ready<'_>, stop: Stop, why: Option<Cancelled>) -> Stop {
    match stop {
        Stop::Script(mut failure) => {
            cancelled_because(&mut failure.error, why, OVER_BUDGET);
            Stop::Script(failure)
        }
        Stop::Error(
            ApplyError::Engine(mut error) | ApplyError::Store(StoreError::Engine(mut error)),
        ) if why.is_some() && error.kind == ErrorKind::Cancelled => {
            cancelled_because(&mut error, why, OVER_BUDGET);
            at_the_end(ready, error)
        }
        stop => stop,
    }
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
) -> Result<(AppliedMigration, Option<Catalog>), Stop> {
    let mut record = job.draft(run, migration, proof);
    record.renames = net::renames_of(&ready.parsed);
    logged::before_script(run.session.as_mut(), &migration.label())
        .map_err(|error| waits(ready, error))?;
    let before = job.catalog.as_ref().filter(|_| measure);
    let held = match job.held {
        Some(held) => {
            let (measured, blockers) = run.looked_after(|run| held.before(run.session.as_mut()));
            Some((
                held,
                measured.map_err(|error| waits(ready, error).held_by(blockers))?,
            ))
        }
        None => None,
    };
    let mut spread = match before {
        Some(before) => {
            let (spread, blockers) =
                run.looked_after(|run| spread_net(job, run, ready, before, proof, &record));
            spread.map_err(|stop| stop.held_by(blockers))?
        }
        None => None,
    };
    let begun = Instant::now();
    match &spread {
        Some((plan, kept)) => run
            .watched(|session, listener| ready.run_with_net(session, Some(kept), plan, listener))?,
        None => {
            for step in &ready.steps.steps {
                run.run_step(ready, step)?;
            }
        }
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
    if let Some((held, measured)) = held {
        hold(run, migration, &record, held, &measured)?;
    }
    let mut after = None;
    if measure {
        let catalog = run.session.catalog().map_err(ApplyError::from)?;
        let fingerprint = catalog.fingerprint();
        compare_with_rehearsal(run, migration, proof, &catalog, &fingerprint)?;
        run.store()
            .keep_snapshot(&catalog, &fingerprint)
            .map_err(ApplyError::from)?;
        record.after = Some(fingerprint);
        if let (Some(before), Some((plan, kept))) = (before, &mut spread) {
            hold_to_the_plan(run, migration, (plan, kept), (before, &catalog), &record)?;
            net::bring_images(run.session.as_mut(), &record, run.watchers.listener)
                .map_err(ApplyError::from)?;
            net::open_window(run.session.as_mut(), kept, before, &catalog)
                .map_err(|error| waits(ready, error))?;
            let applied = run.store().applied().map_err(ApplyError::from)?;
            net::stands_on_older(&applied, kept).map_err(ApplyError::from)?;
            let findings = net::bad_fill(run.session.as_mut(), migration, kept, before)
                .map_err(|error| waits(ready, error))?;
            if !findings.is_empty() {
                return Err(Stop::Error(ApplyError::BadFill {
                    migration: migration.label(),
                    findings,
                    left: Left::Unchanged { applied: 0 },
                }));
            }
            run.watchers.edges.reached("window open");
            keep_derived(job, &mut record, migration, before, &catalog);
        }
        after = Some(catalog);
    }
    record.net = spread.map(|(_, kept)| kept);
    logged::after_script(run.session.as_mut()).map_err(|error| waits(ready, error))?;
    run.expect_schema(record.after)?;
    job.record(run, &record)?;
    let lease = run.lease.clone();
    run.store().guard_lease(&lease).map_err(ApplyError::from)?;
    Ok((record, after))
}

/// Requires that the invariants are what they were, and keeps what was measured.
fn hold(
    run: &mut Run<'_>,
    migration: &Migration,
    record: &AppliedMigration,
    held: &Held,
    measured: &Measured,
) -> Result<(), Stop> {
    match held.after(run.session.as_mut(), measured)? {
        // Numbers below zero are the migrations' own.
        Ok((watch, Some(look))) => Ok(run.store().add_look(watch, -record.sequence, &look)?),
        Ok((_, None)) => Ok(()),
        Err(broken) => Err(Stop::Error(ApplyError::Invariant {
            migration: migration.label(),
            broken,
        })),
    }
}

/// Spreads the net as the rehearsal planned it. Where there was none, the script is run once to see what it touches, and
/// taken back.
fn spread_net(
    job: &Job<'_>,
    run: &mut Run<'_>,
    ready: &Ready<'_>,
    before: &Catalog,
    proof: &Proof,
    record: &AppliedMigration,
) -> Result<Option<(NetPlan, KeptNet)>, Stop> {
    if run.session.net().is_none() {
        return Ok(None);
    }
    let session = run.session.as_mut();
    let rehearsed = proof.certificate().and_then(|one| one.net.clone());
    let plan = match rehearsed {
        Some(plan) => plan,
        None => net::look(session, ready, job.dialect, before).map_err(|stop| match stop {
            LookStop::Script(failure) => Stop::Script(failure),
            LookStop::Engine(error) => waits(ready, error),
        })?,
    };
    let applied = run.store().applied().map_err(ApplyError::from)?;
    let session = run.session.as_mut();
    net::room(session, &plan, before, &applied, &job.policy)?.map_err(|because| {
        ApplyError::NoRoom {
            migration: label_of(&record.version, &record.name),
            because,
        }
    })?;
    let kept = net::spread(session, record.sequence, &plan, before)
        .map_err(|error| waits(ready, error))?;
    if let Some(kept) = &kept {
        net::suspend_older(run.session.as_mut(), &applied, kept)
            .map_err(|error| waits(ready, error))?;
    }
    run.watchers.edges.reached("net spread");
    Ok(kept.map(|kept| (plan, kept)))
}

/// A lock that the net waits for is the script's first lock: it is tried again like that.
fn waits(ready: &Ready<'_>, error: EngineError) -> Stop {
    if error.kind.may_pass() && !ready.parsed.statements.is_empty() {
        Stop::Script(ready.failure(0, error))
    } else {
        Stop::Error(error.into())
    }
}

fn hold_to_the_plan(
    run: &mut Run<'_>,
    migration: &Migration,
    (plan, kept): (&NetPlan, &mut KeptNet),
    (before, after): (&Catalog, &Catalog),
    record: &AppliedMigration,
) -> Result<(), ApplyError> {
    let matching = Matching::of(before, after, &record.renames);
    net::outside(run.session.as_mut(), plan, kept, &matching)?.map_err(|outside| {
        ApplyError::OutsideThePlan {
            migration: migration.label(),
            outside,
        }
    })
}

/// Keeps the derived rollback as a script where none is written.
fn keep_derived(
    job: &Job<'_>,
    record: &mut AppliedMigration,
    migration: &Migration,
    before: &Catalog,
    after: &Catalog,
) {
    if record.rollback.is_some() && !record.derived {
        return;
    }
    let inverse = net::derived_script(job.dialect, before, after, &record.renames);
    let script = Script::whole(
        migration.home.join("derived.sql"),
        inverse.script(),
        TransactionMode::Required,
    );
    record.rollback = Some(stored(&script, job.dialect));
    record.derived = true;
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
