use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tightrope_engine::{BackupFiles, BackupWatch, DatabaseUrl, EngineError, ErrorKind, Restored};

use super::{FILE, properties};
use crate::clone::Tag;
use crate::connect;
use crate::error::from_sqlite;
use crate::keep::{self, sync_folder_of};
use crate::process::{self, beside};
use crate::url::FileUrl;
use crate::waiting::LockTimeout;

/// Bytes copied between two words about how far it is.
const CHUNK: usize = 4 << 20;

/// A restored file that has a scratch name beside the one it is meant for.
struct RestoredFile {
    tag: Tag,
    url: DatabaseUrl,
    name: String,
    into: FileUrl,
    write_ahead: bool,
}

/// Copies the backup's file beside its place.
pub(super) fn restore(
    files: &BackupFiles<'_>,
    into: FileUrl,
    watch: &dyn BackupWatch,
) -> Result<Box<dyn Restored>, EngineError> {
    let into = FileUrl {
        foreign_keys: properties::enforces_foreign_keys(files.properties),
        ..into
    };
    let folder = if into.path.is_dir() {
        into.path.as_path()
    } else {
        into.folder()
    };
    let tag = scratch_of(files, folder, watch)?;
    let name = tag.database().file_name().unwrap_or_default();
    Ok(Box::new(RestoredFile {
        url: into.url_of(tag.database()),
        name: name.to_string_lossy().into_owned(),
        write_ahead: properties::has_write_ahead_log(files.properties),
        tag,
        into,
    }))
}

/// A copy of the backup's file under a scratch name in that folder.
pub(super) fn scratch_of(
    files: &BackupFiles<'_>,
    folder: &Path,
    watch: &dyn BackupWatch,
) -> Result<Tag, EngineError> {
    let tag = Tag::make(folder)?;
    watch.reached("scratch file begun");
    let source = files.folder.join(FILE);
    copy(&source, tag.database(), watch).map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::OutOfSpace,
            _ => ErrorKind::Other,
        };
        EngineError::new(kind, format!("{} cannot be copied", source.display()))
            .detail(error.to_string())
    })?;
    watch.reached("scratch file written");
    Ok(tag)
}

/// Copies a file so that nobody else may read the copy: who may is for its owner to say.
fn copy(from: &Path, to: &Path, watch: &dyn BackupWatch) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut to = options.open(to)?;
    let of = from.metadata()?.len();
    let mut chunk = vec![0_u8; CHUNK];
    let mut done = 0;
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&chunk[..count])?;
        done += count as u64;
        watch.progress("bytes restored", done, of);
    }
}

impl Restored for RestoredFile {
    fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn remarks(&self) -> &[String] {
        &[]
    }

    fn unsound(&self) -> Result<Option<String>, EngineError> {
        let restored = Connection::open(self.tag.database()).map_err(from_sqlite)?;
        keep::unsound(&restored).map_err(from_sqlite)
    }

    fn take_place(
        self: Box<Self>,
        overwrite: bool,
        watch: &dyn BackupWatch,
    ) -> Result<Option<String>, EngineError> {
        let there = self.into.path.exists();
        if there && !overwrite {
            return Err(is_there(&self.into.path));
        }
        if there {
            return self.overwrite(watch).map(Some);
        }
        refuse_remains(&self.into.path)?;
        watch.reached("before the name");
        link(self.tag.database(), &self.into.path)?;
        watch.reached("name given");
        Ok(None)
    }
}

