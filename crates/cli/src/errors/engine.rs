//! What engines and tightrope's own tables can say, as exit codes.

use tightrope_engine::{EngineError, ErrorKind, UnknownScheme};
use tightrope_lifecycle::{RunError, ScriptFailure, SituationError};
use tightrope_store::StoreError;

use super::CommandError;
use crate::exit::Exit;

/// The exit code of an engine's error outside a script.
pub(super) fn engine_exit(error: &EngineError) -> Exit {
    match error.kind {
        ErrorKind::Unreachable
        | ErrorKind::AuthenticationFailed
        | ErrorKind::DatabaseMissing
        | ErrorKind::PermissionDenied
        | ErrorKind::ConnectionLost => Exit::Unreachable,
        ErrorKind::LockNotGranted | ErrorKind::InUse | ErrorKind::Transient => Exit::Held,
        _ => Exit::Error,
    }
}

/// The exit code of a statement's error: what the script asks for and may not have is the script's fault.
pub(super) fn script_exit(failure: &ScriptFailure) -> Exit {
    match failure.error.kind {
        ErrorKind::LockNotGranted | ErrorKind::InUse | ErrorKind::Transient => Exit::Held,
        ErrorKind::ConnectionLost => Exit::Unreachable,
        _ => Exit::Error,
    }
}

pub(super) fn store_exit(error: &StoreError) -> Exit {
    match error {
        StoreError::Engine(error) if error.kind == ErrorKind::PermissionDenied => Exit::Error,
        StoreError::Engine(error) => engine_exit(error),
        StoreError::LeaseLost { .. } => Exit::Held,
        StoreError::NewerLayout { .. } | StoreError::Damaged { .. } => Exit::Error,
    }
}

pub(super) fn situation_exit(error: &SituationError) -> Exit {
    match error {
        SituationError::Engine(error) => engine_exit(error),
        SituationError::Store(error) => store_exit(error),
    }
}

pub(super) fn run_exit(error: &RunError) -> Exit {
    match error {
        RunError::Engine(error) => engine_exit(error),
        RunError::Store(error) => store_exit(error),
        RunError::Held { .. } => Exit::Held,
    }
}

/// A hint for what the engine itself gives none.
pub(super) fn engine_hint(error: &EngineError) -> Option<String> {
    if error.hint.is_some() {
        return None;
    }
    let hint = match error.kind {
        ErrorKind::Unreachable => {
            "is the server up, and are host, port and path right? `--url` names another"
        }
        ErrorKind::AuthenticationFailed => {
            "check user and password; the password may come from PGPASSWORD or from `url` in tightrope.toml"
        }
        ErrorKind::DatabaseMissing => "create the database first, or name another with `--url`",
        ErrorKind::PermissionDenied => "connect as a user that may do this, or have it granted",
        ErrorKind::LockNotGranted | ErrorKind::InUse => {
            "end the session that is in the way, or wait for it; then run the same command again"
        }
        ErrorKind::Transient => "run the same command again",
        ErrorKind::OutOfSpace => "free some space, then run the same command again",
        ErrorKind::Damaged => "restore a backup: `tightrope backup list` shows them",
        ErrorKind::ConnectionLost => "run `tightrope status` to see where things stand",
        ErrorKind::BadUrl => {
            "URLs look like postgres://user@host:5432/name or sqlite://path/to/file.db"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

impl CommandError {
    #[must_use]
    pub(super) fn maybe_hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// The hint that an error behind this one calls for.
    #[must_use]
    pub(super) fn hint_for_engine(self) -> Self {
        let mut next = self.error.source();
        let mut hint = self
            .error
            .downcast_ref::<EngineError>()
            .and_then(engine_hint);
        while let Some(error) = next {
            hint = hint.or_else(|| error.downcast_ref::<EngineError>().and_then(engine_hint));
            next = error.source();
        }
        self.maybe_hint(hint)
    }

    /// The hint for a lease that another run holds.
    #[must_use]
    pub(super) fn hint_for_run(self, error_is_held: bool) -> Self {
        if error_is_held {
            return self
                .hint("see how far it is with `tightrope status`")
                .hint("wait longer for it with `--wait SECONDS`");
        }
        self
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        Self::of(engine_exit(&error), error).hint_for_engine()
    }
}

impl From<UnknownScheme> for CommandError {
    fn from(error: UnknownScheme) -> Self {
        let known: Vec<String> = error
            .known
            .iter()
            .map(|scheme| format!("{scheme}://"))
            .collect();
        let hint = format!("known are {}; a path names a SQLite file", known.join(", "));
        Self::of(Exit::Error, error).hint(hint)
    }
}

impl From<SituationError> for CommandError {
    fn from(error: SituationError) -> Self {
        Self::of(situation_exit(&error), error).hint_for_engine()
    }
}

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        let held = matches!(error, RunError::Held { .. });
        Self::of(run_exit(&error), error)
            .hint_for_engine()
            .hint_for_run(held)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let newer = matches!(error, StoreError::NewerLayout { .. });
        let command_error = Self::of(store_exit(&error), error).hint_for_engine();
        if newer {
            command_error.hint("use the newer tightrope here too")
        } else {
            command_error
        }
    }
}
