use serde::{Deserialize, Serialize};
use tightrope_model::{
    Catalog, EngineKind, LockHeld, Surroundings, TableChange, TableChecksum, TableName, TableShape,
    Value,
};

use crate::{Capabilities, EngineError};

/// How a session is opened.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// What the server shows as the session's name; `tightrope` if none.
    pub application_name: Option<String>,
    /// Only reading is meant; an engine that can will hold the session to it. A database file that is not there is an
    /// error then, and is made otherwise.
    pub read_only: bool,
    /// A database file that is not there is an error also where writing is meant.
    pub must_exist: bool,
}

/// Which server and database a session is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// The engine.
    pub engine: EngineKind,
    /// The whole version, as in `15.18` or `3.50.2`.
    pub version: String,
    /// The part of the version that a certificate is bound to: `15` for PostgreSQL, `3` for SQLite.
    pub major: String,
    /// The database's name (for a file, its file name).
    pub database: String,
    /// Host and port, or the file's folder.
    pub host: String,
    /// The user, where the engine has users.
    pub user: Option<String>,
}

/// The server's own number of a session, with which another session can ask about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionId(pub String);

/// Evidence by which somebody else can later find out whether the holder of a lease still lives: opaque text made and read
/// by the engine (PostgreSQL: backend pid and its start; SQLite: host, boot, process and its start).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liveness(pub String);

/// What could be found out about another process's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive {
    /// It lives.
    Yes,
    /// It is certainly gone.
    No,
    /// It cannot be seen from here.
    Unknown,
}

/// Somebody who holds a lock that another session waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// The process or session number.
    pub pid: i64,
    /// The user or program.
    pub user: String,
    /// What the session says it is.
    pub application: String,
    /// `active`, `idle in transaction`, …
    pub state: String,
    /// For how many seconds it has been in its transaction, if known.
    pub seconds: Option<u64>,
    /// Its current or last query, cut to a readable length.
    pub query: String,
    /// What is locked, if known: `access exclusive on users`.
    pub lock: Option<String>,
}

/// One statement of a script to run: the author's own bytes.
#[derive(Clone, Copy, Debug)]
pub struct RunStatement<'a> {
    /// The statement's text.
    pub sql: &'a str,
    /// The inline data of `COPY … FROM stdin`, without the closing `\.`.
    pub copy_data: Option<&'a str>,
}

/// A role of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The mark of the rehearsal that made it ([`Scratch::mark`](crate::Scratch::mark)); none for everybody else's roles.
    pub mark: Option<String>,
}

/// What running one statement gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementOutcome {
    /// Notices and warnings of the server, in order.
    pub notices: Vec<String>,
    /// Rows changed, if the engine says.
    pub rows_affected: Option<u64>,
    /// The result's column names.
    pub columns: Vec<String>,
    /// The first rows of the result, as text (at most 100).
    pub rows: Vec<Vec<Option<String>>>,
    /// Which result columns are boolean (in an engine without a boolean type: integers in a result of one column).
    pub booleans: Vec<bool>,
}

/// One row of a table while comparing: its key and its values as exact text, NULL as none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key's values, or all values where the table has no key. Rows come ordered by these, compared by bytes with
    /// NULL first.
    pub key: Vec<Option<String>>,
    /// The values of the shape's columns, in their order.
    pub values: Vec<Option<String>>,
}

/// Rows of one table in the order of their keys.
pub trait RowStream {
    /// The next rows, at most a few thousand; empty at the end.
    ///
    /// # Errors
    /// When reading fails.
    fn next_batch(&mut self) -> Result<Vec<Row>, EngineError>;
}

/// How tightrope's own tables are named and written to in an engine.
#[derive(Clone, Copy, Debug)]
pub struct StoreDialect {
    /// Statements that make room for the tables (a schema), run before the first table is made.
    pub prepare: &'static [&'static str],
    /// What stands before a table's name: `tightrope.` or `tightrope_`.
    pub prefix: &'static str,
    /// The type of a 64-bit integer key that counts by itself, as it stands after the column's name.
    pub serial_key: &'static str,
    /// An expression for the server's time now as text in RFC 3339 with microseconds, in UTC.
    pub now: &'static str,
    /// What stands after a SELECT to hold the row until the transaction ends: ` for update`, or nothing.
    pub for_update: &'static str,
}

