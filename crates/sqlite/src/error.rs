//! What the SQLite library says, as an engine error.

use rusqlite::ffi;
use tightrope_engine::{EngineError, ErrorKind};

/// Turns an error of the library into the engine's, in parts.
pub(crate) fn from_sqlite(error: rusqlite::Error) -> EngineError {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => {
            let message = message.unwrap_or_else(|| code.to_string());
            described(code.extended_code, message, None)
        }
        rusqlite::Error::SqlInputError {
            error, msg, offset, ..
        } => described(error.extended_code, msg, usize::try_from(offset).ok()),
        rusqlite::Error::MultipleStatement => EngineError::new(
            ErrorKind::Syntax,
            "more than one statement was given where one is run",
        ),
        rusqlite::Error::NulError(_) => {
            EngineError::new(ErrorKind::Syntax, "the statement holds a NUL character")
        }
        other => EngineError::new(ErrorKind::Other, other.to_string()),
    }
}

fn described(extended: i32, message: String, position: Option<usize>) -> EngineError {
    let kind = kind_of(extended, &message);
    let mut error = EngineError::new(kind, message);
    error.code = Some(code_name(extended));
    error.position = position;
    error.hint = hint_for(extended, kind).map(str::to_owned);
    error
}

fn kind_of(extended: i32, message: &str) -> ErrorKind {
    match extended & 0xff {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => ErrorKind::LockNotGranted,
        ffi::SQLITE_FULL | ffi::SQLITE_NOMEM => ErrorKind::OutOfSpace,
        ffi::SQLITE_CONSTRAINT if extended == ffi::SQLITE_CONSTRAINT_TRIGGER => ErrorKind::Raised,
        ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH | ffi::SQLITE_TOOBIG => {
            ErrorKind::DataViolation
        }
        ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_AUTH => ErrorKind::PermissionDenied,
        ffi::SQLITE_CANTOPEN => ErrorKind::Unreachable,
        ffi::SQLITE_INTERRUPT => ErrorKind::Cancelled,
        ffi::SQLITE_SCHEMA => ErrorKind::Transient,
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => ErrorKind::Damaged,
        ffi::SQLITE_ERROR => kind_of_message(message),
        _ => ErrorKind::Other,
    }
}

/// `SQLITE_ERROR` stands for everything that is wrong with a statement, so its words decide.
fn kind_of_message(message: &str) -> ErrorKind {
    const PATTERNS: [(&str, ErrorKind); 19] = [
        ("syntax error", ErrorKind::Syntax),
        ("incomplete input", ErrorKind::Syntax),
        ("unrecognized token", ErrorKind::Syntax),
        ("unable to identify the object", ErrorKind::DoesNotExist),
        ("no such", ErrorKind::DoesNotExist),
        ("unknown column", ErrorKind::DoesNotExist),
        ("unknown database", ErrorKind::DoesNotExist),
        ("already exists", ErrorKind::AlreadyExists),
        ("there is already", ErrorKind::AlreadyExists),
        ("duplicate column name", ErrorKind::AlreadyExists),
        ("already another table", ErrorKind::AlreadyExists),
        ("already an index", ErrorKind::AlreadyExists),
        ("has no column named", ErrorKind::DoesNotExist),
        ("error in view", ErrorKind::DependentObjects),
        ("error in trigger", ErrorKind::DependentObjects),
        ("error in index", ErrorKind::DependentObjects),
        ("error in table", ErrorKind::DependentObjects),
        ("cannot drop", ErrorKind::DependentObjects),
        ("within a transaction", ErrorKind::NotInTransaction),
    ];
    // A view or trigger that breaks says which column is missing in it too: the outer words count.
    if message.starts_with("error in ") {
        return ErrorKind::DependentObjects;
    }
    if message.contains("cannot VACUUM") || message.contains("safety level may not be changed") {
        return ErrorKind::NotInTransaction;
    }
    PATTERNS
        .iter()
        .find(|(words, _)| message.contains(words))
        .map_or(ErrorKind::Other, |(_, kind)| *kind)
}

