//! The errors of backups that another system keeps.

use tightrope_lifecycle::{AdoptError, AdoptStep};

use super::CommandError;
use crate::exit::Exit;

/// What to do about a command that did not do what it is for.
fn by_hand(step: AdoptStep) -> &'static str {
    match step {
        AdoptStep::Latest => {
            "run it by hand: its last line has to be `IDENTIFIER TIME`, or JSON with `id` and `taken_at`"
        }
        AdoptStep::Restore => {
            "run it by hand, with TIGHTROPE_BACKUP_ID and TIGHTROPE_RESTORE_NAME set: its last line has to be the URL of what it has restored"
        }
        AdoptStep::Remove => {
            "run it by hand, with TIGHTROPE_BACKUP_ID, TIGHTROPE_RESTORE_NAME and TIGHTROPE_COPY_URL set"
        }
    }
}

fn key(step: AdoptStep) -> String {
    format!("it is `{}` under [targets.NAME.backup.adopt]", step.key())
}

impl From<AdoptError> for CommandError {
    fn from(error: AdoptError) -> Self {
        match error {
            AdoptError::NotConfigured => Self::of(Exit::Error, error)
                .hint("name them: `latest`, `restore` and `remove` under [targets.NAME.backup.adopt]")
                .hint("docs/guides/adopted-backups.md has recipes"),
            AdoptError::NoneYet { .. } => Self::of(Exit::Refused, error)
                .hint("take one with that system, then run the same command again"),
            AdoptError::NotRun { step, .. }
            | AdoptError::Failed { step, .. }
            | AdoptError::Nonsense { step, .. } => Self::of(Exit::Error, error)
                .hint(by_hand(step))
                .hint(key(step)),
            AdoptError::Ended { step, .. } => Self::of(Exit::Error, error)
                .hint("run the same command again")
                .hint(key(step)),
            AdoptError::Slow { step, .. } => {
                let limit = match step {
                    AdoptStep::Restore => "restore_timeout_s",
                    AdoptStep::Latest | AdoptStep::Remove => "timeout_s",
                };
                Self::of(Exit::Error, error)
                    .hint(format!("if it needs longer: `{limit}` under [targets.NAME.backup.adopt]"))
                    .hint(by_hand(step))
            }
            AdoptError::NotOpened { .. } => Self::of(Exit::NotProven, error)
                .hint("is its server up when the command ends, and does it let this user in?")
                .hint(key(AdoptStep::Restore)),
            AdoptError::NotRestored { .. } => Self::of(Exit::Refused, error)
                .hint("let it print the URL of what it has restored, on another server or in another folder")
                .hint(key(AdoptStep::Restore)),
            AdoptError::DoesNotCount { .. } => Self::of(Exit::Refused, error)
                .hint("take a fresh one with that system, then run the same command again")
                .hint("how old one may be says `max_age_h` under [targets.NAME.backup]"),
            AdoptError::Elsewhere { .. } => Self::of(Exit::Refused, error)
                .hint("restore it with the system that keeps it, by that identifier; its own log may bring back what was written since")
                .hint("to see that it can be restored: `tightrope backup prove`")
                .hint("to restore one of tightrope's own, name it: `tightrope backup list` shows them"),
        }
    }
}
