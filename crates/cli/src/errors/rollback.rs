use tightrope_engine::ErrorKind;
use tightrope_lifecycle::{RollbackError, ScriptFailure};

use super::engine::{engine_exit, script_exit};
use super::{CommandError, UNCHANGED};
use crate::exit::Exit;

impl From<RollbackError> for CommandError {
    fn from(error: RollbackError) -> Self {
        match error {
            RollbackError::Scheme(error) => error.into(),
            RollbackError::Situation(error) => error.into(),
            RollbackError::Store(error) => error.into(),
            RollbackError::Run(error) => error.into(),
            RollbackError::Engine(ref engine) => {
                let exit = engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
            RollbackError::UnknownVersion(_) => {
                Self::of(Exit::Error, error).hint("see what is applied with `tightrope status`")
            }
            RollbackError::NoScript { .. } => Self::of(Exit::Refused, error)
                .hint("fix forward with a new migration: `tightrope new NAME`")
                .hint("roll back only what is above it with `tightrope rollback --to VERSION`"),
            RollbackError::Drifted(ref drift) => {
                let drift = drift.clone();
                Self::of(Exit::Refused, error).drifted(&drift).hint_for_drift()
            }
            RollbackError::MovedOn => Self::of(Exit::Held, error).hint("run the same command again"),
            RollbackError::Script { ref failure, steps_done, tries, tried_ms, .. } => {
                let (exit, hint) = (exit_of(failure, steps_done), hint_of(failure, steps_done));
                Self::of(exit, error).state(left(steps_done)).tried(tries, tried_ms).maybe_hint(hint)
            }
            RollbackError::NotRestored { ref differences, .. } => {
                let differences = differences.clone();
                Self::of(Exit::NotProven, error)
                    .differing(differences.as_ref())
                    .state("the rollback was undone: nothing was changed.")
                    .hint("go on all the same, on the record, with `tightrope rollback --unproven REASON`")
            }
            RollbackError::Derived { error: ref cause, tries, tried_ms, .. } => {
                let (exit, hint) = (engine_exit(cause), hint_for(cause.kind));
                Self::of(exit, error).state(UNCHANGED).tried(tries, tried_ms).maybe_hint(hint)
            }
            RollbackError::MadeByOthers { .. } => Self::of(Exit::Refused, error)
                .state("the rollback was undone: nothing was changed.")
                .hint("detach a partition (`alter table … detach partition …`): a table of its own is left alone")
                .hint("copy a column's values into a table of their own and drop the column, then run the same command again"),
            RollbackError::Conflicts { ref gauge, .. } => {
                let conflicts = gauge.conflicts.clone();
                Self::of(Exit::Refused, error)
                    .conflicts(conflicts)
                    .hint("leave `--conflicts stop` out: they go whole into quarantine, and `tightrope quarantine` has them")
                    .hint("or change those rows, then run `tightrope rollback` again")
            }
            RollbackError::RowsDiffer { .. } => Self::of(Exit::NotProven, error)
                .state("the rollback was undone: nothing was changed."),
            RollbackError::Sealed { .. } => Self::of(Exit::Refused, error)
                .hint("fix forward with a new migration: `tightrope new NAME`"),
            RollbackError::NotUndone { .. } => Self::of(Exit::Interrupted, error)
                .state("what is done of it stays recorded in the journal.")
                .hint("`tightrope status` shows each step; `tightrope apply` finishes it instead"),
            RollbackError::OutcomeUnknown(_) => Self::of(Exit::Interrupted, error)
                .state("it is rolled back whole or not at all; which of the two could not be asked any more.")
                .hint("run `tightrope status` to see which"),
        }
    }
}

fn exit_of(failure: &ScriptFailure, steps_done: Option<usize>) -> Exit {
    match steps_done {
        Some(_) => Exit::Interrupted,
        None => script_exit(failure),
    }
}

fn left(steps_done: Option<usize>) -> String {
    match steps_done {
        None => UNCHANGED.to_owned(),
        Some(done) => {
            format!("{done} steps of the rollback are done and recorded; the journal knows which.")
        }
    }
}

fn hint_of(failure: &ScriptFailure, steps_done: Option<usize>) -> Option<String> {
    if steps_done.is_some() {
        return Some(
            "`tightrope status` shows each step; `tightrope rollback` goes on from there"
                .to_owned(),
        );
    }
    if failure.error.hint.is_some() {
        return None;
    }
    hint_for(failure.error.kind)
}

fn hint_for(kind: ErrorKind) -> Option<String> {
    let hint = match kind {
        ErrorKind::LockNotGranted | ErrorKind::InUse => {
            "end the session that holds the lock, or wait for it; then run `tightrope rollback` again"
        }
        ErrorKind::DoesNotExist => {
            "somebody removed what the script names: compare with `tightrope status`"
        }
        ErrorKind::DataViolation => {
            "rows written since do not fit the old schema: move or change them, then run `tightrope rollback` again"
        }
        ErrorKind::DependentObjects => "something made since depends on it: drop that first",
        ErrorKind::Transient => "run `tightrope rollback` again",
        ErrorKind::ConnectionLost => "run `tightrope status` to see where things stand",
        _ => return None,
    };
    Some(hint.to_owned())
}
