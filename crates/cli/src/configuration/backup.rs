//! `[backup]`, of a target or of all: where backups are kept, and what is asked of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tightrope_backup::{BucketOptions, EncryptionKey, Place, Retention, SCHEMES, SigningKey};
use tightrope_engine::BackupKind;
use tightrope_lifecycle::{AdoptCommands, BackupError, BackupPolicy, BackupSettings};

use super::copies::{CheckpointWord, programs};
use super::password::with_password;
use super::secret::Secret;
use crate::errors::CommandError;
use crate::exit::Exit;

/// Where backups are restored to prove them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProveTable {
    /// A server, or a folder of SQLite files.
    url: Option<Secret>,
    /// The folder for the data of throw-away servers.
    folder: Option<PathBuf>,
}

/// What a backup is a copy of.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindWord {
    Logical,
    Physical,
}

/// The variable that holds the key, where the file names none.
const KEY_VARIABLE: &str = "TIGHTROPE_BACKUP_KEY";

/// The variable that holds what backups are encrypted with, where the file names none.
const ENCRYPTION_VARIABLE: &str = "TIGHTROPE_BACKUP_ENCRYPTION_KEY";

/// What is not set is at its default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupTable {
    /// The folder that backups are kept in, or the address of a bucket.
    to: Option<String>,
    /// What records are signed with.
    key: Option<Secret>,
    /// What backups are encrypted with.
    encrypt: Option<Secret>,
    /// The folder for what is on its way.
    staging: Option<PathBuf>,
    /// What the store of objects is reached with: an option, and where its value is.
    #[serde(default)]
    store: BTreeMap<String, Secret>,
    /// How many connections read and write at once.
    jobs: Option<u32>,
    /// Where backups are restored to prove them.
    prove: Option<ProveTable>,
    /// What is backed up: the database, or the whole cluster.
    kind: Option<KindWord>,
    /// Where the server's programs are.
    bin: Option<PathBuf>,
    /// How the checkpoint is made that a physical backup begins with.
    checkpoint: Option<CheckpointWord>,
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
    /// How backups are used that another system takes and keeps.
    adopt: Option<AdoptTable>,
}

/// `[targets.NAME.backup.adopt]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdoptTable {
    /// What prints what the newest backup is.
    latest: Vec<String>,
    /// What restores one and prints the URL.
    restore: Vec<String>,
    /// What removes what was restored.
    remove: Vec<String>,
    /// How long the first and the last may take.
    timeout_s: Option<u64>,
    /// How long restoring may take.
    restore_timeout_s: Option<u64>,
}

/// How long saying and removing may take, where nothing else is said: they ask a server or a cloud.
const ADOPT_TIMEOUT_S: u64 = 300;

/// The same of restoring: half a day.
const RESTORE_TIMEOUT_S: u64 = 12 * 3_600;

impl AdoptTable {
    fn commands(&self, home: &Path) -> Result<AdoptCommands, CommandError> {
        let words = [
            ("latest", &self.latest),
            ("restore", &self.restore),
            ("remove", &self.remove),
        ];
        for (key, words) in words {
            if words.first().is_none_or(String::is_empty) {
                return Err(CommandError::new(
                    Exit::Error,
                    format!("`{key}` under [backup.adopt] names no program"),
                )
                .hint("write it as a list: `[\"./restore-backup\", \"shop\"]`"));
            }
        }
        Ok(AdoptCommands {
            latest: self.latest.clone(),
            restore: self.restore.clone(),
            remove: self.remove.clone(),
            timeout_s: self.timeout_s.unwrap_or(ADOPT_TIMEOUT_S),
            restore_timeout_s: self.restore_timeout_s.unwrap_or(RESTORE_TIMEOUT_S),
            folder: home.to_owned(),
            url: with_password,
        })
    }
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
        let prove_url = self
            .prove
            .as_ref()
            .and_then(|prove| prove.url.as_ref())
            .map(|url| url.read(home, "prove"));
        let prove_folder = self.prove.as_ref().and_then(|prove| prove.folder.as_ref());
        self.require_sense()?;
        let settings = BackupSettings {
            bucket: self.options(home)?,
            encryption: self.encryption(home)?,
            staging: self
                .staging
                .as_ref()
                .map(|staging| home.join(staging))
                .or_else(staging_of_environment),
            key: self.key(home)?,
            prove_url: prove_url.transpose()?,
            prove_folder: prove_folder.map(|folder| home.join(folder)),
            kind: match self.kind {
                Some(KindWord::Physical) => BackupKind::Physical,
                _ => BackupKind::Logical,
            },
            programs: programs(home, self.bin.as_deref(), self.checkpoint),
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
            adopt: self
                .adopt
                .as_ref()
                .map(|adopt| adopt.commands(home))
                .transpose()?,
            drill_days: self.drill_days.unwrap_or(default.drill_days),
            ..default
        };
        let place = self.to.as_ref().map(|to| place(to, home, &settings));
        Ok(BackupSettings {
            place: place.transpose()?,
            ..settings
        })
    }

    /// Refuses what contradicts itself.
    fn require_sense(&self) -> Result<(), CommandError> {
        let wrong = |what: &str| {
            CommandError::new(Exit::Error, format!("`[backup]` {what}"))
                .hint("docs/reference/configuration.md says what stands there")
        };
        let says_nothing = |prove: &ProveTable| prove.url.is_none() && prove.folder.is_none();
        if self.prove.as_ref().is_some_and(says_nothing) {
            return Err(wrong(
                "has a `prove` that names neither a `url` nor a `folder`",
            ));
        }
        if self.kind == Some(KindWord::Physical) && self.changes == Some(true) {
            return Err(wrong(
                "says `kind = \"physical\"` and `changes = true`: changes are replayed onto logical backups alone",
            ));
        }
        Ok(())
    }

    fn key(&self, home: &Path) -> Result<Option<SigningKey>, CommandError> {
        let Some(secret) = &self.key else {
            return Ok(key_of_environment());
        };
        let text = hidden(secret, home, "the key of backups")?;
        Ok(Some(SigningKey::from_secret(&text)))
    }

    fn encryption(&self, home: &Path) -> Result<Option<EncryptionKey>, CommandError> {
        let Some(secret) = &self.encrypt else {
            return Ok(encryption_of_environment());
        };
        let text = hidden(secret, home, "the key that backups are encrypted with")?;
        Ok(Some(EncryptionKey::from_secret(&text)))
    }

    /// What the environment says to the clouds' own tools, and over it what the file names.
    fn options(&self, home: &Path) -> Result<BucketOptions, CommandError> {
        let mut options = options_of_environment();
        let address = self.to.as_deref().filter(|to| is_bucket(to));
        let address = address.and_then(|address| address.split_once("://"));
        for (name, secret) in &self.store {
            if let Some((scheme, _)) = address
                && !BucketOptions::knows(scheme, name)
            {
                return Err(CommandError::new(
                    Exit::Error,
                    format!("`{name}` under [backup.store] is no option of {scheme}:// stores"),
                )
                .hint("options are called as in the environment of that cloud's own tools: `aws_access_key_id`"));
            }
            let value = hidden(secret, home, &format!("`{name}` under [backup.store]"))?;
            options.0.push((name.clone(), value.trim().to_owned()));
        }
        Ok(options)
    }
}

