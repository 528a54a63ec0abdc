//! Backups of a database file, and the way back from them.
//!
//! A backup is one file that the library's backup interface has written. Restoring copies it to a scratch file beside its place,
//! where it is looked at; only then does it get its name, by a link where there is no such file, and by the backup interface
//! into the live file, under its exclusive lock and journal, where one is to be overwritten.

mod properties;
mod restore;
mod tables;
mod take;

use std::path::{Path, PathBuf};

use tightrope_engine::{
    Backup, BackupFiles, BackupWatch, DatabaseId, DatabaseUrl, EngineError, Kinship, Restored,
    TableContent, TakeOptions, Taken, Unfit,
};

use crate::clone::FileCloner;
use crate::error::from_sqlite;
use crate::url::FileUrl;
use crate::waiting::LockTimeout;
use crate::{connect, keep};

/// The database in a backup's folder.
const FILE: &str = "database.db";

impl Backup for FileCloner {
    fn take(
        &self,
        source: &DatabaseUrl,
        folder: &Path,
        options: &TakeOptions,
        watch: &dyn BackupWatch,
    ) -> Result<Taken, EngineError> {
        take::take(&FileUrl::parse(source)?, folder, options, watch)
    }

    fn least_bytes(&self, source_bytes: u64) -> u64 {
        // Every page is copied as it is.
        source_bytes
    }

    fn identity(&self, url: &DatabaseUrl) -> Result<Option<DatabaseId>, EngineError> {
        let url = FileUrl::parse(url)?;
        Ok(url.path.exists().then(|| identity(&url)))
    }

    fn kinship(
        &self,
        target: &DatabaseUrl,
        _: &DatabaseId,
        restored: &DatabaseUrl,
    ) -> Result<Kinship, EngineError> {
        let (target, restored) = (FileUrl::parse(target)?, FileUrl::parse(restored)?);
        Ok(match is_one_file(&target.path, &restored.path) {
            true => Kinship::Itself,
            // A file does not know where it was before.
            false => Kinship::Unknown,
        })
    }

    fn unsound(&self, url: &DatabaseUrl) -> Result<Option<String>, EngineError> {
        let file = FileUrl::parse(url)?;
        let connection = connect::open(&file, true, true, &LockTimeout::new())?;
        keep::unsound(&connection).map_err(from_sqlite)
    }

    fn name_in(&self, url: &DatabaseUrl) -> Result<String, EngineError> {
        Ok(FileUrl::parse(url)?.file_name())
    }

    fn data_folder(&self, url: &DatabaseUrl) -> Option<PathBuf> {
        let path = std::fs::canonicalize(FileUrl::parse(url).ok()?.path).ok()?;
        path.parent().map(Path::to_owned)
    }

    fn unfit(
        &self,
        files: &BackupFiles<'_>,
        into: &DatabaseUrl,
    ) -> Result<Vec<Unfit>, EngineError> {
        properties::unfit(files.properties, &FileUrl::parse(into)?)
    }

    fn restore(
        &self,
        files: &BackupFiles<'_>,
        into: &DatabaseUrl,
        _: u32,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Restored>, EngineError> {
        restore::restore(files, FileUrl::parse(into)?, watch)
    }

    fn restore_tables(
        &self,
        files: &BackupFiles<'_>,
        tables: &[TableContent],
        into: &DatabaseUrl,
        watch: &dyn BackupWatch,
    ) -> Result<Vec<String>, EngineError> {
        tables::restore(files, tables, &FileUrl::parse(into)?, watch)
    }

    fn kept_url(&self, into: &DatabaseUrl, kept: &str) -> Result<DatabaseUrl, EngineError> {
        Ok(FileUrl::parse(into)?.url_of(Path::new(kept)))
    }

    fn sweep(&self, into: &DatabaseUrl) -> Result<Vec<String>, EngineError> {
        let into = FileUrl::parse(into)?;
        let folder = if into.path.is_dir() {
            into.path.as_path()
        } else {
            into.folder()
        };
        crate::clone::sweep(folder)
    }
}

/// Whether two paths lead to one file, by whatever names.
fn is_one_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let number = |path: &Path| {
            let about = std::fs::metadata(path).ok()?;
            Some((about.dev(), about.ino()))
        };
        if let (Some(one), Some(other)) = (number(one), number(other)) {
            return one == other;
        }
    }
    let whole = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    whole(one) == whole(other)
}

/// A file is told by its whole path.
fn identity(url: &FileUrl) -> DatabaseId {
    let path = std::fs::canonicalize(&url.path).unwrap_or_else(|_| url.path.clone());
    DatabaseId {
        id: path.display().to_string(),
        name: url.file_name(),
    }
}
