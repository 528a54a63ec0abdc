//! Folders that somebody is at work in: a lock tells whether their maker lives.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::folder::folders;

/// The file whose lock the maker holds.
pub(crate) const LOCK: &str = "lock";
/// How the name of a folder ends that somebody is at work in.
pub(crate) const PART: &str = ".part";

/// A folder that nobody else is at work in, for as long as this value lives. Dropping it removes the folder.
#[derive(Debug)]
pub(crate) struct Work {
    folder: PathBuf,
    /// Held for as long as the maker lives.
    lock: File,
    stays: bool,
}

impl Work {
    /// Makes the folder, and takes its lock.
    ///
    /// # Errors
    /// `AlreadyExists` if it is there, `NotFound` if somebody swept it at that very instant.
    pub(crate) fn make(folder: PathBuf) -> io::Result<Self> {
        private_folder().create(&folder)?;
        let lock = File::create(folder.join(LOCK))?;
        lock.lock()?;
        Ok(Self {
            folder,
            lock,
            stays: false,
        })
    }

    /// Takes over what a dead maker has left; none while its maker lives.
    pub(crate) fn take_over(folder: PathBuf) -> io::Result<Option<Self>> {
        let lock = match File::open(folder.join(LOCK)) {
            Ok(lock) => lock,
            // Killed before there was a lock: nothing else was there either. Another maker may be at that very instant.
            Err(_) if is_empty(&folder) => File::create_new(folder.join(LOCK))?,
            Err(_) => return Ok(None),
        };
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self {
                folder,
                lock,
                stays: true,
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The same lock once more: it is held until both are gone.
    pub(crate) fn lock(&self) -> io::Result<File> {
        self.lock.try_clone()
    }

    /// Says whether the folder outlives this value.
    pub(crate) fn stays(&mut self, stays: bool) {
        self.stays = stays;
    }

    /// Removes the folder now.
    pub(crate) fn remove(mut self) -> io::Result<()> {
        self.stays = true;
        fs::remove_dir_all(&self.folder)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.stays {
            // What cannot be removed now is swept by the next command: the lock goes with this process.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// What dead makers have left in a folder, locked; with the names.
pub(crate) fn left_behind(
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
) -> io::Result<Vec<(String, Work)>> {
    let mut left = Vec::new();
    for name in folders(folder, |name| name.starts_with('.') && wanted(name))? {
        match Work::take_over(folder.join(&name)) {
            Ok(Some(work)) => left.push((name, work)),
            Ok(None) => {}
            // Its maker has ended it, or taken its lock, at that very instant.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(left)
}

/// What is in a backup is what is in the database: nobody else may look into its folder.
pub(crate) fn private_folder() -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}
