//! A session on a database file.

use std::collections::BTreeMap;

use rusqlite::Connection;
use tightrope_engine::{
    Alive, Blocker, Capabilities, ConnectOptions, EngineError, ErrorKind, KeptFile, Liveness,
    RowDialect, RowStream, RunStatement, Server, Session, SessionId, StatementOutcome,
    StoreDialect,
};
use tightrope_model::{
    Catalog, LockHeld, Surroundings, TableChange, TableChecksum, TableName, TableShape, Value,
};

use crate::counting::{self, RowCounter};
use crate::definition::first_word;
use crate::error::from_sqlite;
use crate::net::{self, Owed};
use crate::quote::quote_identifier;
use crate::rows::FileRows;
use crate::settings::Settings;
use crate::transaction::ReadTransaction;
use crate::url::FileUrl;
use crate::waiting::LockTimeout;
use crate::{catalog, checksum, connect, keep, process, run};

/// A connection to one database file.
pub(crate) struct SqliteSession {
    connection: Connection,
    url: FileUrl,
    read_only: bool,
    timeout: LockTimeout,
    /// None if they could not be read when the session was opened, for the lock that somebody held.
    settings: Option<Settings>,
    server: Server,
    capabilities: Capabilities,
    counter: Option<RowCounter>,
    /// What the net copies before the script's statements need it.
    owed: Vec<Owed>,
}

impl SqliteSession {
    /// Opens a session on the file.
    pub(crate) fn open(url: FileUrl, options: &ConnectOptions) -> Result<Self, EngineError> {
        let timeout = LockTimeout::new();
        // Opening waits for nobody: who wants to wait for a lock says so afterwards, and for how long.
        timeout.set(0);
        let connection = connect::open(&url, options.read_only, options.must_exist, &timeout)?;
        let settings = Settings::read(&connection).ok();
        timeout.set(LockTimeout::DEFAULT_MS);
        let server = url.server();
        Ok(Self {
            connection,
            url,
            read_only: options.read_only,
            timeout,
            settings,
            server,
            capabilities: capabilities(),
            counter: None,
            owed: Vec::new(),
        })
    }

    /// The connection, for the net.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The bytes of all pages of the file.
    pub(crate) fn bytes(&self) -> Result<u64, EngineError> {
        let sql = "select page_count * page_size from pragma_page_count, pragma_page_size";
        let bytes = self
            .connection
            .query_row(sql, [], |row| row.get::<_, i64>(0));
        bytes.map(i64::unsigned_abs).map_err(from_sqlite)
    }

    /// Bytes that can be written into the folder of the file.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        process::free_bytes(self.url.folder())
    }

    /// The error as the engine's; where a lock is in the way, with who holds it.
    fn error(&self, error: rusqlite::Error) -> EngineError {
        self.name_holders(from_sqlite(error))
    }

    fn name_holders(&self, mut error: EngineError) -> EngineError {
        if error.kind == ErrorKind::LockNotGranted {
            error.blockers = process::holders(&self.url.path);
            error.detail = Some(format!("the database file is {}", self.url.path.display()));
            error.hint = Some(
                if error.blockers.is_empty() {
                    "another session of this process, or one that cannot be seen from here, holds the lock; run again when it is done"
                } else {
                    "let that process finish its transaction (or end it), then run again"
                }
                .to_owned(),
            );
        }
        error
    }

    /// What counts the rows that a script changes, if it does.
    pub(crate) fn counter(&self) -> Option<&RowCounter> {
        self.counter.as_ref()
    }

    /// Copies these tables of the net when a statement needs it.
    pub(crate) fn owe(&mut self, owed: Vec<Owed>) {
        self.owed = owed;
    }

    /// The tables of the net that no statement has needed whole so far.
    pub(crate) fn take_owed(&mut self) -> Vec<Owed> {
        std::mem::take(&mut self.owed)
    }

    /// Lets the net copy what a statement may change.
    fn keep_before(&mut self, sql: &str) -> Result<(), EngineError> {
        if self.owed.is_empty() {
            return Ok(());
        }
        let Some(counter) = &self.counter else {
            return net::pay_all(&self.connection, &mut self.owed);
        };
        counter
            .foresee(&mut self.connection, sql)
            .and_then(|()| RowCounter::sleep(&mut self.connection))
            .map_err(from_sqlite)?;
        net::pay(&self.connection, counter, &mut self.owed)?;
        counter.wake(&mut self.connection).map_err(from_sqlite)
    }

    fn batch(&self, sql: &str) -> Result<(), EngineError> {
        self.connection
            .execute_batch(sql)
            .map_err(|error| self.error(error))
    }

    fn run_counted(&mut self, sql: &str) -> Result<StatementOutcome, EngineError> {
        self.keep_before(sql)?;
        let Some(counter) = &self.counter else {
            return run::statement(&self.connection, sql);
        };
        let before = counter
            .before(&mut self.connection, sql)
            .map_err(from_sqlite)?;
        match run::statement(&self.connection, sql) {
            Ok(outcome) => {
                counter
                    .after(&mut self.connection, sql, before)
                    .map_err(from_sqlite)?;
                Ok(outcome)
            }
            Err(error) => {
                counting::at_once(&mut self.connection)
                    .and_then(|()| counter.wake(&mut self.connection))
                    .map_err(from_sqlite)?;
                Err(error)
            }
        }
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        transactional_ddl: true,
        concurrent_index: false,
        enum_value_in_transaction: false,
        lock_timeout: true,
        names_lock_holders: process::CAN_NAME_HOLDERS,
        lists_locks: false,
        object_numbers: false,
        sets_aside: false,
    }
}

