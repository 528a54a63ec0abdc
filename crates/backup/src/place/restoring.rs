//! What another system restores for us, written down before it begins: should we die, the next command knows what to have removed.

use std::fs::{self, File};
use std::io;

use serde::{Deserialize, Serialize};

use super::error::failed;
use super::work::{Work, left_behind};
use super::{Place, PlaceError, Root};
use crate::record::write_durably;

/// How the name of a folder ends that says what is being restored.
const RESTORING: &str = ".restoring";

/// The file in it.
const NOTE: &str = "restoring.json";

/// What is being restored, by another system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreNote {
    /// The name that what is restored has been given: nothing else has it.
    pub name: String,
    /// What that system calls the backup.
    pub id: String,
}

/// A note that stays until it is taken away: whoever dies in between leaves it to the next command.
#[derive(Debug)]
pub struct RestoreMark {
    /// What it says.
    pub note: RestoreNote,
    work: Work,
}

impl Place {
    /// Writes down, durably, that something is about to be restored.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn mark_restore(&self, note: RestoreNote) -> Result<RestoreMark, PlaceError> {
        let home = self.home_of_marks()?;
        let folder = home.join(format!(".{}{RESTORING}", note.name));
        let make = || -> io::Result<RestoreMark> {
            let mut work = Work::make(folder.clone())?;
            let text = serde_json::to_string(&note).map_err(io::Error::other)?;
            write_durably(&work.folder().join(NOTE), &text)?;
            work.stays(true);
            Ok(RestoreMark { note, work })
        };
        make().map_err(failed("write down what is restored in", folder.display()))
    }

    /// What dead commands have had restored, and not removed.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn left_restores(&self) -> Result<Vec<RestoreMark>, PlaceError> {
        let home = self.home_of_marks()?;
        if !home.is_dir() {
            return Ok(Vec::new());
        }
        let left = left_behind(&home, |name| name.ends_with(RESTORING));
        let mut marks = Vec::new();
        for (name, work) in left.map_err(failed("read", home.display()))? {
            let note = fs::read_to_string(work.folder().join(NOTE)).ok();
            match note.and_then(|text| serde_json::from_str(&text).ok()) {
                Some(note) => marks.push(RestoreMark { note, work }),
                // It was killed before it was written down, and so before anything was begun.
                None => work
                    .remove()
                    .map_err(failed("remove", home.join(name).display()))?,
            }
        }
        Ok(marks)
    }

    /// Beside the backups, or on this machine where they are in a bucket.
    fn home_of_marks(&self) -> Result<std::path::PathBuf, PlaceError> {
        match &self.root {
            Root::Folder(folder) => Ok(folder.0.clone()),
            Root::Bucket(_) => self.stage(),
        }
    }
}

impl RestoreMark {
    /// The lock that says that somebody is at work. A program that holds it, too, keeps it until it ends: nobody sweeps behind the back
    /// of one whose caller died.
    ///
    /// # Errors
    /// When the system gives no second one.
    pub fn lock(&self) -> io::Result<File> {
        self.work.lock()
    }

    /// Takes the note away: what was restored is gone.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn clear(self) -> Result<(), PlaceError> {
        let at = self.work.folder().display().to_string();
        self.work.remove().map_err(failed("remove", at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &str) -> RestoreNote {
        RestoreNote {
            name: name.to_owned(),
            id: "F1".to_owned(),
        }
    }

    #[test]
    fn a_note_stays_until_it_is_cleared_and_is_found_once_nobody_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path().join("backups"), None);
        assert!(place.left_restores().unwrap().is_empty());
        place.prepare().unwrap();
        let mark = place.mark_restore(note("a")).unwrap();
        assert!(place.left_restores().unwrap().is_empty(), "its maker lives");
        let held = mark.lock().unwrap();
        drop(mark);
        assert!(
            place.left_restores().unwrap().is_empty(),
            "its program lives"
        );
        drop(held);
        place.prepare().unwrap();
        assert!(place.list().unwrap().is_empty());
        let mut left = place.left_restores().unwrap();
        assert_eq!(left[0].note, note("a"));
        left.remove(0).clear().unwrap();
        assert!(place.left_restores().unwrap().is_empty());
    }
}
