use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tightrope_model::{Fingerprint, TableChecksum, TableName, TableShape};

use crate::{DatabaseUrl, EngineError, LogMark, LogNumber, Server};

/// What tells one database from another, however it is reached: a backup of one is never laid over another by mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseId {
    /// The server's own number of the database (PostgreSQL: of the cluster, and the name), or the file's whole path.
    pub id: String,
    /// The database's name, or the file's.
    pub name: String,
}

/// What a backup is a copy of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// Of one database: what is in it.
    #[default]
    Logical,
    /// Of a whole cluster: its files, and its log up to one position.
    Physical,
}

impl BackupKind {
    /// Whether it is the default.
    pub fn is_logical(&self) -> bool {
        *self == Self::Logical
    }

    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logical => "logical",
            Self::Physical => "physical",
        }
    }
}

/// How a backup is taken.
#[derive(Clone, Copy, Debug)]
pub struct TakeOptions {
    /// How many connections read at once, where an engine can.
    pub jobs: u32,
    /// Whether the rows of every table are summed up in the same snapshot. Without it the backup cannot be proven.
    pub checksums: bool,
    /// The change log that the backup begins, for which the snapshot's mark is wanted.
    pub log: Option<LogNumber>,
}

/// One table as it is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableContent {
    /// What has to be known to read it again.
    pub shape: TableShape,
    /// The count and the sums of its rows; none where the backup was taken without.
    pub checksum: Option<TableChecksum>,
}

/// What was written into a backup's folder, and what the database was in that snapshot.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What was copied.
    pub kind: BackupKind,
    /// How, in words: `pg_dump, directory, gzip`, `backup API`.
    pub method: String,
    /// The program's version, where a program did it.
    pub program: Option<String>,
    /// Which server and database.
    pub server: Server,
    /// Which database, for certain.
    pub database: DatabaseId,
    /// The server's time of the snapshot, in RFC 3339.
    pub taken_at: String,
    /// Where in the server's log the snapshot stands, where there is one.
    pub position: Option<String>,
    /// What a new database needs to be like this one before anything is restored into it: encoding, collation, settings.
    pub properties: BTreeMap<String, String>,
    /// The schema.
    pub fingerprint: Fingerprint,
    /// The tables, tightrope's own among them.
    pub tables: Vec<TableContent>,
    /// The size of the database.
    pub source_bytes: u64,
    /// What a person should know about it.
    pub remarks: Vec<String>,
    /// Where the snapshot stands in the change log, where one was begun for it.
    pub mark: Option<LogMark>,
}

/// What is restored: the folder with an engine's files, and what its manifest says of the database.
#[derive(Clone, Copy, Debug)]
pub struct BackupFiles<'a> {
    /// The folder that [`Backup::take`] has filled.
    pub folder: &'a Path,
    /// The properties as they were taken.
    pub properties: &'a BTreeMap<String, String>,
    /// The program's version that wrote the files.
    pub program: Option<&'a str>,
}

/// Something about a place that a backup cannot live with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unfit {
    /// What it is about: `encoding`, `collate`.
    pub what: String,
    /// As the backup has it.
    pub wanted: String,
    /// As the place has it.
    pub found: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is `{}` there and `{}` in the backup",
            self.what, self.found, self.wanted
        )
    }
}

/// How a restored database stands to the one that its backup is of, by what their servers say of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinship {
    /// It is that very database.
    Itself,
    /// It follows a server that goes on.
    Standby,
    /// It is another database of a copy of that one's server.
    Sibling,
    /// It is that database on a copy of its server.
    Copy,
    /// Nothing can be told: what was restored from a dump has no memory of where it is from.
    Unknown,
}

/// Whoever wants to know how far it is, and where the process may be killed.
pub trait BackupWatch: Sync {
    /// So much of so much is done; `of` is 0 where nobody knows.
    fn progress(&self, what: &str, done: u64, of: u64);

    /// Something is about to become durable, or just has.
    fn reached(&self, edge: &'static str);
}

/// The ability to take backups and to restore them.
pub trait Backup: Send + Sync {
    /// Writes the database, as of one instant, into a folder that is there and empty.
    ///
    /// Schema and checksums are read in the same snapshot as the rows. The source is only read.
    ///
    /// # Errors
    /// When the source cannot be read whole, or the folder cannot be written.
    fn take(
        &self,
        source: &DatabaseUrl,
        folder: &Path,
        options: &TakeOptions,
        watch: &dyn BackupWatch,
    ) -> Result<Taken, EngineError>;

