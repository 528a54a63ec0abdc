use std::time::Instant;

use tightrope_engine::{EngineError, ErrorKind};
use tightrope_model::EngineKind;
use tightrope_store::{AppliedMigration, Direction, Edge, MigrationBegun, OpenMigration, OpenRun};

use super::prepare::RollbackOptions;
use super::report::{Return, RollbackError, RolledBack, RolledBackOne};
use super::run::{label, prove_and_record};
use crate::apply::{StepFailure, StepJob, carry_out};
use crate::execute::{Ready, elapsed_ms};
use crate::run::{Run, stored, unstored};
use crate::{Event, recover};

/// Rolls one migration back in journalled steps.
pub(super) fn roll_back(
    run: &mut Run<'_>,
    dialect: EngineKind,
    migration: &AppliedMigration,
    ready: &Ready<'_>,
    options: &RollbackOptions,
) -> Result<RolledBackOne, RollbackError> {
    let begun = MigrationBegun {
        version: migration.version.clone(),
        name: migration.name.clone(),
        script: stored(ready.script, dialect),
        rollback: None,
        before: run.session.catalog()?.fingerprint(),
        steps: ready.steps.steps.len(),
        direction: Direction::Rollback,
        record: Some(Box::new(migration.clone())),
    };
    run.in_transaction(|run| {
        Ok(run.journal(
            Some(&migration.version_key),
            &Edge::MigrationBegun(Box::new(begun)),
        )?)
    })?;
    run.watchers.edges.reached("migration's intent written");
    go_on(run, migration, ready, Vec::new(), options)
}

fn go_on(
    run: &mut Run<'_>,
    migration: &AppliedMigration,
    ready: &Ready<'_>,
    done: Vec<usize>,
    options: &RollbackOptions,
) -> Result<RolledBackOne, RollbackError> {
    let name = label(migration);
    run.watchers.listener.event(&Event::MigrationBegun {
        migration: name.clone(),
        direction: Direction::Rollback,
    });
    let clock = Instant::now();
    let job = StepJob {
        ready,
        label: &name,
        version_key: &migration.version_key,
        done,
    };
    carry_out(run, &job).map_err(|failure| match failure {
        StepFailure::Run(error) => RollbackError::Run(error),
        StepFailure::Script {
            migration,
            failure,
            done,
            ..
        } => RollbackError::Script {
            migration,
            failure,
            tries: 1,
            tried_ms: 0,
            steps_done: Some(done),
        },
    })?;
    let milliseconds = elapsed_ms(clock);
    // The steps are durable whatever the proof says: a difference is recorded and reported, not refused.
    let unproven = options
        .unproven
        .clone()
        .or_else(|| Some("the steps could not be undone".to_owned()));
    let options = RollbackOptions {
        unproven,
        ..options.clone()
    };
    run.session.begin()?;
    let recorded = prove_and_record(run, migration, milliseconds, &options, None).and_then(|one| {
        run.journal(Some(&migration.version_key), &Edge::MigrationDone)?;
        let lease = run.lease.clone();
        run.store().guard_lease(&lease)?;
        Ok(one)
    });
    match recorded {
        Ok(one) => {
            run.watchers.edges.reached("before the commit");
            run.session.commit()?;
            run.watchers.edges.reached("committed");
            run.watchers.listener.event(&Event::MigrationDone {
                migration: name,
                direction: Direction::Rollback,
                milliseconds,
            });
            Ok(one)
        }
        Err(error) => {
            run.undo_transaction();
            Err(error)
        }
    }
}

/// Deals with a migration in steps that a dead process left half done: a forward one is undone, a rollback is finished.
pub(super) fn settle_open(
    mut run: Run<'_>,
    dialect: EngineKind,
    open: &OpenRun,
) -> Result<RolledBack, RollbackError> {
    let Some(OpenMigration { begun, done, .. }) = open.open_migration() else {
        return Ok(RolledBack {
            migrations: Vec::new(),
            recovered: None,
        });
    };
    let name = recover::label(begun);
    if begun.direction == Direction::Rollback {
        let Some(migration) = begun.record.clone() else {
            let what = EngineError::new(
                ErrorKind::Other,
                format!("the journal of `{name}` holds no record"),
            );
            return Err(what.into());
        };
        let script = unstored(&begun.script);
        let ready = Ready::new(&script, dialect, run.session.as_ref());
        let of = ready.steps.steps.len();
        let what = format!(
            "The rollback of `{name}` was interrupted after {} of {of} steps and has been finished.\n{}",
            done.len(),
            recover::origin(open)
        );
        let done = recover::settled_steps(&mut run, &ready, open)?;
        let one = go_on(
            &mut run,
            &migration,
            &ready,
            done,
            &RollbackOptions::default(),
        )?;
        return finish(run, open, what, vec![one]);
    }
    if let Err(because) = recover::undo_open(&mut run) {
        // What is open stays open; the error says so.
        let _ = run.leave();
        return Err(RollbackError::NotUndone {
            migration: name,
            because,
        });
    }
    let now = run.session.catalog()?.fingerprint();
    let one = RolledBackOne {
        version: begun.version.clone(),
        name: begun.name.clone(),
        rollback_ms: 0,
        schema: if now.strict == begun.before.strict {
            Return::Exact
        } else {
            Return::Logical
        },
        fingerprint: now.strict.to_string(),
        net: None,
    };
    let what = format!(
        "`{name}` was interrupted after {} of {} steps and has been undone.\n{}",
        done.len(),
        begun.steps,
        recover::origin(open)
    );
    finish(run, open, what, vec![one])
}

fn finish(
    mut run: Run<'_>,
    open: &OpenRun,
    what: String,
    migrations: Vec<RolledBackOne>,
) -> Result<RolledBack, RollbackError> {
    run.watchers
        .listener
        .event(&Event::Recovered { what: what.clone() });
    recover::close(&mut run, open, &what)?;
    run.leave()?;
    Ok(RolledBack {
        migrations,
        recovered: Some(what),
    })
}
