//! Backups by `pg_dump`, and the way back by `pg_restore`.
//!
//! One session opens a transaction, exports its snapshot and reads schema and checksums in it, while `pg_dump` reads the same
//! snapshot from connections of its own. A restore goes into a scratch database, which is looked at there; it gets its name
//! by being renamed, and what had that name before is renamed in the same transaction.

pub(super) mod analyze;
mod children;
mod kinship;
pub(super) mod properties;
mod restore;
mod tables;
mod take;

use std::path::{Path, PathBuf};

use tightrope_engine::{
    Backup, BackupFiles, BackupWatch, ConnectOptions, CopyPlace, DatabaseId, DatabaseUrl,
    EngineError, ErrorKind, Kinship, Restored, TableContent, TakeOptions, Taken, Unfit,
};

use super::PostgresCloner;
use crate::connect::Target;
use crate::session::PostgresSession;

#[cfg(unix)]
pub(super) use children::Running;
#[cfg(unix)]
pub(super) use take::{own_tables, sum_up};

/// The dump in a backup's folder.
const DUMP: &str = "dump";

impl Backup for PostgresCloner {
    fn take(
        &self,
        source: &DatabaseUrl,
        folder: &Path,
        options: &TakeOptions,
        watch: &dyn BackupWatch,
    ) -> Result<Taken, EngineError> {
        take::take(self.bin_dir.as_deref(), source, folder, options, watch)
    }

    fn least_bytes(&self, source_bytes: u64) -> u64 {
        // A dump has no indexes and is compressed: rarely to less than this.
        source_bytes / 10
    }

    fn identity(&self, url: &DatabaseUrl) -> Result<Option<DatabaseId>, EngineError> {
        match reading(url) {
            Ok(mut session) => identity(&mut session).map(Some),
            Err(error) if error.kind == ErrorKind::DatabaseMissing => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn kinship(
        &self,
        target: &DatabaseUrl,
        of: &DatabaseId,
        restored: &DatabaseUrl,
    ) -> Result<Kinship, EngineError> {
        kinship::of(self, target, of, restored)
    }

    fn name_in(&self, url: &DatabaseUrl) -> Result<String, EngineError> {
        Ok(Target::parse(url)?.database().to_owned())
    }

    fn data_folder(&self, url: &DatabaseUrl) -> Option<PathBuf> {
        // Only who may read the setting is told, and only a server on this machine has its files here.
        let sql = "select current_setting('data_directory') where inet_server_addr() is null \
                   or host(inet_server_addr()) like '127.%' or host(inet_server_addr()) = '::1'";
        let rows = reading(url).ok()?.query_own(sql, &[]).ok()?;
        let folder = PathBuf::from(rows.first()?.first()?.text()?);
        folder
            .ancestors()
            .find(|folder| folder.exists())
            .map(Path::to_owned)
    }

    fn unfit(
        &self,
        files: &BackupFiles<'_>,
        into: &DatabaseUrl,
    ) -> Result<Vec<Unfit>, EngineError> {
        properties::unfit(files.properties, into)
    }

    fn restore(
        &self,
        files: &BackupFiles<'_>,
        into: &DatabaseUrl,
        jobs: u32,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Restored>, EngineError> {
        let restored = restore::restore(self.bin_dir.as_deref(), files, into, jobs, None, watch)?;
        Ok(Box::new(restored))
    }

    fn restore_tables(
        &self,
        files: &BackupFiles<'_>,
        tables: &[TableContent],
        into: &DatabaseUrl,
        watch: &dyn BackupWatch,
    ) -> Result<Vec<String>, EngineError> {
        tables::restore(self.bin_dir.as_deref(), files, tables, into, watch)
    }

    fn kept_url(&self, into: &DatabaseUrl, kept: &str) -> Result<DatabaseUrl, EngineError> {
        Ok(super::with_database(into, kept))
    }

    fn sweep(&self, into: &DatabaseUrl) -> Result<Vec<String>, EngineError> {
        tightrope_engine::Cloner::sweep(self, into, &CopyPlace::default())
    }
}

/// A session that only reads.
pub(super) fn reading(url: &DatabaseUrl) -> Result<PostgresSession, EngineError> {
    let options = ConnectOptions {
        application_name: Some("tightrope backup".to_owned()),
        read_only: true,
        must_exist: true,
    };
    PostgresSession::open(url, &options)
}

/// A database is told by its cluster's number and its name; by its host where the number may not be read.
pub(super) fn identity(session: &mut PostgresSession) -> Result<DatabaseId, EngineError> {
    use tightrope_engine::Session as _;
    let name = session.server().database.clone();
    let cluster = match session.query_own(
        "select system_identifier::text from pg_control_system()",
        &[],
    ) {
        Ok(rows) => rows
            .first()
            .and_then(|row| row.first()?.text().map(str::to_owned)),
        Err(error) if error.kind == ErrorKind::PermissionDenied => None,
        Err(error) => return Err(error),
    };
    let cluster = cluster.unwrap_or_else(|| session.server().host.clone());
    Ok(DatabaseId {
        id: format!("{cluster}/{name}"),
        name,
    })
}