/// How rows are made up and written in an engine.
#[derive(Clone, Copy, Debug)]
pub struct RowDialect {
    /// A column takes only values of its type, and a literal in quotes is read as whatever type stands there. Otherwise values
    /// have types of their own, and a column's type only suggests which.
    pub is_typed: bool,
    /// Tables have a schema before their name.
    pub has_schemas: bool,
    /// What stands around a column to give its value as text that is a literal in SQL.
    pub literal: (&'static str, &'static str),
    /// What stands after `alter table t` to switch off its own triggers; none where that cannot be done.
    pub disable_triggers: Option<&'static str>,
    /// A statement that checks at once what is otherwise checked at the end of the transaction; none where there is none.
    pub check_now: Option<&'static str>,
}

/// A proven copy of a whole database, kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// Where it is.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// How many tables were summed up on both sides, and are the same.
    pub tables: usize,
    /// How many rows they have.
    pub rows: u64,
    /// How long copying and proving took.
    pub milliseconds: u64,
}

/// A connection to one database.
///
/// Outside [`Session::begin`] and [`Session::commit`] every call is its own transaction. Reading calls (catalog, checksums,
/// rows, locks) work inside and outside a transaction, leave no trace in the session's settings, and see what the
/// transaction sees.
pub trait Session: Send {
    /// Which server and database this is.
    fn server(&self) -> &Server;

    /// What the server can do.
    fn capabilities(&self) -> &Capabilities;

    /// The server's own number of this session, if others can ask about it.
    fn id(&self) -> Option<SessionId>;

    /// Opens a transaction.
    ///
    /// # Errors
    /// When the server refuses, or (SQLite) another process holds the database beyond the lock timeout.
    fn begin(&mut self) -> Result<(), EngineError>;

    /// Makes the transaction durable.
    ///
    /// # Errors
    /// When a deferred constraint fails (the transaction is rolled back then) or the connection breaks (the outcome is
    /// unknown then: the store tells).
    fn commit(&mut self) -> Result<(), EngineError>;

    /// Undoes the transaction; nothing happens when none is open.
    ///
    /// # Errors
    /// When the connection breaks.
    fn roll_back(&mut self) -> Result<(), EngineError>;

    /// Brings session settings back to what they were when the session was opened: after a script that changed them.
    /// Outside a transaction only.
    ///
    /// # Errors
    /// When the connection breaks.
    fn reset(&mut self) -> Result<(), EngineError>;

    /// Makes the open transaction tightrope's own again after a script: the role and the time limits that the script may have
    /// set do not bind what tightrope itself writes. Engines without roles have nothing to do.
    ///
    /// # Errors
    /// When the connection breaks.
    fn regain(&mut self) -> Result<(), EngineError> {
        Ok(())
    }

    /// Bounds waiting for locks, for the statements that follow; in milliseconds. Inside a transaction it holds until its
    /// end at least.
    ///
    /// # Errors
    /// When the connection breaks.
    fn set_lock_timeout(&mut self, milliseconds: u64) -> Result<(), EngineError>;

