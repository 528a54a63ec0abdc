//! Where the story is told: a temporary folder, and in it a SQLite file, or beside it a scratch database on a server.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tightrope_engine::{
    ConnectOptions, CopyPlace, DatabaseUrl, Engine, EngineError, ErrorKind, RunStatement, Scratch,
};
use tightrope_model::EngineKind;

use super::dialect::{self, Dialect, FILL, Pair};
use super::folder;
use super::mismatch::Mismatch;
use super::shop::Shop;
use crate::configuration;
use crate::context;
use crate::errors::CommandError;
use crate::exit::Exit;

/// The database file in the demo's folder.
const FILE: &str = "shop.db";

/// The variable that tightrope.toml takes a server's URL from: it may hold a password, so it stands in no file.
pub(super) const VARIABLE: &str = "DATABASE_URL";

/// Where the story is told. Dropping the value removes all of it.
pub(super) struct Stage {
    engine: Arc<dyn Engine>,
    url: DatabaseUrl,
    /// The scratch database, with the URL that it was asked for at.
    scratch: Option<(Box<dyn Scratch>, DatabaseUrl)>,
    /// The shop that never migrates, once it has parted from the other.
    twin: Option<Box<dyn Scratch>>,
    folder: TempDir,
    /// The scripts in this engine's words.
    pub(super) dialect: &'static Dialect,
    /// The variables that the commands need.
    pub(super) environment: Vec<(String, OsString)>,
}

/// What is left for the user.
pub(super) struct Kept {
    pub(super) folder: PathBuf,
    /// The database on a server.
    pub(super) database: Option<DatabaseUrl>,
}

impl Stage {
    /// Sets the stage: on the server that the URL names, else in a file.
    pub(super) fn set(url: Option<&str>) -> Result<Self, CommandError> {
        match url {
            Some(url) => Self::on_server(&configuration::with_password(url)),
            None => Self::in_file(),
        }
    }

    fn in_file() -> Result<Self, CommandError> {
        let folder = folder::make()?;
        let url = DatabaseUrl::new(format!("sqlite://{}", folder.path().join(FILE).display()));
        let engine = context::registry().engine(&url)?;
        Ok(Self {
            dialect: dialect::of(engine.kind()),
            engine,
            url,
            scratch: None,
            twin: None,
            folder,
            environment: Vec::new(),
        })
    }

    fn on_server(server: &DatabaseUrl) -> Result<Self, CommandError> {
        let engine = context::registry().engine(server)?;
        if engine.kind() == EngineKind::Sqlite {
            return Err(CommandError::new(
                Exit::Usage,
                "the demo makes its own SQLite file; `--url` names a PostgreSQL server",
            )
            .hint("leave `--url` out, or write `--url postgres://user@host/postgres`"));
        }
        let cloner = engine.cloner().ok_or_else(no_copies)?;
        let place = CopyPlace {
            url: None,
            empty: true,
        };
        let scratch = cloner
            .sweep(server, &place)
            .and_then(|_| cloner.copy(server, &place))
            .map_err(no_scratch)?;
        let url = scratch.url().clone();
        Ok(Self {
            dialect: dialect::of(engine.kind()),
            environment: vec![(VARIABLE.to_owned(), OsString::from(url.secret()))],
            url,
            scratch: Some((scratch, server.clone())),
            twin: None,
            folder: folder::make()?,
            engine,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The arguments of `tightrope init` here.
    pub(super) fn init(&self) -> &'static [&'static str] {
        match self.scratch {
            None => &["init", "--url", "sqlite://shop.db"],
            Some(_) => &["init"],
        }
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        let folder = self.folder().display();
        match &self.scratch {
            None => folder.to_string(),
            Some((scratch, _)) => format!("{folder}\nand the scratch database {}", scratch.name()),
        }
    }

    /// Opens the shop. It must be closed again before the next command: a copy of a database needs it alone.
    pub(super) fn shop(&self) -> Result<Shop, EngineError> {
        self.open(&self.url)
    }

    fn open(&self, url: &DatabaseUrl) -> Result<Shop, EngineError> {
        let options = ConnectOptions {
            application_name: Some("tightrope demo shop".to_owned()),
            read_only: false,
            ..ConnectOptions::default()
        };
        Ok(Shop(self.engine.connect(url, &options)?))
    }

    /// Copies the shop: from here on, the twin gets the same sales, and no migration.
    pub(super) fn part(&mut self) -> Result<(), CommandError> {
        let cloner = self.engine.cloner().ok_or_else(no_copies)?;
        let place = CopyPlace {
            url: None,
            empty: false,
        };
        self.twin = Some(cloner.copy(&self.url, &place).map_err(no_scratch)?);
        Ok(())
    }

    /// Opens the twin.
    pub(super) fn twin(&self) -> Result<Shop, CommandError> {
        let twin = self.twin.as_ref();
        let twin = twin.ok_or_else(|| Mismatch::state("the shop has no twin yet"))?;
        Ok(self.open(twin.url())?)
    }

    /// Writes a migration's scripts, over what was there.
    pub(super) fn write(&self, migration: &str, pair: &Pair) -> Result<(), Mismatch> {
        let home = self.folder().join("migrations").join(migration);
        fs::create_dir_all(&home)
            .and_then(|()| fs::write(home.join("up.sql"), pair.forward))
            .and_then(|()| fs::write(home.join("down.sql"), pair.rollback))
            .map_err(Mismatch::folder(self.folder()))
    }

    /// Throws a migration's rollback script away, and says how later rows get a value.
    pub(super) fn leave_to_derivation(&self, migration: &str) -> Result<(), Mismatch> {
        let home = self.folder().join("migrations").join(migration);
        fs::remove_file(home.join("down.sql"))
            .and_then(|()| fs::write(home.join("metadata.toml"), FILL))
            .map_err(Mismatch::folder(self.folder()))
    }

    /// Leaves everything for the user to play with.
    pub(super) fn keep(self) -> Result<Kept, CommandError> {
        folder::keep(self.folder()).map_err(Mismatch::folder(self.folder()))?;
        let database = self
            .scratch
            .map(|(scratch, server)| keep_database(self.engine.as_ref(), scratch, &server))
            .transpose()?;
        Ok(Kept {
            folder: self.folder.keep(),
            database,
        })
    }
}

/// Gives the scratch database another name: under its own it would be swept once this process is gone.
fn keep_database(
    engine: &dyn Engine,
    scratch: Box<dyn Scratch>,
    server: &DatabaseUrl,
) -> Result<DatabaseUrl, EngineError> {
    let name = scratch.name().replace("scratch", "demo");
    let mut session = engine.connect(server, &ConnectOptions::default())?;
    let rename = format!(
        "alter database {} rename to {}",
        session.quote(scratch.name()),
        session.quote(&name)
    );
    session.run(RunStatement {
        sql: &rename,
        copy_data: None,
    })?;
    Ok(DatabaseUrl::new(
        scratch.url().secret().replace(scratch.name(), &name),
    ))
}

fn no_copies() -> CommandError {
    CommandError::new(
        Exit::Refused,
        "this engine can make no scratch database for the demo",
    )
}

/// Why there is no scratch database, and how to go without.
fn no_scratch(error: EngineError) -> CommandError {
    let error = if error.kind == ErrorKind::PermissionDenied {
        CommandError::of(Exit::Error, error)
            .hint("the demo makes a database of its own: `alter role NAME createdb` lets a user")
    } else {
        CommandError::from(error)
    };
    error.hint("or leave `--url` out: on SQLite the demo needs no server")
}
