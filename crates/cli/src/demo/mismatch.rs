//! When the story does not go as told.

use crate::errors::CommandError;
use crate::exit::Exit;

/// What may go wrong in the demo itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum Mismatch {
    /// The demo's folder.
    #[error("cannot write the demo's files in {folder}: {source}")]
    Folder {
        folder: String,
        source: std::io::Error,
    },
    /// A command that cannot be run.
    #[error("cannot run `{command}`: {source}")]
    NotRun {
        command: String,
        source: std::io::Error,
    },
    /// A command that does not end.
    #[error("`{command}` was given up after {seconds} s")]
    TooLong { command: String, seconds: u64 },
    /// A command that ended otherwise.
    #[error("the demo does not go as told: `{command}` ended with {found}, not with {expected}")]
    Ending {
        command: String,
        expected: String,
        found: String,
        said: String,
    },
    /// A command that said something else.
    #[error("the demo does not go as told: `{command}` does not say {expected}")]
    Saying {
        command: String,
        expected: String,
        said: String,
    },
    /// A state of the shop that is not the one of before.
    #[error("the demo does not go as told: {what}")]
    State { what: String },
}

impl Mismatch {
    pub(super) fn folder(folder: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let folder = folder.display().to_string();
        move |source| Self::Folder { folder, source }
    }

    pub(super) fn state(what: impl Into<String>) -> Self {
        Self::State { what: what.into() }
    }
}

impl From<Mismatch> for CommandError {
    fn from(mismatch: Mismatch) -> Self {
        let hints: Vec<String> = match &mismatch {
            Mismatch::Folder { .. } => vec!["TMPDIR names another place for it".to_owned()],
            Mismatch::Ending { said, .. } | Mismatch::Saying { said, .. } if !said.is_empty() => {
                vec![format!("it said: {said}"), report_it()]
            }
            _ => vec![report_it()],
        };
        let plain = Self::new(Exit::Error, mismatch.to_string());
        hints.into_iter().fold(plain, Self::hint)
    }
}

fn report_it() -> String {
    "this is a fault in tightrope: please report it with what stands above".to_owned()
}
