//! A folder as the place of backups.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tightrope_model::Digest;

use super::shelf::{DATA, DRILLS, Shelf};
use super::work::{LOCK, PART, private_folder};
use crate::FileDigest;
use crate::files::{DEEPEST, digest_of, list};
use crate::record::{sync_folder, write_durably};

/// A folder; every backup is a folder in it.
#[derive(Clone, Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// Whether anything is there.
    pub(crate) fn exists(&self) -> bool {
        self.0.is_dir()
    }

    /// Makes it if it is not there.
    pub(crate) fn make(&self) -> io::Result<()> {
        private_folder().recursive(true).create(&self.0)
    }
}

impl Shelf for Folder {
    fn shown(&self, path: &str) -> String {
        match path {
            "" => self.0.display().to_string(),
            path => self.0.join(path).display().to_string(),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        folders(&self.0, |name| !name.starts_with('.') && name != DRILLS)
    }

    fn has(&self, name: &str) -> io::Result<bool> {
        Ok(self.0.join(name).is_dir())
    }

    fn read(&self, path: &str) -> io::Result<Option<String>> {
        or_none(fs::read_to_string(self.0.join(path)))
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        let path = self.0.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        write_durably(&path, text)
    }

    fn write_new(&self, path: &str, text: &str) -> io::Result<bool> {
        match self.read(path)? {
            Some(there) => Ok(there == text),
            None => self.write(path, text).map(|()| true),
        }
    }

    fn bring(&self, from: &Path, name: &str, file: &FileDigest) -> io::Result<()> {
        let into = self.0.join(name).join(&file.path);
        fs::rename(from, &into)?;
        sync_folder(into.parent().unwrap_or(&self.0))
    }

    fn files(&self, path: &str) -> io::Result<Vec<String>> {
        let Some(entries) = or_none(fs::read_dir(self.0.join(path)))? else {
            return Ok(Vec::new());
        };
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| !name.starts_with('.')).collect())
    }

    fn sizes(&self, name: &str) -> io::Result<BTreeMap<String, u64>> {
        let home = self.0.join(name);
        let mut paths = Vec::new();
        // A folder that is gone shows in every file that is missing.
        let _ = list(&home, DATA, DEEPEST, &mut paths);
        let size = |path: String| {
            let bytes = fs::metadata(home.join(&path))?.len();
            Ok((path, bytes))
        };
        paths.into_iter().map(size).collect()
    }

    fn digest(&self, path: &str, read: &mut dyn FnMut(u64)) -> io::Result<(u64, Digest)> {
        digest_of(&File::open(self.0.join(path))?, read)
    }

    fn changed(&self, name: &str) -> Option<Timestamp> {
        let time = fs::metadata(self.0.join(name)).ok()?.modified().ok()?;
        Timestamp::try_from(time).ok()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let folder = self.0.join(name);
        let going = self.0.join(format!(".{name}.removed{PART}"));
        // The next command finds the lock free and sweeps what is left.
        File::create(folder.join(LOCK))?;
        fs::rename(&folder, &going)?;
        sync_folder(&self.0)?;
        fs::remove_dir_all(&going)
    }
}

/// The names of the folders in a folder that are wanted; none where it is not there.
pub(crate) fn folders(folder: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let Some(entries) = or_none(fs::read_dir(folder))? else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if let Ok(name) = entry.file_name().into_string()
            && is_folder
            && wanted(&name)
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// That something is not there is an answer.
pub(crate) fn or_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
