//! Opening a database file, and saying plainly why it cannot be opened.

use std::io;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tightrope_engine::{EngineError, ErrorKind};

use crate::error::from_sqlite;
use crate::url::FileUrl;
use crate::waiting::LockTimeout;
use crate::{checksum, rows};

/// Opens the file with everything that a session needs; a file that is not there is made unless only reading is meant.
///
/// A session that only reads opens the file for writing where it may, and is held to reading by `query_only`: the next
/// command after a kill has to roll back what the dead one left, and that is writing.
pub(crate) fn open(
    url: &FileUrl,
    read_only: bool,
    must_exist: bool,
    timeout: &LockTimeout,
) -> Result<Connection, EngineError> {
    look_first(&url.path, read_only || must_exist)?;
    let connection = open_unread(url, read_only, timeout)?;
    look_inside(&connection, &url.path)?;
    Ok(connection)
}

/// The same without reading from the file, so that no lock is in the way.
pub(crate) fn open_unread(
    url: &FileUrl,
    read_only: bool,
    timeout: &LockTimeout,
) -> Result<Connection, EngineError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if !read_only {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let mut connection = Connection::open_with_flags(&url.path, flags)
        .map_err(|error| with_path(from_sqlite(error), &url.path))?;
    set_up(&mut connection, url, read_only, timeout)
        .map_err(|error| with_path(from_sqlite(error), &url.path))?;
    Ok(connection)
}

fn set_up(
    connection: &mut Connection,
    url: &FileUrl,
    read_only: bool,
    timeout: &LockTimeout,
) -> rusqlite::Result<()> {
    timeout.install(connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    let on_or_off = |on: bool| if on { "on" } else { "off" };
    connection.execute_batch(&format!(
        "pragma foreign_keys = {}; pragma query_only = {}",
        on_or_off(url.foreign_keys),
        on_or_off(read_only)
    ))?;
    checksum::register(connection)?;
    rows::register(connection)
}

/// What the file system alone says, before the library is asked: its words are better than "unable to open".
fn look_first(path: &Path, must_exist: bool) -> Result<(), EngineError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(EngineError::new(
            ErrorKind::Unreachable,
            format!("{} is a folder, not a database file", path.display()),
        )
        .hint("name the file inside it")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(Path::new("/"));
            if !folder.is_dir() {
                return Err(EngineError::new(
                    ErrorKind::DatabaseMissing,
                    format!("the folder {} does not exist", folder.display()),
                )
                .hint("make the folder, or correct the path in the URL"));
            }
            if must_exist {
                return Err(EngineError::new(
                    ErrorKind::DatabaseMissing,
                    format!("the database file {} does not exist", path.display()),
                )
                .hint("correct the path in the URL, or let `tightrope apply` make the file"));
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(EngineError::new(
            ErrorKind::PermissionDenied,
            format!("the database file {} may not be read", path.display()),
        )
        .detail(error.to_string())
        .hint("run as a user who may read and write the file and its folder")),
        Err(error) => Err(EngineError::new(
            ErrorKind::Unreachable,
            format!("the database file {} cannot be read", path.display()),
        )
        .detail(error.to_string())),
    }
}

/// Reads the header, so that a file that is no database is told apart now; a lock that is held says nothing about that.
fn look_inside(connection: &Connection, path: &Path) -> Result<(), EngineError> {
    let read = connection.query_row("select count(*) from sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    });
    match read.map_err(from_sqlite) {
        Ok(_) => Ok(()),
        Err(error) if error.kind == ErrorKind::LockNotGranted => Ok(()),
        Err(error) => Err(with_path(error, path)),
    }
}

fn with_path(mut error: EngineError, path: &Path) -> EngineError {
    if error.kind == ErrorKind::Unreachable && permission_is_missing(path) {
        error.kind = ErrorKind::PermissionDenied;
        error.hint = Some("run as a user who may read and write the file and its folder".into());
    }
    error.message = format!("{}: {}", path.display(), error.message);
    error
}

fn permission_is_missing(path: &Path) -> bool {
    let denied = |result: io::Result<std::fs::Metadata>| {
        result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    };
    // The file itself is not opened here: closing it would drop this process's locks on it.
    let read_only = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly())
    };
    denied(std::fs::metadata(path))
        || read_only(path)
        || path.parent().is_some_and(read_only)
        || mode_denies(path)
}

#[cfg(unix)]
fn mode_denies(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let ours = std::fs::metadata("/proc/self").map(|metadata| metadata.uid());
    let theirs = std::fs::metadata(path)
        .or_else(|_| std::fs::metadata(path.parent().unwrap_or(Path::new("/"))));
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => ours != 0 && theirs.uid() != ours && theirs.mode() & 0o002 == 0,
        _ => false,
    }
}

#[cfg(not(unix))]
fn mode_denies(_: &Path) -> bool {
    false
}