fn hint_for(extended: i32, kind: ErrorKind) -> Option<&'static str> {
    match extended & 0xff {
        ffi::SQLITE_NOTADB => {
            Some("the file is not a SQLite database, or it is encrypted; check the path in the URL")
        }
        ffi::SQLITE_CORRUPT => Some(
            "the database file is damaged: `PRAGMA integrity_check` says where; restore a backup before migrating",
        ),
        ffi::SQLITE_FULL => {
            Some("free space on the disk (or raise `max_page_count`) and run again")
        }
        ffi::SQLITE_READONLY => Some("the file or its folder may not be written by this user"),
        ffi::SQLITE_CANTOPEN => Some("check that the folder is there and may be read and written"),
        _ if kind == ErrorKind::DependentObjects => {
            Some("drop the view or trigger first, and make it again afterwards")
        }
        _ => None,
    }
}

/// The extended result code's name, as in the SQLite documentation.
fn code_name(extended: i32) -> String {
    const NAMES: &[(i32, &str)] = &[
        (ffi::SQLITE_ABORT_ROLLBACK, "SQLITE_ABORT_ROLLBACK"),
        (ffi::SQLITE_BUSY_RECOVERY, "SQLITE_BUSY_RECOVERY"),
        (ffi::SQLITE_BUSY_SNAPSHOT, "SQLITE_BUSY_SNAPSHOT"),
        (ffi::SQLITE_BUSY_TIMEOUT, "SQLITE_BUSY_TIMEOUT"),
        (ffi::SQLITE_CANTOPEN_ISDIR, "SQLITE_CANTOPEN_ISDIR"),
        (ffi::SQLITE_CANTOPEN_FULLPATH, "SQLITE_CANTOPEN_FULLPATH"),
        (ffi::SQLITE_CANTOPEN_SYMLINK, "SQLITE_CANTOPEN_SYMLINK"),
        (ffi::SQLITE_CONSTRAINT_CHECK, "SQLITE_CONSTRAINT_CHECK"),
        (
            ffi::SQLITE_CONSTRAINT_COMMITHOOK,
            "SQLITE_CONSTRAINT_COMMITHOOK",
        ),
        (
            ffi::SQLITE_CONSTRAINT_DATATYPE,
            "SQLITE_CONSTRAINT_DATATYPE",
        ),
        (
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
            "SQLITE_CONSTRAINT_FOREIGNKEY",
        ),
        (
            ffi::SQLITE_CONSTRAINT_FUNCTION,
            "SQLITE_CONSTRAINT_FUNCTION",
        ),
        (ffi::SQLITE_CONSTRAINT_NOTNULL, "SQLITE_CONSTRAINT_NOTNULL"),
        (ffi::SQLITE_CONSTRAINT_PINNED, "SQLITE_CONSTRAINT_PINNED"),
        (
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
            "SQLITE_CONSTRAINT_PRIMARYKEY",
        ),
        (ffi::SQLITE_CONSTRAINT_ROWID, "SQLITE_CONSTRAINT_ROWID"),
        (ffi::SQLITE_CONSTRAINT_TRIGGER, "SQLITE_CONSTRAINT_TRIGGER"),
        (ffi::SQLITE_CONSTRAINT_UNIQUE, "SQLITE_CONSTRAINT_UNIQUE"),
        (ffi::SQLITE_CONSTRAINT_VTAB, "SQLITE_CONSTRAINT_VTAB"),
        (ffi::SQLITE_CORRUPT_INDEX, "SQLITE_CORRUPT_INDEX"),
        (ffi::SQLITE_CORRUPT_VTAB, "SQLITE_CORRUPT_VTAB"),
        (
            ffi::SQLITE_ERROR_MISSING_COLLSEQ,
            "SQLITE_ERROR_MISSING_COLLSEQ",
        ),
        (ffi::SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"),
        (ffi::SQLITE_IOERR_LOCK, "SQLITE_IOERR_LOCK"),
        (ffi::SQLITE_IOERR_READ, "SQLITE_IOERR_READ"),
        (ffi::SQLITE_IOERR_SHORT_READ, "SQLITE_IOERR_SHORT_READ"),
        (ffi::SQLITE_IOERR_TRUNCATE, "SQLITE_IOERR_TRUNCATE"),
        (ffi::SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE"),
        (ffi::SQLITE_LOCKED_SHAREDCACHE, "SQLITE_LOCKED_SHAREDCACHE"),
        (ffi::SQLITE_READONLY_CANTINIT, "SQLITE_READONLY_CANTINIT"),
        (ffi::SQLITE_READONLY_CANTLOCK, "SQLITE_READONLY_CANTLOCK"),
        (ffi::SQLITE_READONLY_DBMOVED, "SQLITE_READONLY_DBMOVED"),
        (ffi::SQLITE_READONLY_DIRECTORY, "SQLITE_READONLY_DIRECTORY"),
        (ffi::SQLITE_READONLY_RECOVERY, "SQLITE_READONLY_RECOVERY"),
        (ffi::SQLITE_READONLY_ROLLBACK, "SQLITE_READONLY_ROLLBACK"),
    ];
    const PRIMARY: [&str; 27] = [
        "OK",
        "ERROR",
        "INTERNAL",
        "PERM",
        "ABORT",
        "BUSY",
        "LOCKED",
        "NOMEM",
        "READONLY",
        "INTERRUPT",
        "IOERR",
        "CORRUPT",
        "NOTFOUND",
        "FULL",
        "CANTOPEN",
        "PROTOCOL",
        "EMPTY",
        "SCHEMA",
        "TOOBIG",
        "CONSTRAINT",
        "MISMATCH",
        "MISUSE",
        "NOLFS",
        "AUTH",
        "FORMAT",
        "RANGE",
        "NOTADB",
    ];
    if let Some((_, name)) = NAMES.iter().find(|(code, _)| *code == extended) {
        return (*name).to_owned();
    }
    match usize::try_from(extended & 0xff)
        .ok()
        .and_then(|code| PRIMARY.get(code))
    {
        Some(name) if extended < 256 => format!("SQLITE_{name}"),
        Some(name) => format!("SQLITE_{name} ({extended})"),
        None => format!("SQLITE {extended}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn check(setup: &str, statement: &str, kind: ErrorKind, code: &str) -> EngineError {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(setup).unwrap();
        let error = from_sqlite(connection.execute_batch(statement).unwrap_err());
        assert_eq!(
            (error.kind, error.code.as_deref()),
            (kind, Some(code)),
            "{error:?}"
        );
        error
    }

    #[test]
    fn statements_that_are_wrong() {
        use ErrorKind::{AlreadyExists, DependentObjects, DoesNotExist, NotInTransaction, Syntax};
        let table = "create table t (a unique); create view v as select a from t;";
        let error = check("", "select 1 frm t where", Syntax, "SQLITE_ERROR");
        assert_eq!(error.position, Some(13));
        check("", "create table (", Syntax, "SQLITE_ERROR");
        check("", "create table x (a", Syntax, "SQLITE_ERROR");
        check("", "select # from t", Syntax, "SQLITE_ERROR");
        check("", "select * from nowhere", DoesNotExist, "SQLITE_ERROR");
        check(table, "select b from t", DoesNotExist, "SQLITE_ERROR");
        check(
            table,
            "insert into t (b) values (1)",
            DoesNotExist,
            "SQLITE_ERROR",
        );
        check(table, "drop index nowhere", DoesNotExist, "SQLITE_ERROR");
        check(
            table,
            "alter table t rename column z to y",
            DoesNotExist,
            "SQLITE_ERROR",
        );
        check(table, "create table t (a)", AlreadyExists, "SQLITE_ERROR");
        check(
            table,
            "create index t on t (a)",
            AlreadyExists,
            "SQLITE_ERROR",
        );
        check(
            table,
            "alter table t add column a",
            AlreadyExists,
            "SQLITE_ERROR",
        );
        check(
            "create table t (a, b); create view v as select a from t;",
            "alter table t drop column a",
            DependentObjects,
            "SQLITE_ERROR",
        );
        check(table, "begin; vacuum", NotInTransaction, "SQLITE_ERROR");
    }

    #[test]
    fn rows_that_do_not_fit() {
        let table = "create table t (a unique not null check (a > 0)); insert into t values (1);";
        let unique = "SQLITE_CONSTRAINT_UNIQUE";
        let null = "SQLITE_CONSTRAINT_NOTNULL";
        let checked = "SQLITE_CONSTRAINT_CHECK";
        check(
            table,
            "insert into t values (1)",
            ErrorKind::DataViolation,
            unique,
        );
        check(
            table,
            "insert into t values (null)",
            ErrorKind::DataViolation,
            null,
        );
        check(
            table,
            "insert into t values (-1)",
            ErrorKind::DataViolation,
            checked,
        );
        let trigger = "create table t (a);
            create trigger g before insert on t begin select raise(abort, 'not today'); end;";
        let raised = check(
            trigger,
            "insert into t values (1)",
            ErrorKind::Raised,
            "SQLITE_CONSTRAINT_TRIGGER",
        );
        assert_eq!(raised.message, "not today");
    }
}
