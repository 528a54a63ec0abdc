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
mod server;

use std::path::Path;

use tightrope_engine::{BackupWatch, DatabaseUrl, EngineError, Ground, Physical, Restored};

use super::PostgresCloner;

impl Physical for PostgresCloner {
    fn copy(
        &self,
        source: &DatabaseUrl,
        ground: &Ground,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Restored>, EngineError> {
        let copied = cluster::copy(self.bin_dir.as_deref(), source, ground, watch)?;
        Ok(Box::new(copied))
    }

    fn sweep(&self, folder: &Path) -> Result<Vec<String>, EngineError> {
        home::sweep(folder)
    }
}
