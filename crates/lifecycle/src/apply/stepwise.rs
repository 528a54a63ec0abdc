//! Carrying out a script that is not one transaction: step by step, each journalled.
//!
//! A transaction step and its journal entry become durable together. A step that must stand alone has its intent written
//! first, with the schema's fingerprint: after a crash, the same fingerprint means that it had no effect.

use std::time::Instant;

use tightrope_model::{Catalog, Digest, NetPlan};
use tightrope_script::{Migration, Script, Step, TransactionMode};
use tightrope_store::{AppliedMigration, Direction, Edge, MigrationBegun, StepBegun};

use super::prepare::Proof;
use super::report::ApplyError;
use super::run::Job;
use crate::Event;
use crate::execute::{Ready, ScriptFailure, elapsed_ms, is_transaction};
use crate::half_done;
use crate::logged;
use crate::net;
use crate::run::{Run, RunError, STEP_OVER_BUDGET, cancelled_because, stored};
use crate::verify;

/// A step of a script that failed, or the run itself.
pub(crate) enum StepFailure {
    Run(RunError),
    Script {
        migration: String,
        failure: Box<ScriptFailure>,
        done: usize,
        of: usize,
    },
}

impl<E: Into<RunError>> From<E> for StepFailure {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}

/// A script to carry out step by step.
pub(crate) struct StepJob<'a> {
    pub(crate) ready: &'a Ready<'a>,
    pub(crate) label: &'a str,
    pub(crate) version_key: &'a str,
    /// The steps that are done already.
    pub(crate) done: Vec<usize>,
}

/// Carries out the steps that are not done; the migration must have been journalled as begun.
pub(crate) fn carry_out(run: &mut Run<'_>, job: &StepJob<'_>) -> Result<(), StepFailure> {
    let steps = &job.ready.steps.steps;
    let failed = |failure: ScriptFailure, done: usize| StepFailure::Script {
        migration: job.label.to_owned(),
        failure: Box::new(failure),
        done,
        of: steps.len(),
    };
    job.ready
        .run_prelude(run.session.as_mut(), run.watchers.listener)
        .map_err(|failure| failed(failure, job.done.len()))?;
    for (number, step) in steps
        .iter()
        .enumerate()
        .filter(|(number, _)| !job.done.contains(number))
    {
        let what = job.ready.words(step);
        run.watchers.listener.event(&Event::StepBegun {
            number: number + 1,
            of: steps.len(),
            what,
        });
        let mut attempt = 1;
        while let Err(failure) = try_step(run, job, number, step)? {
            if !failure.error.kind.may_pass() || attempt >= run.lock_tries {
                return Err(failed(failure, number));
            }
            run.pause_before_retry(attempt, &failure.error);
            if !is_transaction(step) {
                half_done::clear(run.session.as_mut(), job.ready, step)?;
            }
            attempt += 1;
        }
    }
    job.ready
        .run_epilogue(run.session.as_mut(), run.watchers.listener)
        .map_err(|failure| failed(failure, steps.len()))?;
    run.session.reset()?;
    run.bound_lock_waits(None)?;
    Ok(())
}

/// Carries out one step; the inner result is the script's own failure, and nothing of a transaction step is left then.
fn try_step(
    run: &mut Run<'_>,
    job: &StepJob<'_>,
    number: usize,
    step: &Step,
) -> Result<Result<(), ScriptFailure>, StepFailure> {
    if is_transaction(step) {
        run.watchers.edges.reached("before a transaction step");
        if let Err(error) = run.session.begin() {
            return Ok(Err(job.ready.failure(step.statements.start, error)));
        }
        if let Err(failure) = run_within_budgets(run, job, step) {
            run.undo_transaction();
            return Ok(Err(failure));
        }
        run.session.regain()?;
        finish_transaction_step(run, job, number)?;
        run.watchers.edges.reached("transaction step committed");
        return Ok(Ok(()));
    }
    let statement = &job.ready.parsed.statements[step.statements.start];
    announce(
        run,
        job,
        number,
        Digest::of(job.ready.script.text_of(statement)),
    )?;
    run.bound_lock_waits(Some(ALONE_LOCK_TIMEOUT_MS))?;
    let done = run_within_budgets(run, job, step);
    run.bound_lock_waits(None)?;
    if done.is_err() {
        return Ok(done);
    }
    run.watchers.edges.reached("step run");
    run.in_transaction(|run| {
        Ok(run.journal(Some(job.version_key), &Edge::StepDone { step: number })?)
    })?;
    run.watchers.edges.reached("step recorded");
    Ok(Ok(()))
}

fn run_within_budgets(
    run: &mut Run<'_>,
    job: &StepJob<'_>,
    step: &Step,
) -> Result<(), ScriptFailure> {
    budgeted(run, |run| run.run_step(job.ready, step))
}

