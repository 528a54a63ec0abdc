//! What becomes of a run whose process died: it is finished, or undone; never left for a person to mark clean.
//!
//! A transaction that was open is gone, and its migration never happened. A migration in steps is finished from where the
//! journal says it stands (`apply`), or undone (`rollback`): its rollback script runs statement by statement, what it names and
//! is not there is passed over, and only the schema's fingerprint of before makes it count.

use std::sync::Arc;

use jiff::Timestamp;
use tightrope_engine::{Engine, EngineError, ErrorKind, Session};
use tightrope_model::EngineKind;
use tightrope_script::{Folder, Migration, Script};
use tightrope_store::{
    AppliedMigration, Direction, Edge, MigrationBegun, OpenMigration, OpenRun, StepBegun,
    StoreError,
};

use crate::apply::{
    ApplyError, Job, Left, StepFailure, StepJob, carry_out, finish as finish_steps,
};
use crate::execute::{Quietly, Ready, ScriptFailure, is_transaction};
use crate::half_done;
use crate::plan::label_of;
use crate::project::Project;
use crate::run::{Run, RunError, Watchers, stored, unstored};
use crate::situation::version_key;
use crate::{Event, Policy, Silent};

/// The error of dealing with an interrupted run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("a rollback was interrupted and must be finished first")]
    RollbackOpen,
    #[error(
        "migration `{migration}` was interrupted, and the part of its script that has run was changed since"
    )]
    Changed { migration: String },
    #[error("failed to finish migration `{migration}`")]
    Script {
        migration: String,
        #[source]
        failure: Box<ScriptFailure>,
        left: Left,
    },
}

impl From<StoreError> for RecoverError {
    fn from(error: StoreError) -> Self {
        Self::Run(error.into())
    }
}

impl From<EngineError> for RecoverError {
    fn from(error: EngineError) -> Self {
        Self::Run(error.into())
    }
}

/// Finishes a forward run that was interrupted; says what was found and done.
pub(crate) fn finish(
    project: &Project,
    engine: &Arc<dyn Engine>,
    session: Box<dyn Session>,
    folder: &Folder,
    watchers: Watchers<'_>,
) -> Result<(Box<dyn Session>, Option<String>), RecoverError> {
    let mut run = Run::take(project, engine, session, watchers)?;
    let Some(open) = run.left_open()? else {
        return Ok((run.leave_with_session()?, None));
    };
    run.name.clone_from(&open.run);
    let what = match open.open_migration() {
        None => nothing_half_done(&mut run, &open)?,
        Some(half) if half.begun.direction == Direction::Rollback => {
            run.leave()?;
            return Err(RecoverError::RollbackOpen);
        }
        Some(_) => match resume(&mut run, engine.kind(), folder, &open) {
            Ok(what) => what,
            Err(error) => {
                // What is open stays open; the error says so.
                let _ = run.leave();
                return Err(error);
            }
        },
    };
    watchers
        .listener
        .event(&Event::Recovered { what: what.clone() });
    close(&mut run, &open, &what)?;
    Ok((run.leave_with_session()?, Some(what)))
}

/// A run that died between transactions: what it committed is applied, the rest never happened.
pub(crate) fn nothing_half_done(run: &mut Run<'_>, open: &OpenRun) -> Result<String, StoreError> {
    let done = carried_out(open, &run.store().applied()?);
    let of = open.begun.versions.len();
    let verb = match open.begun.direction {
        Direction::Forward => "applied",
        Direction::Rollback => "rolled back",
    };
    Ok(format!(
        "An interrupted run was cleared up: {done} of {of} migrations had been {verb}, nothing else was changed.\n{}",
        origin(open)
    ))
}

/// How many of a run's migrations it has carried out.
pub(crate) fn carried_out(open: &OpenRun, applied: &[AppliedMigration]) -> usize {
    let is_applied = |key: &&String| applied.iter().any(|applied| &&applied.version_key == key);
    let there = open.begun.versions.iter().filter(is_applied).count();
    match open.begun.direction {
        Direction::Forward => there,
        Direction::Rollback => open.begun.versions.len() - there,
    }
}

/// When and by whom an interrupted run was begun: of less weight than what became of it, and said after that.
pub(crate) fn origin(open: &OpenRun) -> String {
    let at = match open.at.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => open.at.clone(),
    };
    format!("It was begun at {at} by {}.", open.begun.holder)
}

/// Ends an interrupted run in the journal, with what was done about it in the ledger; the lease stays ours.
pub(crate) fn close(run: &mut Run<'_>, open: &OpenRun, what: &str) -> Result<(), RunError> {
    run.watchers.edges.reached("before closing a dead run");
    run.in_transaction(|run| {
        let lease = run.lease.clone();
        let ended = Edge::RunEnded {
            outcome: "recovered".to_owned(),
        };
        run.store().journal(&lease, &open.run, None, &ended)?;
        run.record("recovered", None, serde_json::json!({ "what": what }))?;
        Ok(())
    })?;
    run.watchers.edges.reached("dead run closed");
    Ok(())
}