    /// Runs one statement of a script as it is.
    ///
    /// # Errors
    /// The engine's error with its position inside the statement.
    fn run(&mut self, statement: RunStatement<'_>) -> Result<StatementOutcome, EngineError>;

    /// Runs one of tightrope's own statements with parameters `$1`, `$2`, … (each used once, in order) and gives its rows.
    /// Integer results must be `bigint`, everything else text.
    ///
    /// # Errors
    /// As the engine says.
    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, EngineError>;

    /// How tightrope's own tables are written in this engine.
    fn store_dialect(&self) -> StoreDialect;

    /// How rows are made up in this engine.
    fn row_dialect(&self) -> RowDialect;

    /// Whether tightrope's own tables are there. Costs one catalog lookup.
    ///
    /// # Errors
    /// When the connection breaks.
    fn has_store(&mut self) -> Result<bool, EngineError>;

    /// Reads the whole catalog, tightrope's own objects left out.
    ///
    /// # Errors
    /// When the session may not see it.
    fn catalog(&mut self) -> Result<Catalog, EngineError>;

    /// What the database stands in, and how large it is.
    ///
    /// # Errors
    /// When the connection breaks.
    fn surroundings(&mut self) -> Result<Surroundings, EngineError>;

    /// Sums up the rows of these tables, in their order.
    ///
    /// # Errors
    /// When a table cannot be read whole (row security included).
    fn checksums(&mut self, tables: &[TableShape]) -> Result<Vec<TableChecksum>, EngineError>;

    /// Streams a table's rows in the order of its key. Opens a transaction if none is open, and ends it when dropped.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn rows<'a>(&'a mut self, table: &TableShape) -> Result<Box<dyn RowStream + 'a>, EngineError>;

    /// Starts counting the rows that this session changes.
    ///
    /// # Errors
    /// When the connection breaks.
    fn start_counting_rows(&mut self) -> Result<(), EngineError>;

    /// The rows changed per table since [`Session::start_counting_rows`], inside the same transaction (or since the call,
    /// where the engine counts per session). Tables without a change are left out.
    ///
    /// # Errors
    /// When the connection breaks.
    fn rows_changed(&mut self) -> Result<Vec<(TableName, TableChange)>, EngineError>;

    /// The locks on user relations that the open transaction holds; empty where the engine lists none.
    ///
    /// # Errors
    /// When the connection breaks.
    fn locks_held(&mut self) -> Result<Vec<LockHeld>, EngineError>;

    /// Who keeps that session (of the same server) waiting; asked from another session. Where the engine has no session
    /// numbers, whoever holds the database now.
    ///
    /// # Errors
    /// When the connection breaks.
    fn blockers(&mut self, waiting: Option<&SessionId>) -> Result<Vec<Blocker>, EngineError>;

    /// Evidence of this session's life, for the lease.
    ///
    /// # Errors
    /// When the connection breaks.
    fn liveness(&mut self) -> Result<Liveness, EngineError>;

    /// Whether somebody who left that evidence still lives.
    ///
    /// # Errors
    /// When the connection breaks.
    fn is_alive(&mut self, evidence: &Liveness) -> Result<Alive, EngineError>;

    /// Asks the server to end what another session (by its evidence) still runs for a client that is gone. True if there
    /// was something to end. Engines whose statements die with the client answer false.
    ///
    /// # Errors
    /// When the session may not do that.
    fn end_orphan(&mut self, evidence: &Liveness) -> Result<bool, EngineError>;

    /// Whether a concurrently built index of that name (schema may be empty: the search path decides) is there and valid:
    /// none if it is not there. Always none where there are no such indexes.
    ///
    /// # Errors
    /// When the connection breaks.
    fn index_validity(
        &mut self,
        schema: Option<&str>,
        name: &str,
    ) -> Result<Option<bool>, EngineError>;

    /// The roles of the server; none where an engine has no roles.
    ///
    /// # Errors
    /// When the connection breaks.
    fn roles(&mut self) -> Result<Vec<Role>, EngineError> {
        Ok(Vec::new())
    }

    /// Marks a role that a rehearsal has made as its own, so that it can be told from others' and removed. Engines without
    /// roles have nothing to do.
    ///
    /// # Errors
    /// When the session may not do that.
    fn mark_role(&mut self, name: &str, mark: &str) -> Result<(), EngineError> {
        let _ = (name, mark);
        Ok(())
    }

    /// Keeps a copy of the whole database beside it, as of one instant, and proves it: it is sound, its schema is the same to
    /// the letter, and so are the checksums of all tables. The label is part of its name; a file that is there is never
    /// overwritten. None where the engine keeps none. Outside a transaction only.
    ///
    /// # Errors
    /// When there is no room, or the copy is not the same.
    fn keep_beside(&mut self, label: &str) -> Result<Option<KeptFile>, EngineError> {
        let _ = label;
        Ok(None)
    }

    /// The ability to keep what a migration destroys; none where the engine has no net.
    fn net(&mut self) -> Option<&mut dyn crate::Net> {
        None
    }

    /// The ability to log every change, for a backup; none where the engine cannot.
    fn changes(&mut self) -> Option<&mut dyn crate::Changes> {
        None
    }

    /// The ability to say how the server is doing; none where there is no server.
    fn vitals(&mut self) -> Option<&mut dyn crate::Vitals> {
        None
    }

    /// The ability to try an application's queries; none where the engine has it not.
    fn queries(&mut self) -> Option<&mut dyn crate::Queries> {
        None
    }

    /// Quotes an identifier: the one function that does so for this engine.
    fn quote(&self, identifier: &str) -> String;
}