/// Does a part of a migration in steps, and says why it was cancelled, if it was.
fn budgeted(
    run: &mut Run<'_>,
    work: impl FnOnce(&mut Run<'_>) -> Result<(), ScriptFailure>,
) -> Result<(), ScriptFailure> {
    let (done, why) = run.within_budgets(work);
    done.map_err(|mut failure| {
        cancelled_because(&mut failure.error, why, STEP_OVER_BUDGET);
        failure
    })
}

/// How long a statement that stands alone waits for others: a concurrent index build has to outwait every older transaction,
/// and holds up nobody while it does.
const ALONE_LOCK_TIMEOUT_MS: u64 = 60_000;

fn finish_transaction_step(
    run: &mut Run<'_>,
    job: &StepJob<'_>,
    number: usize,
) -> Result<(), StepFailure> {
    let lease = run.lease.clone();
    let recorded = run
        .journal(Some(job.version_key), &Edge::StepDone { step: number })
        .and_then(|()| run.store().guard_lease(&lease));
    if let Err(error) = recorded {
        run.undo_transaction();
        return Err(error.into());
    }
    run.watchers.edges.reached("before a step's commit");
    run.session.commit()?;
    Ok(())
}

fn announce(
    run: &mut Run<'_>,
    job: &StepJob<'_>,
    number: usize,
    statement: Digest,
) -> Result<(), StepFailure> {
    let before = run.session.catalog()?.fingerprint();
    run.watchers.edges.reached("before a step's intent");
    run.in_transaction(|run| {
        let begun = StepBegun {
            step: number,
            statement,
            before,
        };
        Ok(run.journal(Some(job.version_key), &Edge::StepBegun(begun))?)
    })?;
    run.watchers.edges.reached("step's intent written");
    Ok(())
}

/// Applies a migration in journalled steps.
pub(super) fn apply(
    job: &Job<'_>,
    run: &mut Run<'_>,
    ready: &Ready<'_>,
    migration: &Migration,
    proof: &Proof,
) -> Result<AppliedMigration, ApplyError> {
    let mut record = job.draft(run, migration, proof);
    let before = match job.before {
        Some(before) => before,
        None => run.session.catalog()?.fingerprint(),
    };
    record.before = Some(before);
    let begun = MigrationBegun {
        version: record.version.clone(),
        name: record.name.clone(),
        script: stored(&migration.forward, job.dialect),
        rollback: record.rollback.clone(),
        before,
        steps: ready.steps.steps.len(),
        record: Some(Box::new(record.clone())),
        direction: Direction::Forward,
    };
    // From this schema the rollback is derived in the end, also by whoever goes on after a crash.
    let catalog = match record.derived {
        true => Some(run.session.catalog()?),
        false => None,
    };
    let label = migration.label();
    run.in_transaction(|run| {
        if let Some(catalog) = &catalog {
            run.store().keep_snapshot(catalog, &before)?;
        }
        logged::before_script(run.session.as_mut(), &label)?;
        Ok(run.journal(
            Some(&record.version_key),
            &Edge::MigrationBegun(Box::new(begun)),
        )?)
    })?;
    run.watchers.edges.reached("migration's intent written");
    let clock = Instant::now();
    let steps = StepJob {
        ready,
        label: &label,
        version_key: &record.version_key,
        done: Vec::new(),
    };
    carry_out(run, &steps)?;
    record.forward_ms = elapsed_ms(clock);
    finish(
        job,
        run,
        &label,
        ready.steps.steps.len(),
        migration.verify.as_ref(),
        record,
    )
}

/// Verifies and records a migration whose steps are all done.
pub(crate) fn finish(
    job: &Job<'_>,
    run: &mut Run<'_>,
    label: &str,
    steps: usize,
    verify_script: Option<&Script>,
    mut record: AppliedMigration,
) -> Result<AppliedMigration, ApplyError> {
    run.session.begin()?;
    if let Some(script) = verify_script
        && let Err(failure) = budgeted(run, |run| {
            let listener = run.watchers.listener;
            verify::run(run.session.as_mut(), script, job.dialect, listener)
        })
    {
        run.undo_transaction();
        let failure = Box::new(failure);
        return Err(StepFailure::Script {
            migration: label.to_owned(),
            failure,
            done: steps,
            of: steps,
        }
        .into());
    }
    match record_done(job, run, &mut record) {
        Ok(()) => {
            run.watchers.edges.reached("before the commit");
            run.session.commit()?;
            run.watchers.edges.reached("committed");
            Ok(record)
        }
        Err(error) => {
            run.undo_transaction();
            Err(error)
        }
    }
}

/// Keeps the derived rollback, where that was certified: it touches no row, and so needs no net.
fn keep_derived(
    job: &Job<'_>,
    run: &mut Run<'_>,
    record: &mut AppliedMigration,
    after: &Catalog,
) -> Result<(), ApplyError> {
    let Some(before) = record.before.filter(|_| record.derived) else {
        return Ok(());
    };
    let Some(before) = run.store().snapshot(&before)? else {
        return Ok(());
    };
    if net::takes_values(&before, after, &NetPlan::default()).is_some() {
        return Ok(());
    }
    let inverse = net::derived_script(job.dialect, &before, after, &record.renames);
    let script = Script::whole("derived.sql", inverse.script(), TransactionMode::Required);
    record.rollback = Some(stored(&script, job.dialect));
    Ok(())
}

fn record_done(
    job: &Job<'_>,
    run: &mut Run<'_>,
    record: &mut AppliedMigration,
) -> Result<(), ApplyError> {
    let catalog = run.session.catalog()?;
    let after = catalog.fingerprint();
    record.after = Some(after);
    keep_derived(job, run, record, &catalog)?;
    run.store().keep_snapshot(&catalog, &after)?;
    logged::after_script(run.session.as_mut())?;
    run.expect_schema(Some(after))?;
    job.record(run, record)?;
    run.journal(Some(&record.version_key), &Edge::MigrationDone)?;
    let lease = run.lease.clone();
    Ok(run.store().guard_lease(&lease)?)
}
