use std::process::ExitStatus;

use tightrope_backup::Expiry;
use tightrope_engine::EngineError;

/// What a command of an adopted backup is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptStep {
    /// Saying what the newest backup is.
    Latest,
    /// Restoring one.
    Restore,
    /// Removing what was restored.
    Remove,
}

impl AdoptStep {
    /// The key under which the command stands in tightrope.toml.
    pub fn key(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Restore => "restore",
            Self::Remove => "remove",
        }
    }

    fn does(self) -> &'static str {
        match self {
            Self::Latest => "says what the newest backup is",
            Self::Restore => "restores an adopted backup",
            Self::Remove => "removes what was restored",
        }
    }
}

/// The error of adopting a backup, and of having one restored.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// Nobody has said how.
    #[error("no commands are named by which a backup is adopted")]
    NotConfigured,
    /// The other system has none.
    #[error("the command `{program}` knows of no backup yet")]
    NoneYet {
        /// The command's name.
        program: String,
    },
    /// The command could not be begun.
    #[error("the command `{program}`, which {}, could not be run", step.does())]
    NotRun {
        /// What it is for.
        step: AdoptStep,
        /// Its name.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It said that it had failed.
    #[error("the command `{program}`, which {}, failed: {status}", step.does())]
    Failed {
        /// What it is for.
        step: AdoptStep,
        /// Its name.
        program: String,
        /// What it ended with.
        status: ExitStatus,
    },
    /// Somebody has ended it.
    #[error("the command `{program}`, which {}, was ended from outside: {status}", step.does())]
    Ended {
        /// What it is for.
        step: AdoptStep,
        /// Its name.
        program: String,
        /// By what.
        status: ExitStatus,
    },
    /// It took too long, and was ended.
    #[error("the command `{program}`, which {}, was not done after {seconds} s and was ended", step.does())]
    Slow {
        /// What it is for.
        step: AdoptStep,
        /// Its name.
        program: String,
        /// How long it may take.
        seconds: u64,
    },
    /// What it printed says nothing.
    #[error("the command `{program}`, which {}, printed {what}", step.does())]
    Nonsense {
        /// What it is for.
        step: AdoptStep,
        /// Its name.
        program: String,
        /// What is wrong with it. What it printed is not shown: nobody knows what is in it.
        what: String,
    },
    /// What was printed leads to no database that can be opened.
    #[error("cannot open the database that the command `{program}` says it has restored")]
    NotOpened {
        /// The command's name.
        program: String,
        /// Why.
        source: EngineError,
    },
    /// What was printed leads to what must not be taken for a restored backup.
    #[error("the command `{program}` printed the URL of {what}, and not of a restored backup")]
    NotRestored {
        /// The command's name.
        program: String,
        /// What it leads to.
        what: &'static str,
    },
    /// The newest one does not count, whether it can be restored or not.
    #[error("the newest backup that can be adopted, `{id}`, does not count: {because}")]
    DoesNotCount {
        /// What the other system calls it.
        id: String,
        /// Why.
        because: Expiry,
    },
    /// Its files are elsewhere.
    #[error("`{name}` is an adopted backup: `{id}`, of which only the record is here")]
    Elsewhere {
        /// Its name here.
        name: String,
        /// Its name there.
        id: String,
    },
}

impl AdoptError {
    /// Whether it says of the backup that it cannot be restored, and not only that something was in the way.
    pub(crate) fn is_against_the_backup(&self) -> bool {
        match self {
            Self::Failed { step, .. } | Self::Slow { step, .. } | Self::Nonsense { step, .. } => {
                *step == AdoptStep::Restore
            }
            Self::NotOpened { .. } => true,
            _ => false,
        }
    }
}