/// A secret that does not stand in the file itself.
pub(super) fn hidden(secret: &Secret, home: &Path, whose: &str) -> Result<String, CommandError> {
    if secret.is_written_down() {
        return Err(CommandError::new(
            Exit::Error,
            format!(
                "{whose} stands in tightrope.toml itself, where whoever can read it can use it"
            ),
        )
        .hint(
            "say where it is: `{ env = \"NAME\" }`, `{ file = \"PATH\" }` or `{ command = […] }`",
        ));
    }
    secret.text(home, whose)
}

/// Whether that is the address of a bucket.
fn is_bucket(to: &str) -> bool {
    SCHEMES.iter().any(|scheme| to.starts_with(scheme))
}

/// The place that is meant: a bucket by its address, or a folder, whose path starts from `home`.
pub(crate) fn place(
    to: &str,
    home: &Path,
    settings: &BackupSettings,
) -> Result<Place, CommandError> {
    let place = if is_bucket(to) {
        Place::in_bucket(to, &settings.bucket, settings.key.clone()).map_err(BackupError::Place)?
    } else if looks_like_a_bucket(to) {
        let known = SCHEMES
            .map(|scheme| format!("{scheme}BUCKET/PREFIX"))
            .join(", ");
        return Err(CommandError::new(
            Exit::Error,
            "the place for backups is an address that nothing here can reach",
        )
        .hint(format!("addresses of buckets are {known}"))
        .hint("a folder of that name is meant with `./` before it"));
    } else {
        Place::new(home.join(to), settings.key.clone())
    };
    Ok(settings.equip(place))
}

/// Whether somebody may have meant a bucket: a backup must not go into a folder of that name.
fn looks_like_a_bucket(to: &str) -> bool {
    let to = to.to_ascii_lowercase();
    to.contains("://")
        || SCHEMES
            .iter()
            .any(|scheme| to.starts_with(scheme.trim_end_matches('/')))
}

/// What is said of backups where no file says anything.
pub(super) fn settings_of_environment() -> BackupSettings {
    BackupSettings {
        key: key_of_environment(),
        encryption: encryption_of_environment(),
        staging: staging_of_environment(),
        bucket: options_of_environment(),
        ..BackupSettings::default()
    }
}

/// What is on its way lies where caches are.
fn staging_of_environment() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let caches = set("XDG_CACHE_HOME").map(PathBuf::from);
    let caches = caches.or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
    Some(caches?.join("tightrope").join("backups"))
}

fn options_of_environment() -> BucketOptions {
    const CLOUDS: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
    let of_a_cloud = |(name, _): &(String, String)| CLOUDS.iter().any(|of| name.starts_with(of));
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    BucketOptions(variables.filter(of_a_cloud).collect())
}

/// The key that the environment gives, if it does.
fn key_of_environment() -> Option<SigningKey> {
    secret_of_environment(KEY_VARIABLE).map(|secret| SigningKey::from_secret(&secret))
}

fn encryption_of_environment() -> Option<EncryptionKey> {
    secret_of_environment(ENCRYPTION_VARIABLE).map(|secret| EncryptionKey::from_secret(&secret))
}

fn secret_of_environment(variable: &str) -> Option<String> {
    let secret = std::env::var(variable).ok()?;
    (!secret.trim().is_empty()).then_some(secret)
}
