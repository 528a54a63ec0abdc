use std::time::Instant;

use tightrope_engine::ErrorKind;
use tightrope_model::Fingerprint;
use tightrope_store::{AppliedMigration, Direction};

use super::prepare::{PreparedRollback, RollbackOptions};
use super::report::{Return, RollbackError, RolledBack, RolledBackOne};
use super::steps;
use crate::execute::{Ready, ScriptFailure, elapsed_ms, may_change_settings};
use crate::plan::label_of;
use crate::run::{Run, Watchers, unstored};
use crate::{Event, recover};

pub(super) fn run(
    prepared: PreparedRollback<'_>,
    watchers: Watchers<'_>,
) -> Result<RolledBack, RollbackError> {
    let PreparedRollback {
        project,
        engine,
        session,
        situation,
        migrations,
        options,
        ..
    } = prepared;
    let dialect = engine.kind();
    let mut run = Run::take(project, &engine, session, watchers)?;
    let mut recovered = None;
    if let Some(open) = run.left_open()? {
        let half_done = open.open_migration().is_some();
        if half_done {
            run.name.clone_from(&open.run);
            return steps::settle_open(run, dialect, &open);
        }
        let what = recover::nothing_half_done(&mut run, &open)?;
        watchers
            .listener
            .event(&Event::Recovered { what: what.clone() });
        recover::close(&mut run, &open, &what)?;
        recovered = Some(what);
    }
    if run.store().applied()?.len() != situation.applied.len() {
        run.leave()?;
        return Err(RollbackError::MovedOn);
    }
    if migrations.is_empty() {
        run.leave()?;
        return Ok(RolledBack {
            migrations: Vec::new(),
            recovered,
        });
    }
    run.begin(
        Direction::Rollback,
        migrations
            .iter()
            .map(|migration| migration.version_key.clone())
            .collect(),
    )?;
    let scripts: Vec<_> = migrations
        .iter()
        .filter_map(|one| one.rollback.as_ref())
        .map(unstored)
        .collect();
    let ready: Vec<Ready<'_>> = scripts
        .iter()
        .map(|script| Ready::new(script, dialect, run.session.as_ref()))
        .collect();
    let work: Vec<(&AppliedMigration, &Ready<'_>)> = migrations.iter().zip(&ready).collect();
    for (migration, ready) in &work {
        if let Err(failure) = ready.refusal() {
            let (migration, failure) = (label(migration), Box::new(failure));
            return Err(give_up(
                run,
                RollbackError::Script {
                    migration,
                    failure,
                    tries: 0,
                    tried_ms: 0,
                    steps_done: None,
                },
            ));
        }
    }
    let all_in_one = work.iter().all(|(_, ready)| ready.is_one_transaction());
    let mut done = Vec::new();
    let batches: Vec<&[(&AppliedMigration, &Ready<'_>)]> = if all_in_one {
        vec![&work[..]]
    } else {
        work.chunks(1).collect()
    };
    for batch in batches {
        let result = match batch {
            [(migration, ready)] if !ready.is_one_transaction() => {
                steps::roll_back(&mut run, dialect, migration, ready, &options).map(|one| vec![one])
            }
            batch => in_one_transaction(&mut run, batch, &options),
        };
        match result {
            Ok(ones) => done.extend(ones),
            Err(error) => return Err(give_up(run, error)),
        }
    }
    run.end("done")?;
    Ok(RolledBack {
        migrations: done,
        recovered,
    })
}

/// The migration's name for people.
pub(super) fn label(migration: &AppliedMigration) -> String {
    label_of(&migration.version, &migration.name)
}

fn in_one_transaction(
    run: &mut Run<'_>,
    batch: &[(&AppliedMigration, &Ready<'_>)],
    options: &RollbackOptions,
) -> Result<Vec<RolledBackOne>, RollbackError> {
    let begun = Instant::now();
    let mut attempt = 1;
    loop {
        match try_once(run, batch, options) {
            Ok(done) => {
                if batch.iter().any(|(_, ready)| may_change_settings(ready)) {
                    run.session.reset()?;
                    run.bound_lock_waits(None)?;
                }
                return Ok(done);
            }
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Script(migration, failure)) => {
                if !failure.error.kind.may_pass() || attempt >= run.lock_tries {
                    let failure = Box::new(failure);
                    return Err(RollbackError::Script {
                        migration,
                        failure,
                        tries: attempt,
                        tried_ms: elapsed_ms(begun),
                        steps_done: None,
                    });
                }
                run.pause_before_retry(attempt, &failure.error);
                attempt += 1;
            }
        }
    }
}

enum Stop {
    Script(String, ScriptFailure),
    Error(RollbackError),
}

impl<E: Into<RollbackError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

fn try_once(
    run: &mut Run<'_>,
    batch: &[(&AppliedMigration, &Ready<'_>)],
    options: &RollbackOptions,
) -> Result<Vec<RolledBackOne>, Stop> {
    let listener = run.watchers.listener;
    for (migration, ready) in batch {
        ready
            .run_prelude(run.session.as_mut(), listener)
            .map_err(|failure| Stop::Script(label(migration), failure))?;
    }
    run.watchers.edges.reached("before the transaction");
    if let Err(error) = run.session.begin() {
        return Err(match batch.first() {
            Some((migration, ready)) if !ready.parsed.statements.is_empty() => {
                Stop::Script(label(migration), ready.failure(0, error))
            }
            _ => Stop::Error(error.into()),
        });
    }
    let done = match inside(run, batch, options) {
        Ok(done) => done,
        Err(stop) => {
            run.undo_transaction();
            return Err(stop);
        }
    };
    run.watchers.edges.reached("before the commit");
    if let Err(error) = run.session.commit() {
        run.undo_transaction();
        return Err(match (error.kind, batch.last()) {
            (ErrorKind::ConnectionLost, _) => Stop::Error(RollbackError::OutcomeUnknown(error)),
            (_, Some((migration, ready))) if !ready.parsed.statements.is_empty() => Stop::Script(
                label(migration),
                ready.failure(ready.parsed.statements.len() - 1, error),
            ),
            _ => Stop::Error(error.into()),
        });
    }
    run.watchers.edges.reached("committed");
    for (migration, ready) in batch {
        ready
            .run_epilogue(run.session.as_mut(), listener)
            .map_err(|failure| Stop::Script(label(migration), failure))?;
    }
    Ok(done)
}

fn inside(
    run: &mut Run<'_>,
    batch: &[(&AppliedMigration, &Ready<'_>)],
    options: &RollbackOptions,
) -> Result<Vec<RolledBackOne>, Stop> {
    let mut done = Vec::new();
    for (migration, ready) in batch {
        let name = label(migration);
        let begun = Instant::now();
        run.watchers.listener.event(&Event::MigrationBegun {
            migration: name.clone(),
            direction: Direction::Rollback,
        });
        for step in &ready.steps.steps {
            run.run_step(ready, step)
                .map_err(|failure| Stop::Script(name.clone(), failure))?;
        }
        let rollback_ms = elapsed_ms(begun);
        if may_change_settings(ready) {
            run.session.regain()?;
        }
        run.watchers.edges.reached("script run");
        let one = prove_and_record(run, migration, rollback_ms, options)?;
        run.watchers.listener.event(&Event::MigrationDone {
            migration: name,
            direction: Direction::Rollback,
            milliseconds: rollback_ms,
        });
        done.push(one);
    }
    let lease = run.lease.clone();
    run.store().guard_lease(&lease)?;
    Ok(done)
}

/// Proves that the schema is that of before the migration, and takes the migration off the list; inside the transaction.
pub(super) fn prove_and_record(
    run: &mut Run<'_>,
    migration: &AppliedMigration,
    rollback_ms: u64,
    options: &RollbackOptions,
) -> Result<RolledBackOne, RollbackError> {
    let catalog = run.session.catalog()?;
    let now = catalog.fingerprint();
    let schema = judge(migration.before, now);
    if schema == Return::Differs && options.unproven.is_none() {
        let before = match migration.before {
            Some(before) => run.store().snapshot(&before)?,
            None => None,
        };
        return Err(RollbackError::NotRestored {
            migration: label(migration),
            differences: before.map(|before| before.differences(&catalog)),
        });
    }
    run.store().remove_applied(&migration.version_key)?;
    run.store().keep_snapshot(&catalog, &now)?;
    run.expect_schema(Some(now))?;
    let mut detail = serde_json::json!({
        "name": migration.name,
        "rollback": migration.rollback.as_ref().map(|script| script.digest),
        "schema": schema,
        "before": migration.before.map(|before| before.strict),
        "now": now.strict,
        "rollback_ms": rollback_ms,
    });
    let unproven = options
        .unproven
        .as_ref()
        .filter(|_| schema == Return::Differs);
    for (name, reason) in [
        ("unproven", unproven),
        ("drift_accepted", options.accept_drift.as_ref()),
    ] {
        if let Some(reason) = reason {
            detail[name] = serde_json::Value::from(reason.as_str());
        }
    }
    run.record("rolled-back", Some(&migration.version), detail)?;
    Ok(RolledBackOne {
        version: migration.version.clone(),
        name: migration.name.clone(),
        rollback_ms,
        schema,
        fingerprint: now.strict.to_string(),
    })
}

fn judge(before: Option<Fingerprint>, now: Fingerprint) -> Return {
    match before {
        None => Return::Unmeasured,
        Some(before) if before.strict == now.strict => Return::Exact,
        Some(before) if before.logical == now.logical => Return::Logical,
        Some(_) => Return::Differs,
    }
}

fn give_up(run: Run<'_>, error: RollbackError) -> RollbackError {
    run.fail("rollback-failed", None, &error);
    error
}
