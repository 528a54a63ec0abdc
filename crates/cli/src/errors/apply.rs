use tightrope_engine::ErrorKind;
use tightrope_lifecycle::{
    ApplyError, Left, MigrationRehearsal, NoRoom, Rehearsed, ScriptFailure, VERIFY_DOES_NOT_HOLD,
};
use tightrope_model::Verdict;

use super::engine::{engine_exit, script_exit};
use super::{CommandError, UNCHANGED};
use crate::exit::Exit;

impl From<ApplyError> for CommandError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Backup(error) => error.into(),
            ApplyError::Scheme(error) => error.into(),
            ApplyError::Folder(error) => error.into(),
            ApplyError::Situation(error) => error.into(),
            ApplyError::Store(error) => error.into(),
            ApplyError::Run(error) => error.into(),
            ApplyError::Rehearse(error) => error.into(),
            ApplyError::Engine(ref engine) => {
                let exit = engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
            ApplyError::Changed { .. } => Self::of(Exit::Refused, error)
                .hint("bring the file back to what ran (comments and white space do not matter)")
                .hint("put the change into a migration of its own: `tightrope new NAME`"),
            ApplyError::Drifted(ref drift) => {
                let drift = drift.clone();
                Self::of(Exit::Refused, error).drifted(&drift).hint_for_drift()
            }
            ApplyError::NotProven { reasons, rehearsed } => not_proven(ApplyError::NotProven { reasons, rehearsed: None }, rehearsed),
            ApplyError::MovedOn => Self::of(Exit::Held, error).hint("run the same command again"),
            ApplyError::Script { ref failure, ref left, tries, tried_ms, .. } => {
                let (exit, state, hint) = (exit_of(failure, left), in_words(left), hint_of(failure, left));
                Self::of(exit, error).state(state).tried(tries, tried_ms).maybe_hint(hint)
            }
            ApplyError::NotAsRehearsed { ref differences, ref left, .. } => {
                let (differences, state) = (differences.clone(), in_words(left));
                Self::of(Exit::NotProven, error)
                    .differing(differences.as_ref())
                    .state(state)
                    .hint("the copy was not like the target: run `tightrope rehearse` again, on a fresh copy")
            }
            ApplyError::OutsideThePlan { .. } => Self::of(Exit::NotProven, error)
                .state(UNCHANGED)
                .hint("the copy was not like the target: run `tightrope rehearse` again, on a fresh copy"),
            ApplyError::NoRoom { ref because, .. } => {
                let hint = match because {
                    NoRoom::Limit { .. } => "free what old migrations keep with `tightrope seal --to VERSION`, or raise `max_bytes` under [net]",
                    NoRoom::Disk { .. } => "make room on the disk, or free what old migrations keep with `tightrope seal --to VERSION`",
                    NoRoom::Published { .. } => "make the schema `tightrope` on the subscriber and set `published = true` under [net], or publish the tables by name",
                };
                Self::of(Exit::Refused, error).state(UNCHANGED).hint(hint)
            }
            ApplyError::BadFill { ref findings, ref left, .. } => {
                let (findings, state) = (findings.clone(), in_words(left));
                Self::of(Exit::Error, error).findings(findings).state(state)
            }
            ApplyError::Invariant { .. } => Self::of(Exit::RolledBack, error)
                .state(UNCHANGED)
                .hint("the script changes what a criterion says must stay equal: mend the one or the other"),
            ApplyError::RollbackOpen => Self::of(Exit::Interrupted, error).hint("finish it with `tightrope rollback`"),
            ApplyError::ResumeChanged { .. } => Self::of(Exit::Interrupted, error)
                .hint("bring the script back to what has run of it, then `tightrope apply` goes on")
                .hint("or go back with `tightrope rollback`"),
            ApplyError::OutcomeUnknown { .. } => Self::of(Exit::Interrupted, error)
                .state("it is applied whole or not at all; which of the two could not be asked any more.")
                .hint("run `tightrope status` to see which"),
        }
    }
}

impl CommandError {
    #[must_use]
    pub(super) fn hint_for_drift(self) -> Self {
        self.hint("put the difference into a migration, or take it back; `tightrope status` names all of it")
            .hint("or go on as it is, on the record, with `--accept-drift REASON`")
    }
}

