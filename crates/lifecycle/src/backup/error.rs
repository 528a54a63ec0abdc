use std::error::Error;

use tightrope_backup::{Damage, PlaceError};
use tightrope_engine::{EngineError, ErrorKind, Unfit, UnknownScheme};
use tightrope_model::TableName;
use tightrope_store::StoreError;

use super::adopt::AdoptError;
use crate::rehearse::SourceError;
use crate::run::RunError;
use crate::situation::SituationError;

/// The error of taking, proving, restoring or listing backups.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The target.
    #[error(transparent)]
    Situation(#[from] SituationError),
    /// The engine, on the source or on the place that is restored to.
    #[error("cannot {doing}")]
    Engine {
        /// What was being done.
        doing: &'static str,
        /// Why it did not work.
        source: EngineError,
    },
    /// The folder that backups are kept in.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// tightrope's own tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Getting the run going that records it.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Nobody has said where backups are kept.
    #[error("no place for backups is named")]
    NoPlace,
    /// The engine takes no backups.
    #[error("this engine takes no backups")]
    NoBackups,
    /// The engine has no clusters.
    #[error("this engine has no servers, and no physical backups")]
    NoPhysical,
    /// Nobody has said where a throw-away server may stand.
    #[error(
        "a physical backup is restored onto a throw-away server, and no folder for its data is named"
    )]
    NoGround,
    /// Changes are not logged for a physical backup.
    #[error("no change log is begun with a physical backup")]
    NoLogWithPhysical,
    /// A physical backup is restored as a whole.
    #[error(
        "the backup `{name}` is of a whole cluster, and becomes a folder: {what} cannot be made of it"
    )]
    OfACluster {
        /// Which backup.
        name: String,
        /// What was asked for.
        what: &'static str,
    },
    /// A logical backup becomes a database.
    #[error("the backup `{name}` is of one database, and no cluster can be made of it")]
    OfOneDatabase {
        /// Which backup.
        name: String,
    },
    /// Something is in the folder that a cluster is to become.
    #[error("something is in {folder} already, and it is not touched")]
    FolderInUse {
        /// Which folder.
        folder: String,
    },
    /// The folder above is not there.
    #[error("the folder above {folder} is not there")]
    NoFolderAbove {
        /// Which folder was meant.
        folder: String,
    },
    /// The folder that backups are kept in is not there.
    #[error("the place for backups {place} is not there")]
    PlaceMissing {
        /// Where.
        place: String,
    },
    /// A backup does not fit.
    #[error("no room for a backup in {folder}: it takes about {bytes} bytes, and {free} are free")]
    NoRoom {
        /// Where it would be written.
        folder: String,
        /// How large it would be.
        bytes: u64,
        /// How much is free there.
        free: u64,
    },
    /// The place has no backup of this database.
    #[error("there is no backup of `{database}` in {place}")]
    NoneThere {
        /// Which database.
        database: String,
        /// Where.
        place: String,
    },
    /// The target is gone or cannot be reached, and backups of several databases of its name are there.
    #[error(
        "`{database}` cannot be asked which of the databases in {place} it is: {}",
        ids.join(", ")
    )]
    SeveralDatabases {
        /// The name that they share.
        database: String,
        /// Where.
        place: String,
        /// Which databases they are.
        ids: Vec<String>,
    },
    /// No backup has that name.
    #[error("no backup is called `{name}` in {place}")]
    Unknown {
        /// The name.
        name: String,
        /// Where.
        place: String,
        /// The nearest name that there is.
        near: Option<String>,
    },
    /// The backup is not what it was.
    #[error("the backup `{name}` is damaged: {}", first_of(damage))]
    Damaged {
        /// Which.
        name: String,
        /// All that is wrong with it.
        damage: Vec<Damage>,
    },
    /// It is of another database.
    #[error("the backup `{name}` is of another database: of `{of}`, and this is `{this}`")]
    OtherDatabase {
        /// Which backup.
        name: String,
        /// Of which database it is.
        of: String,
        /// Which database was meant.
        this: String,
    },
    /// The place cannot hold it as it was.
    #[error("the backup `{name}` does not fit there: {}", list(unfit))]
    Unfit {
        /// Which backup.
        name: String,
        /// In what it differs.
        unfit: Vec<Unfit>,
    },
    /// A database is there already.
    #[error("the database `{database}` is there already")]
    IsThere {
        /// Which.
        database: String,
    },
    /// The name that was given to confirm is not that of the database.
    #[error("`{database}` would be overwritten, and `{confirmed}` was confirmed")]
    NotConfirmed {
        /// What is there.
        database: String,
        /// What was confirmed.
        confirmed: String,
    },
    /// There is nothing to overwrite.
    #[error("`{database}` is to be overwritten, and is not there")]
    NothingToOverwrite {
        /// What was confirmed.
        database: String,
    },
    /// The backup does not have these tables.
    #[error("the backup `{name}` has no table {}", names(tables))]
    NoSuchTables {
        /// Which backup.
        name: String,
        /// Which tables.
        tables: Vec<TableName>,
    },
    /// It was taken without checksums.
    #[error("the backup `{name}` was taken without checksums, and cannot be proven")]
    NoChecksums {
        /// Which.
        name: String,
    },
    /// What was restored is not what was backed up.
    #[error("what was restored from `{name}` is not what was backed up: {}", failures.first().map_or("", String::as_str))]
    NotEqual {
        /// Which backup.
        name: String,
        /// All that is not equal.
        failures: Vec<String>,
    },
    /// The verify script cannot be read.
    #[error("cannot read the verify script {path}: {source}")]
    VerifyScript {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// `apply` asks for a proven backup.
    #[error("no fresh and proven backup of `{database}`: {because}")]
    NotProven {
        /// Which database.
        database: String,
        /// Why what is there does not count.
        because: String,
    },
    /// The engine logs no changes.
    #[error("this engine logs no changes")]
    NoChangeLog,
    /// No backup of the target has a change log.
    #[error("no backup of `{database}` has a change log")]
    NoneLogged {
        /// Which database.
        database: String,
    },
    /// The backup has no change log.
    #[error(
        "the backup `{name}` was taken without a change log, and nothing can be replayed onto it"
    )]
    NotLogged {
        /// Which.
        name: String,
    },
    /// The database has no such log any more.
    #[error("the database has no change log of `{name}` any more{}", ended.as_ref().map(|because| format!(": {because}")).unwrap_or_default())]
    LogGone {
        /// Of which backup.
        name: String,
        /// Why it was ended, if it was.
        ended: Option<String>,
    },
    /// What was carried out is not what it was.
    #[error("the changes beside `{name}` are damaged: {}", first_of(damage))]
    ChangesDamaged {
        /// Of which backup.
        name: String,
        /// Up to where they are whole, where that can be told.
        recovery_point: Option<String>,
        /// All that is wrong with them.
        damage: Vec<Damage>,
    },
    /// The schema was changed while changes were logged.
    #[error(
        "`{migration}` changed the schema at {at}, and the backup `{name}` has the schema of before"
    )]
    MigrationInBetween {
        /// Which backup.
        name: String,
        /// The first migration, or rollback.
        migration: String,
        /// When.
        at: String,
    },
    /// No such migration is in the log.
    #[error(
        "the change log of `{name}` has no migration `{migration}`{}",
        has(there)
    )]
    NoSuchMigration {
        /// Of which backup.
        name: String,
        /// What was asked for.
        migration: String,
        /// Those that are in it.
        there: Vec<String>,
    },
    /// `apply` asks for drills.
    #[error("a drill is overdue: {because}")]
    DrillOverdue {
        /// Which, and since when.
        because: String,
    },
    /// A time in tightrope's tables, on which it depends which backups are needed, is none.
    #[error(
        "`{time}` in tightrope's tables is no time, so that it is not known which backups are needed"
    )]
    Time {
        /// What stands there.
        time: String,
    },
    /// What the copy of a drill is made of.
    #[error(transparent)]
    Source(#[from] Box<SourceError>),
    /// Adopting a backup, or having one restored by the system that keeps it.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// The drill cannot be held.
    #[error("cannot hold the drill: {0}")]
    Drill(String),
}

