//! Keeping the whole file beside itself, proven.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tightrope_engine::{EngineError, ErrorKind, KeptFile};
use tightrope_model::TableChecksum;

use crate::error::from_sqlite;
use crate::process::beside;
use crate::transaction::ReadTransaction;
use crate::{catalog, checksum, rows};

/// How often the copy is tried to be ended while somebody is in the way.
const TRIES: u32 = 500;

/// Copies the file as this connection sees it, and compares the copy with it.
pub(crate) fn keep_beside(
    connection: &Connection,
    path: &Path,
    label: &str,
) -> Result<KeptFile, EngineError> {
    if !connection.is_autocommit() {
        return Err(EngineError::new(
            ErrorKind::Other,
            "the file cannot be kept inside a transaction",
        ));
    }
    let began = Instant::now();
    let kept = place(path, label)?;
    let part = beside(&kept, ".part");
    let done = copied(connection, &part).and_then(|mut file| {
        finish(&part, &kept)?;
        file.path = kept.display().to_string();
        file.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(file)
    });
    if done.is_err() {
        for rest in ["", "-wal", "-shm", "-journal"] {
            // What is left of a copy that failed is of no use; a name that stays is not taken again.
            let _ = fs::remove_file(beside(&part, rest));
        }
    }
    done
}

/// Copies the bytes of a damaged file and of its journal or log, whatever they hold; nobody may be writing.
pub(crate) fn keep_raw(path: &Path, label: &str) -> Result<PathBuf, EngineError> {
    let kept = place(path, label)?;
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // The file itself comes last: its name says that all of it is there.
    for rest in ["-journal", "-wal", ""] {
        let (from, to) = (beside(&path, rest), beside(&kept, rest));
        if from.exists() {
            let part = beside(&to, ".part");
            fs::copy(&from, &part).map_err(|error| unkept(&to, &error))?;
            finish(&part, &to)?;
        }
    }
    Ok(kept)
}

/// A name beside the file that nobody has: `shop.db.before-0007`.
fn place(path: &Path, label: &str) -> Result<PathBuf, EngineError> {
    const MOST: u32 = 1_000;
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let label: String = label
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect();
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for number in 1..=MOST {
        let suffix = match number {
            1 => format!(".before-{label}"),
            _ => format!(".before-{label}.{number}"),
        };
        let kept = beside(&path, &suffix);
        if !kept.exists() && !beside(&kept, ".part").exists() {
            return Ok(kept);
        }
    }
    Err(EngineError::new(
        ErrorKind::Other,
        format!("{} has {MOST} kept files of that name", path.display()),
    )
    .hint("remove those that are not needed any more"))
}

/// Copies in one go inside a read transaction, so that both sides are of one instant.
fn copied(connection: &Connection, part: &Path) -> Result<KeptFile, EngineError> {
    let _transaction = ReadTransaction::begin(connection).map_err(from_sqlite)?;
    let sums = sums(connection).map_err(from_sqlite)?;
    let mut copy = Connection::open(part).map_err(from_sqlite)?;
    {
        let backup = Backup::new(connection, &mut copy).map_err(from_sqlite)?;
        let mut tries = 0;
        while backup.step(-1).map_err(from_sqlite)? != StepResult::Done {
            tries += 1;
            if tries > TRIES {
                return Err(EngineError::new(
                    ErrorKind::LockNotGranted,
                    "the file was held by a writer, so that it could not be kept",
                )
                .hint("let the writer finish, then run again"));
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    prove(&copy, &sums)?;
    copy.close().map_err(|(_, error)| from_sqlite(error))?;
    Ok(KeptFile {
        path: String::new(),
        bytes: fs::metadata(part).map_or(0, |file| file.len()),
        tables: sums.1.len(),
        rows: sums.1.iter().map(|sum| sum.rows).sum(),
        milliseconds: 0,
    })
}

type Sums = (tightrope_model::Fingerprint, Vec<TableChecksum>);

fn sums(connection: &Connection) -> rusqlite::Result<Sums> {
    let catalog = catalog::read(connection)?;
    let sums = catalog
        .tables()
        .iter()
        .map(|shape| checksum::of_table(connection, shape));
    Ok((
        catalog.fingerprint(),
        sums.collect::<rusqlite::Result<_>>()?,
    ))
}

/// The copy is sound, and holds the same.
fn prove(copy: &Connection, expect: &Sums) -> Result<(), EngineError> {
    checksum::register(copy).map_err(from_sqlite)?;
    rows::register(copy).map_err(from_sqlite)?;
    if let Some(first) = unsound(copy).map_err(from_sqlite)? {
        return Err(
            EngineError::new(ErrorKind::Damaged, "the copy of the file is damaged")
                .detail(first)
                .hint("run `pragma integrity_check` on the database: it may be damaged itself"),
        );
    }
    if sums(copy).map_err(from_sqlite)? != *expect {
        return Err(EngineError::new(
            ErrorKind::Other,
            "the copy of the file does not hold the same as the file",
        ));
    }
    Ok(())
}

/// The first thing that the library finds wrong with a file; none if it is sound.
pub(crate) fn unsound(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "pragma integrity_check(1)";
    let word: String = connection.query_row(sql, [], |row| row.get(0))?;
    Ok((word != "ok").then_some(word))
}

/// Makes the name of a file durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Makes the copy durable under its name.
fn finish(part: &Path, kept: &Path) -> Result<(), EngineError> {
    let durable = || -> io::Result<()> {
        File::open(part)?.sync_all()?;
        fs::rename(part, kept)?;
        sync_folder_of(kept)
    };
    durable().map_err(|error| unkept(kept, &error))
}

fn unkept(kept: &Path, error: &io::Error) -> EngineError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull => ErrorKind::OutOfSpace,
        _ => ErrorKind::Other,
    };
    EngineError::new(kind, format!("{} cannot be kept", kept.display())).detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_kept_with_what_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        for (rest, text) in [("", "no database"), ("-wal", "a log")] {
            fs::write(beside(&path, rest), text).unwrap();
        }
        for expect in ["shop.db.before-x", "shop.db.before-x.2"] {
            let kept = keep_raw(&path, "x").unwrap();
            assert_eq!(kept.file_name().unwrap(), expect);
            assert_eq!(fs::read_to_string(&kept).unwrap(), "no database");
            let log = beside(&kept, "-wal");
            assert_eq!(fs::read_to_string(log).unwrap(), "a log");
            assert!(!beside(&kept, "-journal").exists());
        }
    }
}