fn resume(
    run: &mut Run<'_>,
    dialect: EngineKind,
    folder: &Folder,
    open: &OpenRun,
) -> Result<String, RecoverError> {
    let Some(OpenMigration {
        version_key: key,
        begun,
        done,
        ..
    }) = open.open_migration()
    else {
        return Ok(String::new());
    };
    let label = label(begun);
    let in_folder = folder
        .migrations
        .iter()
        .find(|migration| version_key(migration) == key);
    let script = script_to_resume(run, dialect, begun, in_folder, &done).ok_or_else(|| {
        RecoverError::Changed {
            migration: label.clone(),
        }
    })?;
    let ready = Ready::new(&script, dialect, run.session.as_ref());
    let done = settled_steps(run, &ready, open)?;
    let from = done.len();
    let of = ready.steps.steps.len();
    run.watchers.edges.reached("resuming");
    ready
        .run_settings_of(run.session.as_mut(), &done, run.watchers.listener)
        .map_err(|failure| RecoverError::Script {
            migration: label.clone(),
            failure: Box::new(failure),
            left: Left::Interrupted {
                done: from,
                of,
                because: GOES_ON.to_owned(),
            },
        })?;
    let job = StepJob {
        ready: &ready,
        label: &label,
        version_key: key,
        done,
    };
    carry_out(run, &job).map_err(failed)?;
    if let Some(record) = &begun.record {
        let verify = in_folder.and_then(|migration| migration.verify.as_ref());
        let job = Job {
            dialect,
            before: Some(begun.before),
            first_snapshot: None,
            catalog: None,
            sequence: record.sequence,
            accept_drift: None,
            policy: Policy::default(),
            kept_file: None,
            held: None,
        };
        let mut record = (**record).clone();
        record.forward = script.digest();
        record.forward_meaning = script.meaning_digest(dialect);
        if let Some(mended) = in_folder.and_then(|migration| migration.rollback.as_ref()) {
            record.rollback = Some(stored(mended, dialect));
        }
        finish_steps(&job, run, &label, of, verify, record).map_err(|error| match error {
            ApplyError::Script {
                migration,
                failure,
                left,
                ..
            } => RecoverError::Script {
                migration,
                failure,
                left,
            },
            ApplyError::Run(error) => error.into(),
            ApplyError::Store(error) => error.into(),
            ApplyError::Engine(error) => error.into(),
            other => RecoverError::Run(RunError::Engine(EngineError::new(
                ErrorKind::Other,
                other.to_string(),
            ))),
        })?;
    }
    Ok(format!(
        "`{label}` was interrupted after {from} of {of} steps and has been finished.\n{}",
        origin(open)
    ))
}

/// Why an interrupted migration that fails again stays as it is.
const GOES_ON: &str = "the next `tightrope apply` or `tightrope rollback` goes on from here";

pub(crate) fn label(begun: &MigrationBegun) -> String {
    label_of(&begun.version, &begun.name)
}

fn failed(failure: StepFailure) -> RecoverError {
    match failure {
        StepFailure::Run(error) => RecoverError::Run(error),
        StepFailure::Script {
            migration,
            failure,
            done,
            of,
        } => {
            let because = GOES_ON.to_owned();
            RecoverError::Script {
                migration,
                failure,
                left: Left::Interrupted { done, of, because },
            }
        }
    }
}

/// The script to go on with: the folder's, if what has run of it is unchanged (the rest may have been mended); the stored one
/// where the folder has none.
fn script_to_resume(
    run: &Run<'_>,
    dialect: EngineKind,
    begun: &MigrationBegun,
    in_folder: Option<&Migration>,
    done: &[usize],
) -> Option<Script> {
    let kept = unstored(&begun.script);
    let Some(migration) = in_folder else {
        return Some(kept);
    };
    if migration.forward.digest() == begun.script.digest {
        return Some(migration.forward.clone());
    }
    let texts = |script: &Script| -> Vec<String> {
        let ready = Ready::new(script, dialect, run.session.as_ref());
        let steps = ready.steps.steps.iter().take(done.len());
        steps
            .flat_map(|step| step.statements.clone())
            .map(|index| script.text_of(&ready.parsed.statements[index]).to_owned())
            .collect()
    };
    (texts(&kept) == texts(&migration.forward)).then(|| migration.forward.clone())
}

/// The steps of the open migration that are done: those the journal knows, and the one begun alone, if it has had its effect.
pub(crate) fn settled_steps(
    run: &mut Run<'_>,
    ready: &Ready<'_>,
    open: &OpenRun,
) -> Result<Vec<usize>, RunError> {
    let Some(OpenMigration {
        version_key: key,
        mut done,
        alone,
        ..
    }) = open.open_migration()
    else {
        return Ok(Vec::new());
    };
    if let Some(step) = alone
        && settle(run, ready, step)?
    {
        run.in_transaction(|run| Ok(run.journal(Some(key), &Edge::StepDone { step: step.step })?))?;
        done.push(step.step);
    }
    Ok(done)
}