fn not_proven(error: ApplyError, rehearsed: Option<Box<Rehearsed>>) -> CommandError {
    let Some(rehearsed) = rehearsed else {
        return CommandError::of(Exit::Refused, error)
            .hint("prove it on a copy with `tightrope rehearse`")
            .hint("or go without, on the record: `tightrope apply --unrehearsed --reason REASON`");
    };
    if let Some(failed) = rehearsed
        .migrations
        .last()
        .filter(|one| one.verdict == Verdict::ForwardFails)
        && let Some(failure) = &failed.failure
    {
        let message = format!(
            "migration `{}_{}` fails in rehearsal: {}",
            failed.version, failed.name, failure.message
        );
        return CommandError::new(Exit::Error, message)
            .failed_at(failure)
            .hint("mend the forward script at the marked place, then run `tightrope apply` again");
    }
    let failing = rehearsed
        .migrations
        .iter()
        .find(|one| !one.verdict.passes());
    let (command_error, hint) = match failing {
        Some(one) => (
            CommandError::new(Exit::NotProven, unproven_in_words(one)),
            one.hint.clone(),
        ),
        None => (CommandError::of(Exit::NotProven, error), None),
    };
    let harms_queries = failing.is_some_and(|one| {
        matches!(
            one.verdict,
            Verdict::BreaksQueries | Verdict::ChangesQueries
        )
    });
    let command_error = command_error.maybe_hint(hint).rehearsed(rehearsed);
    if harms_queries {
        return command_error
            .hint("`tightrope rehearse` shows each query; then run `tightrope apply` again");
    }
    command_error
        .hint("mend the rollback script, then run `tightrope apply` again")
        .hint("or go without a way back, on the record: `tightrope apply --unrehearsed --reason REASON`")
}

/// The migration and what its rehearsal came to, in one line.
fn unproven_in_words(one: &MigrationRehearsal) -> String {
    let label = match one.name.as_str() {
        "" => one.version.clone(),
        name => format!("{}_{name}", one.version),
    };
    format!("`{label}` is not proven: {}", one.because)
}

fn exit_of(failure: &ScriptFailure, left: &Left) -> Exit {
    match left {
        Left::Interrupted { .. } | Left::Unknown => Exit::Interrupted,
        Left::Unchanged { .. } | Left::Undone { .. } if does_not_hold(failure) => Exit::NotProven,
        Left::Unchanged { .. } | Left::Undone { .. } => script_exit(failure),
    }
}

fn does_not_hold(failure: &ScriptFailure) -> bool {
    failure.error.kind == ErrorKind::DataViolation && failure.error.message == VERIFY_DOES_NOT_HOLD
}

/// How the database was left, in words.
fn in_words(left: &Left) -> String {
    let before = |applied: usize| match applied {
        0 => String::new(),
        1 => " 1 migration before it is applied and stays.".to_owned(),
        several => format!(" {several} migrations before it are applied and stay."),
    };
    match left {
        Left::Unchanged { applied: 0 } => UNCHANGED.to_owned(),
        Left::Unchanged { applied } => {
            format!("nothing of this migration was changed.{}", before(*applied))
        }
        Left::Undone { applied } => {
            format!(
                "its steps have been undone; the schema is that of before.{}",
                before(*applied)
            )
        }
        Left::Interrupted { done, of, because } => {
            format!(
                "{done} of {of} steps are done and recorded; they could not be undone: {because}."
            )
        }
        Left::Unknown => {
            "the connection broke at the commit; it is applied whole or not at all.".to_owned()
        }
    }
}

fn hint_of(failure: &ScriptFailure, left: &Left) -> Option<String> {
    if matches!(left, Left::Interrupted { .. } | Left::Unknown) {
        return Some("`tightrope status` shows each step; `tightrope apply` goes on, `tightrope rollback` goes back".to_owned());
    }
    if failure.error.hint.is_some() {
        return None;
    }
    let hint = match failure.error.kind {
        ErrorKind::LockNotGranted | ErrorKind::InUse => {
            "end the session that holds the lock, or wait for it; then run `tightrope apply` again"
        }
        ErrorKind::NotInTransaction => {
            "say `run_in_transaction = false` in the migration's metadata.toml, or put it in a migration of its own"
        }
        ErrorKind::Transient => "run `tightrope apply` again",
        ErrorKind::ConnectionLost => "run `tightrope status` to see where things stand",
        _ if does_not_hold(failure) => {
            "mend the migration, or the verify script; nothing of it stays before it holds"
        }
        ErrorKind::Syntax | ErrorKind::DoesNotExist | ErrorKind::AlreadyExists => {
            "mend the script at the marked place; `tightrope rehearse` tries it on a copy first"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