    /// How many bytes a backup of a database of that size takes at the least, where there was none before to go by.
    fn least_bytes(&self, source_bytes: u64) -> u64;

    /// Which database that is; none if it is not there.
    ///
    /// # Errors
    /// When it cannot be reached.
    fn identity(&self, url: &DatabaseUrl) -> Result<Option<DatabaseId>, EngineError>;

    /// How a database that somebody has restored stands to the one that its backup is of. The target, which that one is or was, may be
    /// gone.
    ///
    /// # Errors
    /// When the restored one cannot be asked.
    fn kinship(
        &self,
        target: &DatabaseUrl,
        of: &DatabaseId,
        restored: &DatabaseUrl,
    ) -> Result<Kinship, EngineError>;

    /// What is unsound inside the files of a database that is in nobody's use, where an engine can look; none if nothing is.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn unsound(&self, url: &DatabaseUrl) -> Result<Option<String>, EngineError> {
        let _ = url;
        Ok(None)
    }

    /// The database's name as its URL has it: what is left to know of one that is gone or cannot be reached.
    ///
    /// # Errors
    /// When the URL cannot be read.
    fn name_in(&self, url: &DatabaseUrl) -> Result<String, EngineError>;

    /// The folder in which the database keeps its data, if it is on this machine and can be found out.
    fn data_folder(&self, url: &DatabaseUrl) -> Option<PathBuf>;

    /// What stands against restoring these files there: another encoding or collation.
    ///
    /// # Errors
    /// When the place cannot be reached.
    fn unfit(&self, files: &BackupFiles<'_>, into: &DatabaseUrl)
    -> Result<Vec<Unfit>, EngineError>;

    /// Restores into a scratch database at the place of `into`: its server, or its folder. Nothing has the name of `into` yet.
    ///
    /// # Errors
    /// When anything of it cannot be restored; nothing is left behind then.
    fn restore(
        &self,
        files: &BackupFiles<'_>,
        into: &DatabaseUrl,
        jobs: u32,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Restored>, EngineError>;

    /// Restores single tables, with their rows, indexes and constraints, into a database that does not have them, all or
    /// nothing. Gives remarks about what was left out.
    ///
    /// # Errors
    /// When a table is there already, or not in the backup, or its rows are not those of the backup; nothing is changed then.
    fn restore_tables(
        &self,
        files: &BackupFiles<'_>,
        tables: &[TableContent],
        into: &DatabaseUrl,
        watch: &dyn BackupWatch,
    ) -> Result<Vec<String>, EngineError>;

    /// How to reach a database that was overwritten, by the name that [`Restored::take_place`] gave.
    ///
    /// # Errors
    /// When the URL cannot be read.
    fn kept_url(&self, into: &DatabaseUrl, kept: &str) -> Result<DatabaseUrl, EngineError>;

    /// Removes what dead restores have left at that place; gives the names.
    ///
    /// # Errors
    /// When the place cannot be reached.
    fn sweep(&self, into: &DatabaseUrl) -> Result<Vec<String>, EngineError>;
}

/// A restored database that has no name of its own yet. Dropping the value removes it.
pub trait Restored: Send {
    /// How to connect to it.
    fn url(&self) -> &DatabaseUrl;

    /// Its name for now.
    fn name(&self) -> &str;

    /// What a person should know about it.
    fn remarks(&self) -> &[String];

    /// What is unsound inside its files, where an engine can look; none if nothing is.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn unsound(&self) -> Result<Option<String>, EngineError> {
        Ok(None)
    }

    /// Gives it the name that it was restored for; no session of ours may be open on it. Where a database of that name is there,
    /// it is kept under another name, which is returned: both happen, or neither.
    ///
    /// # Errors
    /// When somebody is connected, or the name is taken and `overwrite` is false; both databases are what they were then.
    fn take_place(
        self: Box<Self>,
        overwrite: bool,
        watch: &dyn BackupWatch,
    ) -> Result<Option<String>, EngineError>;
}

/// The tables among these that have one of the names, or those names that none has.
///
/// # Errors
/// The names that no table has.
pub fn tables_named<'t>(
    tables: &'t [TableContent],
    names: &[TableName],
) -> Result<Vec<&'t TableContent>, Vec<TableName>> {
    let find = |name: &TableName| tables.iter().find(|table| table.shape.table == *name);
    let missing: Vec<TableName> = names
        .iter()
        .filter(|name| find(name).is_none())
        .cloned()
        .collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    Ok(names.iter().filter_map(find).collect())
}