impl Session for SqliteSession {
    fn server(&self) -> &Server {
        &self.server
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn id(&self) -> Option<SessionId> {
        None
    }

    fn begin(&mut self) -> Result<(), EngineError> {
        // The lock is taken at once: taken later, a deadlock with another reader that wants to write would end in an error.
        self.batch(if self.read_only {
            "begin"
        } else {
            "begin immediate"
        })
    }

    fn commit(&mut self) -> Result<(), EngineError> {
        let committed = self.batch("commit");
        if committed.is_err() {
            self.roll_back()?;
        }
        committed
    }

    fn roll_back(&mut self) -> Result<(), EngineError> {
        self.owed.clear();
        if let Some(counter) = &self.counter {
            counter.forget();
        }
        // A full disk and the like roll back by themselves.
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.batch("rollback")
    }

    fn reset(&mut self) -> Result<(), EngineError> {
        if !self.connection.is_autocommit() {
            return Err(EngineError::new(
                ErrorKind::Other,
                "the settings cannot be reset inside a transaction",
            ));
        }
        let now = Settings::read(&self.connection).ok();
        if now.is_some() && now == self.settings {
            return Ok(());
        }
        // Some settings cannot be set back, and temporary objects may be there: a new connection has none of it.
        self.connection = connect::open_unread(&self.url, self.read_only, &self.timeout)?;
        self.settings = Settings::read(&self.connection).ok();
        if self.counter.is_some() {
            self.start_counting_rows()?;
        }
        Ok(())
    }

    fn set_lock_timeout(&mut self, milliseconds: u64) -> Result<(), EngineError> {
        self.timeout.set(milliseconds);
        Ok(())
    }

    fn run(&mut self, statement: RunStatement<'_>) -> Result<StatementOutcome, EngineError> {
        if statement.copy_data.is_some() {
            return Err(EngineError::new(
                ErrorKind::Unsupported,
                "SQLite has no COPY with inline data",
            ));
        }
        if first_word(statement.sql) == "attach" {
            return Err(EngineError::new(
                ErrorKind::Unsupported,
                "a script must not attach another database",
            )
            .detail("what it changes there can neither be rehearsed nor taken back")
            .hint("migrate the other database by itself, with a folder of its own"));
        }
        let outcome = self.run_counted(statement.sql);
        outcome.map_err(|error| self.name_holders(error))
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, EngineError> {
        run::query(&self.connection, sql, parameters).map_err(|error| self.name_holders(error))
    }

    fn store_dialect(&self) -> StoreDialect {
        StoreDialect {
            prepare: &[],
            prefix: "tightrope_",
            serial_key: "integer primary key autoincrement",
            now: "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
            for_update: "",
        }
    }

    fn row_dialect(&self) -> RowDialect {
        RowDialect {
            is_typed: false,
            has_schemas: false,
            literal: ("quote(", ")"),
            disable_triggers: None,
            check_now: None,
        }
    }

    fn has_store(&mut self) -> Result<bool, EngineError> {
        self.connection
            .prepare_cached(
                "select 1 from main.sqlite_schema where type = 'table' and name = 'tightrope_journal'",
            )
            .and_then(|mut statement| statement.exists([]))
            .map_err(|error| self.error(error))
    }

    fn catalog(&mut self) -> Result<Catalog, EngineError> {
        catalog::read(&self.connection).map_err(|error| self.error(error))
    }

    fn surroundings(&mut self) -> Result<Surroundings, EngineError> {
        let pragma = |name: &str| {
            self.connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .map_err(|error| self.error(error))
        };
        let number = |name: &str| match pragma(name)? {
            rusqlite::types::Value::Integer(number) => Ok(number.unsigned_abs()),
            _ => Ok::<_, EngineError>(0),
        };
        let mut settings = BTreeMap::new();
        if let rusqlite::types::Value::Text(encoding) = pragma("encoding")? {
            settings.insert("encoding".to_owned(), encoding);
        }
        for name in ["page_size", "auto_vacuum"] {
            settings.insert(name.to_owned(), number(name)?.to_string());
        }
        Ok(Surroundings {
            version: rusqlite::version().to_owned(),
            settings,
            extensions: BTreeMap::new(),
            rows: None,
            bytes: self.bytes()?,
        })
    }

    fn checksums(&mut self, tables: &[TableShape]) -> Result<Vec<TableChecksum>, EngineError> {
        let sums = || {
            let _transaction = ReadTransaction::begin(&self.connection)?;
            tables
                .iter()
                .map(|shape| checksum::of_table(&self.connection, shape))
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        sums().map_err(|error| self.error(error))
    }

    fn rows<'a>(&'a mut self, table: &TableShape) -> Result<Box<dyn RowStream + 'a>, EngineError> {
        let stream = FileRows::open(&self.connection, table).map_err(|error| self.error(error))?;
        Ok(Box::new(stream))
    }

    fn start_counting_rows(&mut self) -> Result<(), EngineError> {
        let counter = RowCounter::start(&mut self.connection).map_err(|error| self.error(error))?;
        self.counter = Some(counter);
        Ok(())
    }

    fn rows_changed(&mut self) -> Result<Vec<(TableName, TableChange)>, EngineError> {
        let counts = self.counter.as_ref().map(RowCounter::counts);
        catalog::count_for_virtual(self.connection(), counts.unwrap_or_default())
            .map_err(from_sqlite)
    }

    fn locks_held(&mut self) -> Result<Vec<LockHeld>, EngineError> {
        Ok(Vec::new())
    }

    fn blockers(&mut self, _: Option<&SessionId>) -> Result<Vec<Blocker>, EngineError> {
        Ok(process::holders(&self.url.path))
    }

    fn liveness(&mut self) -> Result<Liveness, EngineError> {
        Ok(process::evidence())
    }

    fn is_alive(&mut self, evidence: &Liveness) -> Result<Alive, EngineError> {
        Ok(process::is_alive(evidence))
    }

    fn end_orphan(&mut self, _: &Liveness) -> Result<bool, EngineError> {
        Ok(false)
    }

    fn index_validity(&mut self, _: Option<&str>, _: &str) -> Result<Option<bool>, EngineError> {
        Ok(None)
    }

    fn keep_beside(&mut self, label: &str) -> Result<Option<KeptFile>, EngineError> {
        let kept = keep::keep_beside(&self.connection, &self.url.path, label);
        kept.map(Some).map_err(|error| self.name_holders(error))
    }

    fn net(&mut self) -> Option<&mut dyn tightrope_engine::Net> {
        Some(self)
    }

    fn queries(&mut self) -> Option<&mut dyn tightrope_engine::Queries> {
        Some(self)
    }

    fn changes(&mut self) -> Option<&mut dyn tightrope_engine::Changes> {
        Some(self)
    }

    fn quote(&self, identifier: &str) -> String {
        quote_identifier(identifier)
    }
}
