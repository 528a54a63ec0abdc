//! What the tests of this crate share: a database file in a folder of its own, and sessions on it.

use std::path::PathBuf;

use tempfile::TempDir;
use tightrope_engine::{
    ConnectOptions, DatabaseUrl, Engine, EngineError, RunStatement, Session, StatementOutcome,
};
use tightrope_model::{Catalog, TableChecksum};
use tightrope_sqlite::SqliteEngine;

/// A folder with a database file in it.
pub(crate) struct Database {
    pub(crate) folder: TempDir,
}

impl Database {
    /// A database made by these statements.
    pub(crate) fn new(sql: &str) -> Self {
        let database = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        database.plain().execute_batch(sql).unwrap();
        database
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("shop.db")
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        DatabaseUrl::new(format!("sqlite://{}", self.path().display()))
    }

    /// A connection of the application, with foreign keys off.
    pub(crate) fn plain(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        connection
            .execute_batch("pragma foreign_keys = off")
            .unwrap();
        connection
    }

    pub(crate) fn session(&self) -> Box<dyn Session> {
        self.connect(false).unwrap()
    }

    pub(crate) fn connect(&self, read_only: bool) -> Result<Box<dyn Session>, EngineError> {
        let options = ConnectOptions {
            read_only,
            ..ConnectOptions::default()
        };
        SqliteEngine::new().connect(&self.url(), &options)
    }

    /// The names of the files in the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Runs one statement.
pub(crate) fn run(session: &mut dyn Session, sql: &str) -> Result<StatementOutcome, EngineError> {
    session.run(RunStatement {
        sql,
        copy_data: None,
    })
}

/// Runs one statement that has to succeed.
pub(crate) fn must(session: &mut dyn Session, sql: &str) -> StatementOutcome {
    run(session, sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// The catalog and all checksums.
pub(crate) fn state(session: &mut dyn Session) -> (Catalog, Vec<TableChecksum>) {
    let catalog = session.catalog().unwrap();
    let sums = session.checksums(catalog.tables()).unwrap();
    (catalog, sums)
}
