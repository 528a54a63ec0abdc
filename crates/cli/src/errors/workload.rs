//! The errors of capturing and reading a workload, and of rehearsing an upgrade with one.

use tightrope_lifecycle::{UpgradeError, WorkloadFailure};

use super::CommandError;
use super::engine::engine_exit;
use crate::exit::Exit;
use crate::terminal::line_at;

impl From<WorkloadFailure> for CommandError {
    fn from(error: WorkloadFailure) -> Self {
        match error {
            WorkloadFailure::Scheme(error) => error.into(),
            WorkloadFailure::Engine(ref engine) => {
                let exit = engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
            WorkloadFailure::Unreadable { .. } => Self::of(Exit::Error, error)
                .hint("is the file there, and may this user read it?")
                .hint("`tightrope workload capture --output FILE` writes one"),
            WorkloadFailure::NoSource { hint, .. } => Self::of(Exit::Error, error)
                .hint("is the file there, and may this user read it?")
                .hint(hint),
            WorkloadFailure::Unwritable { .. } => Self::of(Exit::Error, error)
                .hint("is the folder there, and may this user write to it?"),
            WorkloadFailure::Nothing { ref hint, .. } => {
                let hint = hint.clone();
                Self::of(Exit::Error, error).hint(hint)
            }
            WorkloadFailure::Unfit {
                ref place,
                ref source,
            } => {
                let (place, hint) = (place.clone(), source.hint());
                let line = line_at(&place);
                Self::of(Exit::Error, error).at(place, line).hint(hint)
            }
        }
    }
}

impl From<UpgradeError> for CommandError {
    fn from(error: UpgradeError) -> Self {
        match error {
            UpgradeError::Scheme(error) => error.into(),
            UpgradeError::Workload(error) => error.into(),
            UpgradeError::Source(error) => error.into(),
            UpgradeError::NoWorkload => Self::of(Exit::Error, error)
                .hint("capture them with `tightrope workload capture --output workload.toml`")
                .hint("then name the file: `--workload workload.toml`, or `file` under [workload]"),
            UpgradeError::OtherEngine { .. } => {
                Self::of(Exit::Error, error).hint("name a server of the same kind")
            }
            UpgradeError::Engine(ref engine) => {
                let exit = engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
        }
    }
}
