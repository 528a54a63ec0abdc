use std::path::PathBuf;

use tightrope_engine::{Backup, Cloner, ConnectOptions, DatabaseUrl, Engine, EngineError, Session};
use tightrope_model::EngineKind;

use crate::cloner::PostgresCloner;
use crate::session::PostgresSession;

/// The PostgreSQL engine: `postgres://` and `postgresql://`.
#[derive(Clone, Debug, Default)]
pub struct PostgresEngine {
    cloner: PostgresCloner,
}

impl PostgresEngine {
    /// An engine that finds `pg_dump` and `pg_restore` on the search path and in Debian's places.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same engine, looking for `pg_dump` and `pg_restore` in that folder first.
    #[must_use]
    pub fn with_bin_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cloner.look_in(folder.into());
        self
    }
}

impl Engine for PostgresEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Postgres
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["postgres", "postgresql"]
    }

    fn connect(
        &self,
        url: &DatabaseUrl,
        options: &ConnectOptions,
    ) -> Result<Box<dyn Session>, EngineError> {
        Ok(Box::new(PostgresSession::open(url, options)?))
    }

    fn cloner(&self) -> Option<&dyn Cloner> {
        Some(&self.cloner)
    }

    fn backup(&self) -> Option<&dyn Backup> {
        Some(&self.cloner)
    }

    #[cfg(unix)]
    fn physical(&self) -> Option<&dyn tightrope_engine::Physical> {
        Some(&self.cloner)
    }
}
