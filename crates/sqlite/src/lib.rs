//! SQLite behind the engine traits.
//!
//! A database is one file, so everything that a server would know has to be found out: who holds the lock from the kernel's
//! list of file locks (`process`), what a table means from the text of the statement that made it (`definition`), how
//! many rows a script changed from the hooks of the library (`counting`).
//!
//! **Invariant:** a database file is never opened by anything but the SQLite library while one of our sessions may be on it:
//! closing any descriptor of a file drops all POSIX locks that the process holds on it.

mod backup;
mod catalog;
mod checksum;
mod clone;
mod connect;
mod counting;
mod definition;
mod error;
mod keep;
mod net;
mod process;
mod queries;
mod quote;
mod rows;
mod run;
mod session;
mod settings;
mod transaction;
mod url;
mod value;
mod waiting;

use tightrope_engine::{Backup, Cloner, ConnectOptions, DatabaseUrl, Engine, EngineError, Session};
use tightrope_model::EngineKind;

pub use process::{evidence, is_alive};
pub use quote::quote_identifier;

use clone::FileCloner;
use session::SqliteSession;
use url::FileUrl;

/// The SQLite engine: databases are files, found by `sqlite://path`, `sqlite:path` or a bare path.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqliteEngine {
    cloner: FileCloner,
}

impl SqliteEngine {
    /// The engine; it holds no state.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Engine for SqliteEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Sqlite
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["sqlite"]
    }

    fn connect(
        &self,
        url: &DatabaseUrl,
        options: &ConnectOptions,
    ) -> Result<Box<dyn Session>, EngineError> {
        let url = FileUrl::parse(url)?;
        Ok(Box::new(SqliteSession::open(url, options)?))
    }

    fn cloner(&self) -> Option<&dyn Cloner> {
        Some(&self.cloner)
    }

    fn backup(&self) -> Option<&dyn Backup> {
        Some(&self.cloner)
    }
}
