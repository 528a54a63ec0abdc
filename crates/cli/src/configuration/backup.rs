//! `[backup]`, of a target or of all: where backups are kept, and what is asked of them.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tightrope_backup::{Place, Retention, SigningKey};
use tightrope_lifecycle::{BackupPolicy, BackupSettings};

use super::file::RehearseTable;
use super::secret::Secret;
use crate::errors::CommandError;
use crate::exit::Exit;

/// The variable that holds the key, where the file names none.
const KEY_VARIABLE: &str = "TIGHTROPE_BACKUP_KEY";

/// What is not set is at its default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupTable {
    /// The folder that backups are kept in.
    to: Option<PathBuf>,
    /// What records are signed with.
    key: Option<Secret>,
    /// How many connections read and write at once.
    jobs: Option<u32>,
    /// Where backups are restored to prove them.
    prove: Option<RehearseTable>,
    /// A script of queries that must hold on a restored backup.
    verify: Option<PathBuf>,
    /// How old a proven backup may be, in hours.
    max_age_h: Option<u64>,
    keep_last: Option<usize>,
    keep_daily: Option<usize>,
    keep_weekly: Option<usize>,
    /// After how many days a drill is overdue.
    drill_days: Option<u32>,
    /// Whether a change log is begun with every backup.
    changes: Option<bool>,
}

/// What `apply` asks for.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BackupPolicyWord {
    #[default]
    None,
    Proven,
    Take,
}

impl From<BackupPolicyWord> for BackupPolicy {
    fn from(word: BackupPolicyWord) -> Self {
        match word {
            BackupPolicyWord::None => Self::None,
            BackupPolicyWord::Proven => Self::Proven,
            BackupPolicyWord::Take => Self::Take,
        }
    }
}

impl BackupTable {
    /// The settings that the table means; paths start from the folder of tightrope.toml.
    pub(super) fn settings(&self, home: &Path) -> Result<BackupSettings, CommandError> {
        let default = BackupSettings::default();
        let retention = Retention::default();
        let key = self.key(home)?;
        let prove_url = self
            .prove
            .as_ref()
            .map(|prove| prove.url.read(home, "prove"));
        Ok(BackupSettings {
            place: self
                .to
                .as_ref()
                .map(|to| Place::new(home.join(to), key.clone())),
            key,
            prove_url: prove_url.transpose()?,
            verify: self.verify.as_ref().map(|verify| home.join(verify)),
            jobs: self.jobs.unwrap_or(default.jobs).max(1),
            max_age_s: self
                .max_age_h
                .map_or(default.max_age_s, |hours| hours.saturating_mul(3_600)),
            retention: Retention {
                last: self.keep_last.unwrap_or(retention.last),
                daily: self.keep_daily.unwrap_or(retention.daily),
                weekly: self.keep_weekly.unwrap_or(retention.weekly),
            },
            changes: self.changes.unwrap_or(default.changes),
            drill_days: self.drill_days.unwrap_or(default.drill_days),
            ..default
        })
    }

    fn key(&self, home: &Path) -> Result<Option<SigningKey>, CommandError> {
        let Some(secret) = &self.key else {
            return Ok(key_of_environment());
        };
        if secret.is_written_down() {
            return Err(CommandError::new(
                Exit::Error,
                "the key of backups stands in tightrope.toml itself, where whoever can read it can sign",
            )
            .hint("say where it is: `key = { env = \"NAME\" }`, `{ file = \"PATH\" }` or `{ command = […] }`"));
        }
        let text = secret.text(home, "the key of backups")?;
        Ok(Some(SigningKey::from_secret(&text)))
    }
}

/// The key that the environment gives, if it does.
pub(super) fn key_of_environment() -> Option<SigningKey> {
    let secret = std::env::var(KEY_VARIABLE).ok()?;
    (!secret.trim().is_empty()).then(|| SigningKey::from_secret(&secret))
}
