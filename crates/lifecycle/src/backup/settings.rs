use std::path::PathBuf;

use tightrope_backup::{BucketOptions, EncryptionKey, Place, Retention, SigningKey};
use tightrope_engine::{Backup, BackupKind, DatabaseUrl, Engine, ServerPrograms};

use super::BackupError;
use super::adopt::AdoptCommands;
use crate::Project;

/// Where backups of the target are kept, and what is asked of them.
#[derive(Clone, Debug)]
pub struct BackupSettings {
    /// Where they are kept; none means that nobody has said.
    pub place: Option<Place>,
    /// What stores of objects are reached with.
    pub bucket: BucketOptions,
    /// What records are signed with, and have to be, in whatever place they are.
    pub key: Option<SigningKey>,
    /// What new ones are encrypted with, and opened.
    pub encryption: Option<EncryptionKey>,
    /// A folder on this machine for what is on its way into a bucket or out of it, and for what is encrypted or decrypted.
    pub staging: Option<PathBuf>,
    /// Where they are restored to be proven; none means where copies for rehearsal are made, else beside the target.
    pub prove_url: Option<DatabaseUrl>,
    /// Below which folder throw-away servers stand on which physical backups are proven.
    pub prove_folder: Option<PathBuf>,
    /// What is backed up: the database, or the whole cluster.
    pub kind: BackupKind,
    /// The server's own programs, for physical backups.
    pub programs: ServerPrograms,
    /// A script of queries that must hold on a restored backup.
    pub verify: Option<PathBuf>,
    /// How many connections read and write at once.
    pub jobs: u32,
    /// How old a backup may be before its proof does not count any more, in seconds.
    pub max_age_s: u64,
    /// Which backups stay.
    pub retention: Retention,
    /// After how many days a drill is overdue.
    pub drill_days: u32,
    /// Whether a change log is begun with every backup.
    pub changes: bool,
    /// How backups are used that another system takes and keeps; none means that there is none.
    pub adopt: Option<AdoptCommands>,
    /// What `apply` asks for.
    pub policy: BackupPolicy,
    /// Whether `apply` refuses while a drill is overdue.
    pub drills_required: bool,
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            place: None,
            bucket: BucketOptions::default(),
            key: None,
            encryption: None,
            staging: None,
            prove_url: None,
            prove_folder: None,
            kind: BackupKind::default(),
            programs: ServerPrograms::default(),
            verify: None,
            jobs: 2,
            max_age_s: 26 * 3_600,
            retention: Retention::default(),
            drill_days: 90,
            changes: false,
            adopt: None,
            policy: BackupPolicy::None,
            drills_required: false,
        }
    }
}

impl BackupSettings {
    /// The place, with what encrypts there and the folder for what is on its way.
    pub fn equip(&self, place: Place) -> Place {
        place
            .with_encryption(self.encryption.clone())
            .with_staging(self.staging.clone())
    }
}

/// What `apply` asks for before it changes anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackupPolicy {
    /// Nothing.
    #[default]
    None,
    /// A fresh backup that is proven; it refuses without.
    Proven,
    /// The same; where there is none, one is taken and proven first.
    Take,
}

/// The place of the project's backups.
pub(crate) fn place_of(project: &Project) -> Result<&Place, BackupError> {
    project.backup.place.as_ref().ok_or(BackupError::NoPlace)
}

/// The same where backups are looked for: a folder that is not there may be a disk that is not mounted, and is no empty place.
pub(crate) fn place_there(project: &Project) -> Result<&Place, BackupError> {
    let place = place_of(project)?;
    if !place.exists() {
        return Err(BackupError::PlaceMissing {
            place: place.to_string(),
        });
    }
    Ok(place)
}

/// The engine's ability to take backups.
pub(crate) fn taker(engine: &dyn Engine) -> Result<&dyn Backup, BackupError> {
    engine.backup().ok_or(BackupError::NoBackups)
}
