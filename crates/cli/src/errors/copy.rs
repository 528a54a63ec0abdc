//! The errors of making a copy for people.

use tightrope_engine::ErrorKind;
use tightrope_lifecycle::CopyError;

use super::CommandError;
use super::engine::{engine_exit, store_exit};
use crate::exit::Exit;

impl From<CopyError> for CommandError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Scheme(error) => error.into(),
            CopyError::OtherEngine { .. } => {
                Self::of(Exit::Error, error).hint("name a database of the same kind with `--to`")
            }
            CopyError::NoCopies => Self::of(Exit::Error, error),
            CopyError::Unmasked => Self::of(Exit::Refused, error)
                .hint("say under [targets.NAME.mask] what is masked: `\"customers.email\" = \"fake email\"`")
                .hint("or copy it as it is, if there is nothing personal in it: `--unmasked`"),
            CopyError::Engine(ref engine) => {
                let exit = match engine.kind {
                    ErrorKind::AlreadyExists => Exit::Refused,
                    _ => engine_exit(engine),
                };
                Self::of(exit, error).hint_for_engine()
            }
            CopyError::Store(ref store) => {
                let exit = store_exit(store);
                Self::of(exit, error)
            }
        }
    }
}
