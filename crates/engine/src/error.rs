use std::fmt;

use crate::Blocker;

/// What kind of thing went wrong; decides the exit code and the hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No server answers there, or the file cannot be opened.
    Unreachable,
    /// User, password or certificate was refused.
    AuthenticationFailed,
    /// The server answers, but has no such database.
    DatabaseMissing,
    /// The URL cannot be understood.
    BadUrl,
    /// The session may not do that.
    PermissionDenied,
    /// Another session holds the lock.
    LockNotGranted,
    /// The database is in use by other sessions.
    InUse,
    /// The SQL cannot be parsed.
    Syntax,
    /// Something that the statement names is not there.
    DoesNotExist,
    /// Something that the statement makes is already there.
    AlreadyExists,
    /// Other objects depend on what the statement would drop.
    DependentObjects,
    /// Rows break a constraint or do not fit a type.
    DataViolation,
    /// The statement cannot run inside a transaction.
    NotInTransaction,
    /// The script raised an error by itself (`RAISE EXCEPTION`).
    Raised,
    /// A deadlock or a serialization failure: the same may succeed when tried again.
    Transient,
    /// Disk or memory ran out.
    OutOfSpace,
    /// The connection broke.
    ConnectionLost,
    /// Somebody cancelled the statement, or it ran into its time limit.
    Cancelled,
    /// What is asked for is not supported by this engine or version.
    Unsupported,
    /// The database's own files are damaged.
    Damaged,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Whether it is more than what the statement has done wrong: any other would have met the same.
    pub fn is_fatal(self) -> bool {
        matches!(
            self,
            Self::ConnectionLost | Self::OutOfSpace | Self::Cancelled
        )
    }

    /// Whether the same may succeed when it is tried again in a moment.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::LockNotGranted | Self::Transient)
    }
}

/// An error of an engine: what a person needs to know, in parts.
#[derive(Debug)]
pub struct EngineError {
    /// What kind it is.
    pub kind: ErrorKind,
    /// One sentence in the engine's words, without secrets.
    pub message: String,
    /// More about it, if the engine says more.
    pub detail: Option<String>,
    /// What to do, if the engine or we know.
    pub hint: Option<String>,
    /// The engine's code: SQLSTATE, or SQLite's extended result code by name.
    pub code: Option<String>,
    /// Where in the statement, as a byte offset from its start.
    pub position: Option<usize>,
    /// Who held the lock, if that was it and could be found out.
    pub blockers: Vec<Blocker>,
}

impl EngineError {
    /// An error of that kind with a message and nothing more.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            detail: None,
            hint: None,
            code: None,
            position: None,
            blockers: Vec::new(),
        }
    }

    /// The same error with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EngineError {}
