//! Physical copies: a cluster's files by `pg_basebackup`, and throw-away servers on them.
//!
//! A throw-away server is started by tightrope itself on data that nobody else needs, with settings of its own ([`server`]); it ends and
//! its folder goes when the value is dropped, and what a killed process has left is found by the next ([`home`]).

mod account;
mod base;
mod cluster;
mod facts;
mod home;
mod installation;
mod lsn;
mod pack;
mod restore;
mod server;
mod take;
mod wal;

use std::path::Path;

use tightrope_engine::{
    BackupFiles, BackupWatch, Cluster, DatabaseUrl, EngineError, Ground, Physical, ServerPrograms,
    TakeOptions, Taken,
};

use super::PostgresCloner;

impl Physical for PostgresCloner {
    fn copy(
        &self,
        source: &DatabaseUrl,
        ground: &Ground,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Cluster>, EngineError> {
        let copied = cluster::copy(self.bin_dir.as_deref(), source, ground, watch)?;
        Ok(Box::new(copied))
    }

    fn take(
        &self,
        source: &DatabaseUrl,
        folder: &Path,
        programs: &ServerPrograms,
        options: &TakeOptions,
        watch: &dyn BackupWatch,
    ) -> Result<Taken, EngineError> {
        take::take(
            self.bin_dir.as_deref(),
            source,
            folder,
            programs,
            options,
            watch,
        )
    }

    fn restore(
        &self,
        files: &BackupFiles<'_>,
        database: &str,
        ground: &Ground,
        to_keep: bool,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Cluster>, EngineError> {
        let clients = self.bin_dir.as_deref();
        let restored = restore::restore(clients, files, database, ground, to_keep, watch)?;
        Ok(Box::new(restored))
    }

    fn sweep(&self, folder: &Path) -> Result<Vec<String>, EngineError> {
        home::sweep(folder)
    }
}
