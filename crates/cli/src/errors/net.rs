//! The errors of sealing and of the quarantine.

use tightrope_lifecycle::{QuarantineError, SealError};

use super::engine::engine_exit;
use super::{CommandError, UNCHANGED};
use crate::exit::Exit;

impl From<SealError> for CommandError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Scheme(error) => error.into(),
            SealError::Situation(error) => error.into(),
            SealError::Store(error) => error.into(),
            SealError::Run(error) => error.into(),
            SealError::Engine(ref engine) => {
                let exit = engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
            SealError::UnknownVersion(_) => {
                Self::of(Exit::Error, error).hint("see what is applied with `tightrope status`")
            }
            SealError::OpenRun => Self::of(Exit::Refused, error)
                .hint("see where it stands with `tightrope status`")
                .hint("finish it with `tightrope apply`, or undo it with `tightrope rollback`"),
            SealError::MovedOn => Self::of(Exit::Held, error).hint("run the same command again"),
        }
    }
}

impl From<QuarantineError> for CommandError {
    fn from(error: QuarantineError) -> Self {
        match error {
            QuarantineError::Scheme(error) => error.into(),
            QuarantineError::Store(error) => error.into(),
            QuarantineError::Run(error) => error.into(),
            QuarantineError::Engine(ref engine) => {
                let exit = engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
            QuarantineError::Unknown(_) => Self::of(Exit::Error, error)
                .hint("see which rows there are with `tightrope quarantine list`"),
            QuarantineError::DoesNotFit {
                number,
                error: ref cause,
                ..
            } => {
                let exit = match cause.kind.may_pass() {
                    true => Exit::Held,
                    false => Exit::Refused,
                };
                let state = format!("{UNCHANGED} Row {number} stays in quarantine, whole.");
                Self::of(exit, error)
                    .state(state)
                    .hint(format!(
                        "see it whole with `tightrope quarantine show {number}`"
                    ))
                    .hint("change or move what is in its way, then run the same command again")
            }
        }
    }
}