impl RestoredFile {
    /// Keeps the live file beside itself, and writes the restored one into it; nobody else gets in between.
    fn overwrite(&self, watch: &dyn BackupWatch) -> Result<String, EngineError> {
        let path = &self.into.path;
        let mut live = connect::open_unread(&self.into, false, &LockTimeout::new())?;
        match hold(&live, path) {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::Damaged => {
                drop(live);
                return self.replace(watch);
            }
            Err(error) => return Err(error),
        }
        watch.reached("live file held");
        let kept = match keep::keep_beside(&live, path, "restore") {
            Ok(kept) => kept.path,
            // What is damaged cannot be proven, nor written into.
            Err(error) if error.kind == ErrorKind::Damaged => {
                drop(live);
                return self.replace(watch);
            }
            Err(error) => return Err(error),
        };
        watch.reached("live file kept");
        // A log of its own would tie the live file to its page size.
        live.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))
            .map_err(from_sqlite)?;
        let restored = Connection::open(self.tag.database()).map_err(from_sqlite)?;
        {
            let backup = Backup::new(&restored, &mut live).map_err(from_sqlite)?;
            if backup.step(-1).map_err(from_sqlite)? != StepResult::Done {
                return Err(in_use(path));
            }
        }
        watch.reached("live file overwritten");
        let mode = if self.write_ahead { "wal" } else { "delete" };
        live.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))
            .map_err(from_sqlite)?;
        live.pragma_update_and_check(None, "locking_mode", "normal", |_| Ok(()))
            .map_err(from_sqlite)?;
        live.close().map_err(|(_, error)| from_sqlite(error))?;
        restored.close().map_err(|(_, error)| from_sqlite(error))?;
        Ok(kept)
    }

    /// Keeps the bytes of a damaged file, for whoever wants to save something from it, and gives its name to the restored one.
    fn replace(&self, watch: &dyn BackupWatch) -> Result<String, EngineError> {
        let path = &self.into.path;
        if !process::holders(path).is_empty() {
            return Err(in_use(path));
        }
        let kept = keep::keep_raw(path, "restore")?;
        watch.reached("damaged file kept");
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let replace = || -> io::Result<()> {
            File::open(self.tag.database())?.sync_all()?;
            for part in ["-journal", "-wal", "-shm"] {
                // It would be played into the restored one; its copy is durable.
                match fs::remove_file(beside(&path, part)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            sync_folder_of(&path)?;
            watch.reached("damaged file alone");
            fs::set_permissions(self.tag.database(), fs::metadata(&path)?.permissions())?;
            fs::rename(self.tag.database(), &path)?;
            sync_folder_of(&path)
        };
        replace().map_err(|error| {
            EngineError::new(
                ErrorKind::Other,
                format!("{} cannot be replaced", path.display()),
            )
            .detail(error.to_string())
        })?;
        watch.reached("damaged file replaced");
        Ok(kept.display().to_string())
    }
}

/// Takes the file for this connection alone until it is closed.
fn hold(live: &Connection, path: &Path) -> Result<(), EngineError> {
    let taken = live
        .pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))
        .and_then(|()| live.execute_batch("begin exclusive; commit"));
    taken.map_err(|error| match from_sqlite(error) {
        error if error.kind == ErrorKind::LockNotGranted => in_use(path),
        error => error,
    })
}

fn in_use(path: &Path) -> EngineError {
    let mut error = EngineError::new(
        ErrorKind::InUse,
        format!("{} is in use, and was not overwritten", path.display()),
    );
    error.blockers = process::holders(path);
    error.hint("stop the programs that have it open, then run again")
}

fn is_there(path: &Path) -> EngineError {
    EngineError::new(
        ErrorKind::AlreadyExists,
        format!("{} is there already", path.display()),
    )
}

/// A journal of a database that is gone would be played into the restored one.
fn refuse_remains(path: &Path) -> Result<(), EngineError> {
    for part in ["-journal", "-wal"] {
        let remains = beside(path, part);
        if remains.exists() {
            return Err(EngineError::new(
                ErrorKind::AlreadyExists,
                format!(
                    "{} is there without its database, and would damage the restored one",
                    remains.display()
                ),
            )
            .hint("move it away, or restore under another name"));
        }
    }
    Ok(())
}

/// Makes the file durable and gives it a second name, never that of another file; the scratch name goes with the tag.
fn link(scratch: &Path, path: &Path) -> Result<(), EngineError> {
    let link = || -> io::Result<()> {
        File::open(scratch)?.sync_all()?;
        match fs::hard_link(scratch, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // Not every file system has links.
            Err(_) if !path.exists() => fs::rename(scratch, path)?,
            other => other?,
        }
        sync_folder_of(path)
    };
    link().map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => is_there(path),
        _ => EngineError::new(
            ErrorKind::Other,
            format!("{} cannot be given its name", path.display()),
        )
        .detail(error.to_string()),
    })
}