impl BackupError {
    /// Names what was being done when the engine failed.
    pub(crate) fn doing(doing: &'static str) -> impl FnOnce(EngineError) -> Self {
        move |source| Self::Engine { doing, source }
    }

    /// What it says against the backup, or against restoring it there; none where the surroundings failed, and it says nothing.
    pub(crate) fn findings(&self) -> Option<Vec<String>> {
        match self {
            Self::Damaged { damage, .. } => Some(damage.iter().map(ToString::to_string).collect()),
            Self::NotEqual { failures, .. } => Some(failures.clone()),
            Self::Unfit { .. } | Self::NoChecksums { .. } => Some(vec![whole(self)]),
            Self::Adopt(error) => error.is_against_the_backup().then(|| vec![whole(self)]),
            Self::Engine { source, .. } | Self::Store(StoreError::Engine(source)) => {
                (!is_of_the_surroundings(source.kind)).then(|| vec![whole(self)])
            }
            Self::Store(_) => Some(vec![whole(self)]),
            _ => None,
        }
    }

    /// Whether it is the place of restoring that cannot hold the backup, which another place could.
    pub(crate) fn is_of_the_place(&self) -> bool {
        match self {
            Self::Unfit { .. } => true,
            Self::Engine { source, .. } => source.kind == ErrorKind::Unsupported,
            _ => false,
        }
    }
}

/// Whether such an error comes from the server or its disk, and would not come again elsewhere.
fn is_of_the_surroundings(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unreachable
            | ErrorKind::AuthenticationFailed
            | ErrorKind::DatabaseMissing
            | ErrorKind::BadUrl
            | ErrorKind::PermissionDenied
            | ErrorKind::LockNotGranted
            | ErrorKind::InUse
            | ErrorKind::Transient
            | ErrorKind::OutOfSpace
            | ErrorKind::ConnectionLost
            | ErrorKind::Cancelled
    )
}

/// An error with all that is behind it, in one line.
pub(crate) fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(behind) = next {
        text.push_str(": ");
        text.push_str(&behind.to_string());
        next = behind.source();
    }
    text
}

fn first_of(damage: &[Damage]) -> String {
    match damage {
        [] => String::new(),
        [one] => one.to_string(),
        [one, others @ ..] => format!("{one}, and {} more", others.len()),
    }
}

fn has(there: &[String]) -> String {
    match there {
        [] => ", and no other".to_owned(),
        there => format!(", but {}", there.join(", ")),
    }
}

fn list(unfit: &[Unfit]) -> String {
    let words: Vec<String> = unfit.iter().map(ToString::to_string).collect();
    words.join(", ")
}

fn names(tables: &[TableName]) -> String {
    let words: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
    words.join(", ")
}