/// Finds out whether a step that was begun alone has had its effect; clears away half of one.
fn settle(run: &mut Run<'_>, ready: &Ready<'_>, begun: &StepBegun) -> Result<bool, RunError> {
    if run.session.catalog()?.fingerprint() == begun.before {
        return Ok(false);
    }
    let Some(step) = ready.steps.steps.get(begun.step) else {
        return Ok(true);
    };
    Ok(!half_done::clear(run.session.as_mut(), ready, step)?)
}

/// Undoes the forward migration in steps that is open, and proves that the schema is that of before; else says why not.
pub(crate) fn undo_open(run: &mut Run<'_>) -> Result<(), String> {
    let open = run.left_open().map_err(|error| error.to_string())?;
    let Some(open) = open else { return Ok(()) };
    let Some(OpenMigration {
        version_key: key,
        begun,
        done,
        alone,
    }) = open.open_migration()
    else {
        return Ok(());
    };
    let words = |error: RunError| error.to_string();
    let dialect = run.session.server().engine;
    let forward = unstored(&begun.script);
    let ready = Ready::new(&forward, dialect, run.session.as_ref());
    if let Some(step) = alone.and_then(|alone| ready.steps.steps.get(alone.step)) {
        half_done::clear(run.session.as_mut(), &ready, step).map_err(|error| error.to_string())?;
    }
    let untouched = |run: &mut Run<'_>| -> Result<bool, RunError> {
        Ok(run.session.catalog()?.fingerprint().logical == begun.before.logical)
    };
    if !(done.is_empty() && untouched(run).map_err(words)?) {
        let Some(rollback) = &begun.rollback else {
            return Err("there is no rollback script".to_owned());
        };
        let script = unstored(rollback);
        let back = Ready::new(&script, dialect, run.session.as_ref());
        undo_steps(run, &back)?;
        if !untouched(run).map_err(words)? {
            return Err("after the rollback script the schema is not that of before".to_owned());
        }
    }
    run.in_transaction(|run| {
        run.journal(Some(key), &Edge::MigrationUndone)?;
        let detail = serde_json::json!({ "name": begun.name, "steps_done": done.len() });
        run.record("undone", Some(&begun.version), detail)?;
        Ok(())
    })
    .map_err(words)
}

/// Runs a rollback script over a migration that is only half there: what is not there is passed over.
fn undo_steps(run: &mut Run<'_>, ready: &Ready<'_>) -> Result<(), String> {
    let words = |error: EngineError| error.to_string();
    for step in &ready.steps.steps {
        run.watchers.edges.reached("before an undo step");
        if is_transaction(step) {
            run.session.begin().map_err(words)?;
            for index in step.statements.clone() {
                if let Err(failure) = undo_statement(run, ready, index) {
                    // If the connection is gone, the server has rolled back by itself.
                    run.undo_transaction();
                    return Err(failure);
                }
            }
            if let Err(error) = guard(run) {
                run.undo_transaction();
                return Err(error.to_string());
            }
            run.session.commit().map_err(words)?;
        } else if let Err(failure) = run.run_step(ready, step)
            && !is_not_there(&failure.error)
        {
            return Err(in_words(&failure));
        }
        run.watchers.edges.reached("undo step done");
    }
    Ok(())
}

/// Makes sure, before an undo's commit, that the lease is still ours: whatever role the script has taken.
fn guard(run: &mut Run<'_>) -> Result<(), RunError> {
    run.session.regain()?;
    let lease = run.lease.clone();
    Ok(run.store().guard_lease(&lease)?)
}

fn undo_statement(run: &mut Run<'_>, ready: &Ready<'_>, index: usize) -> Result<(), String> {
    let control = |run: &mut Run<'_>, sql: &str| {
        let done = run.session.run_quietly(sql);
        done.map_err(|error| error.to_string())
    };
    control(run, "savepoint tightrope_undo")?;
    match ready.run_statement(run.session.as_mut(), index, &Silent) {
        Ok(_) => {}
        Err(failure) if is_not_there(&failure.error) => {
            control(run, "rollback to savepoint tightrope_undo")?;
        }
        Err(failure) => return Err(in_words(&failure)),
    }
    control(run, "release savepoint tightrope_undo")
}

fn is_not_there(error: &EngineError) -> bool {
    matches!(
        error.kind,
        ErrorKind::DoesNotExist | ErrorKind::AlreadyExists
    )
}

fn in_words(failure: &ScriptFailure) -> String {
    format!("{}: {}", failure.place, failure.error)
}
