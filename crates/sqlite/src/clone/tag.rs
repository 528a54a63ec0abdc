//! The names of scratch databases, and the evidence of who made them.

use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tightrope_engine::{Alive, EngineError, ErrorKind, Liveness};

use crate::process::{self, beside};

const PREFIX: &str = "tightrope_scratch_";
const DATABASE: &str = ".db";
const OWNER: &str = ".owner";

/// What SQLite keeps beside a database, the database itself included.
pub(super) const PARTS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// A scratch database's files; dropped, they are removed.
///
/// The file with the maker's evidence is there before the database is, and goes after it.
#[derive(Debug)]
pub(crate) struct Tag {
    database: PathBuf,
    owner: PathBuf,
}

impl Tag {
    /// Takes a name in that folder that nobody has.
    pub(crate) fn make(folder: &Path) -> Result<Self, EngineError> {
        const TRIES: usize = 16;
        for attempt in 0..TRIES {
            let number = RandomState::new().hash_one((std::process::id(), attempt));
            let name = format!("{PREFIX}{number:016x}");
            let owner = folder.join(format!("{name}{OWNER}"));
            let database = folder.join(format!("{name}{DATABASE}"));
            match OpenOptions::new().write(true).create_new(true).open(&owner) {
                Ok(mut file) => {
                    let tag = Self { database, owner };
                    file.write_all(process::evidence().0.as_bytes())
                        .map_err(|error| refused(folder, &error))?;
                    return Ok(tag);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refused(folder, &error)),
            }
        }
        Err(EngineError::new(
            ErrorKind::Other,
            format!(
                "no free name for a scratch database in {}",
                folder.display()
            ),
        ))
    }

    /// The database file.
    pub(crate) fn database(&self) -> &Path {
        &self.database
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next sweep, as long as the evidence is there.
        if remove(&self.database).is_ok() {
            let _ = fs::remove_file(&self.owner);
        }
    }
}

fn refused(folder: &Path, error: &io::Error) -> EngineError {
    let (kind, hint) = match error.kind() {
        io::ErrorKind::NotFound => (
            ErrorKind::DatabaseMissing,
            "make the folder, or name another one for copies with `rehearse.url`",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            ErrorKind::OutOfSpace,
            "free space, or name another folder for copies with `rehearse.url`",
        ),
        _ => (
            ErrorKind::PermissionDenied,
            "name a folder for copies that may be written with `rehearse.url`",
        ),
    };
    EngineError::new(
        kind,
        format!("no copy can be made in the folder {}", folder.display()),
    )
    .detail(error.to_string())
    .hint(hint)
}

fn remove(database: &Path) -> io::Result<()> {
    for part in PARTS {
        match fs::remove_file(beside(database, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Removes the scratch databases in a folder whose makers are dead; those of the living and of other hosts stay.
pub(crate) fn sweep(folder: &Path) -> Result<Vec<String>, EngineError> {
    let entries = fs::read_dir(folder).map_err(|error| refused(folder, &error))?;
    let mut removed = Vec::new();
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let Some(stem) = name
            .strip_suffix(OWNER)
            .filter(|stem| stem.starts_with(PREFIX))
        else {
            continue;
        };
        let Ok(evidence) = fs::read_to_string(entry.path()) else {
            continue;
        };
        if process::is_alive(&Liveness(evidence)) != Alive::No {
            continue;
        }
        let database = format!("{stem}{DATABASE}");
        if remove(&folder.join(&database)).is_ok() && fs::remove_file(entry.path()).is_ok() {
            removed.push(database);
        }
    }
    removed.sort();
    Ok(removed)
}
