//! Back in one transaction: all of a batch or nothing, tried again while locks are not granted.

use std::time::Instant;

use tightrope_engine::{Blocker, EngineError, ErrorKind, KeptNet};
use tightrope_model::{Catalog, EngineKind};
use tightrope_store::{AppliedMigration, Direction};

use super::prepare::{Conflicts, RollbackOptions};
use super::report::{NetReturn, RollbackError, RolledBackOne};
use super::run::{Through, label, prove_and_record};
use crate::Event;
use crate::execute::{Ready, ScriptFailure, elapsed_ms, may_change_settings};
use crate::logged;
use crate::net::{self, Back, BackStop, Returned};
use crate::run::{Run, held_by};

/// A migration with its rollback script.
type Job<'a> = (&'a AppliedMigration, &'a Ready<'a>);

/// Rolls migrations back, newest first.
pub(super) fn roll_back(
    run: &mut Run<'_>,
    dialect: EngineKind,
    batch: &[Job<'_>],
    options: &RollbackOptions,
) -> Result<Vec<RolledBackOne>, RollbackError> {
    let begun = Instant::now();
    let mut attempt = 1;
    loop {
        match try_once(run, dialect, batch, options) {
            Ok(done) => {
                if batch.iter().any(|(_, ready)| may_change_settings(ready)) {
                    run.session.reset()?;
                    run.bound_lock_waits(None)?;
                }
                return Ok(done);
            }
            Err(stop) => match stop.waits() {
                Some(error) if attempt < run.lock_tries => {
                    run.pause_before_retry(attempt, error);
                    attempt += 1;
                }
                _ => return Err(stop.into_error(attempt, elapsed_ms(begun))),
            },
        }
    }
}

enum Stop {
    Script(String, ScriptFailure),
    Derived(String, String, EngineError),
    Error(RollbackError),
}

impl<E: Into<RollbackError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Stop {
    fn of(migration: &AppliedMigration, stop: BackStop) -> Self {
        let migration = label(migration);
        match stop {
            BackStop::Script(failure) => Self::Script(migration, failure),
            BackStop::Derived { sql, error } => Self::Derived(migration, sql, error),
            BackStop::Engine(error) => Self::Error(error.into()),
            BackStop::MadeByOthers(things) => {
                Self::Error(RollbackError::MadeByOthers { migration, things })
            }
            BackStop::Unlike(tables) => Self::Error(RollbackError::RowsDiffer {
                migration,
                tables: BackStop::Unlike(tables).in_words(),
            }),
        }
    }

    fn held_by(mut self, blockers: Vec<Blocker>) -> Self {
        match &mut self {
            Self::Script(_, failure) => held_by(&mut failure.error, blockers),
            Self::Derived(_, _, error) | Self::Error(RollbackError::Engine(error)) => {
                held_by(error, blockers);
            }
            Self::Error(_) => {}
        }
        self
    }

    /// The error, if the same may succeed when it is tried again in a moment.
    fn waits(&self) -> Option<&EngineError> {
        let error = match self {
            Self::Script(_, failure) => &failure.error,
            Self::Derived(_, _, error) | Self::Error(RollbackError::Engine(error)) => error,
            Self::Error(_) => return None,
        };
        error.kind.may_pass().then_some(error)
    }

    fn into_error(self, tries: u32, tried_ms: u64) -> RollbackError {
        match self {
            Self::Script(migration, failure) => RollbackError::Script {
                migration,
                failure: Box::new(failure),
                tries,
                tried_ms,
                steps_done: None,
            },
            Self::Derived(migration, statement, error) => RollbackError::Derived {
                migration,
                statement: net::one_line(&statement),
                error,
                tries,
                tried_ms,
            },
            Self::Error(error) => error,
        }
    }
}

fn try_once(
    run: &mut Run<'_>,
    dialect: EngineKind,
    batch: &[Job<'_>],
    options: &RollbackOptions,
) -> Result<Vec<RolledBackOne>, Stop> {
    let listener = run.watchers.listener;
    let scripts = || batch.iter().filter(|(migration, _)| !migration.derived);
    for (migration, ready) in scripts() {
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
    let done = match inside(run, dialect, batch, options) {
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
    for (migration, ready) in scripts() {
        ready
            .run_epilogue(run.session.as_mut(), listener)
            .map_err(|failure| Stop::Script(label(migration), failure))?;
    }
    Ok(done)
}

fn inside(
    run: &mut Run<'_>,
    dialect: EngineKind,
    batch: &[Job<'_>],
    options: &RollbackOptions,
) -> Result<Vec<RolledBackOne>, Stop> {
    let mut done = Vec::new();
    for job in batch {
        let (migration, _) = job;
        let name = label(migration);
        let begun = Instant::now();
        run.watchers.listener.event(&Event::MigrationBegun {
            migration: name.clone(),
            direction: Direction::Rollback,
        });
        let noted = format!("rollback of {name}");
        logged::before_script(run.session.as_mut(), &noted)?;
        let (net, blockers) = run.looked_after(|run| with_net(run, dialect, job, options));
        let net = net.map_err(|stop| stop.held_by(blockers))?;
        if net.is_none() {
            by_script(run, job)?;
        }
        let rollback_ms = elapsed_ms(begun);
        run.watchers.edges.reached("script run");
        let one = prove_and_record(run, migration, rollback_ms, options, net)?;
        run.watchers.listener.event(&Event::MigrationDone {
            migration: name,
            direction: Direction::Rollback,
            milliseconds: rollback_ms,
        });
        done.push(one);
        logged::after_script(run.session.as_mut())?;
    }
    let lease = run.lease.clone();
    run.store().guard_lease(&lease)?;
    Ok(done)
}

fn by_script(run: &mut Run<'_>, (migration, ready): &Job<'_>) -> Result<(), Stop> {
    for step in &ready.steps.steps {
        run.run_step(ready, step)
            .map_err(|failure| Stop::Script(label(migration), failure))?;
    }
    if may_change_settings(ready) {
        run.session.regain()?;
    }
    Ok(())
}

/// Goes back through the net, if one is spread.
fn with_net(
    run: &mut Run<'_>,
    dialect: EngineKind,
    (migration, ready): &Job<'_>,
    options: &RollbackOptions,
) -> Result<Option<Through>, Stop> {
    let Some(kept) = migration.net.as_ref().filter(|_| migration.is_open()) else {
        return Ok(None);
    };
    let Some((before, after)) = catalogs(run, migration)? else {
        return Ok(None);
    };
    let fill = net::fill_of(&migration.fill, &before);
    let is_written = !migration.derived && ready.is_one_transaction();
    let back = Back {
        dialect,
        before: &before,
        after: &after,
        kept: Some(kept),
        fill: &fill,
        renames: &migration.renames,
        written: is_written.then_some(ready),
        listener: run.watchers.listener,
        keeps_images: true,
    };
    if options.conflicts == Conflicts::Stop {
        let gauge = net::gauge(run.session.as_mut(), &back)?;
        if gauge.in_conflict() > 0 {
            return Err(Stop::Error(RollbackError::Conflicts {
                migration: label(migration),
                gauge,
            }));
        }
    }
    let returned =
        net::come_back(run.session.as_mut(), &back).map_err(|stop| Stop::of(migration, stop))?;
    run.watchers.edges.reached("rows merged");
    settle(run, migration, kept, &returned)?;
    let done = NetReturn {
        way: returned.way,
        instead_of: returned.instead_of,
        merged: returned.merged,
        quarantined: returned.quarantined,
        losses: returned.losses,
        images: returned.images,
        left_alone: returned
            .foreign
            .tables()
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    Ok(Some(Through {
        done,
        before,
        foreign: returned.foreign,
    }))
}

/// The catalogs before and after a migration, if both were kept.
fn catalogs(
    run: &mut Run<'_>,
    migration: &AppliedMigration,
) -> Result<Option<(Catalog, Catalog)>, Stop> {
    let (Some(before), Some(after)) = (migration.before, migration.after) else {
        return Ok(None);
    };
    let mut store = run.store();
    let (before, after) = (store.snapshot(&before)?, store.snapshot(&after)?);
    Ok(before.zip(after))
}

/// Keeps what was taken out, gives older nets back what they had handed over, and frees this one.
fn settle(
    run: &mut Run<'_>,
    migration: &AppliedMigration,
    kept: &KeptNet,
    returned: &Returned,
) -> Result<(), Stop> {
    run.store()
        .quarantine(&label(migration), &returned.quarantined)?;
    run.store().keep_images(
        &migration.version_key,
        &label(migration),
        migration.forward_meaning,
        &returned.images,
    )?;
    let applied = run.store().applied()?;
    net::resume_older(run.session.as_mut(), &applied, kept)?;
    if let Some(net) = run.session.net() {
        net.free(kept)?;
    }
    Ok(())
}
