use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;

use tightrope_engine::Change;

use super::{Carried, Segment};
use crate::place::{Work, failed};
use crate::{PlaceError, cipher};

/// A segment's file where it can be read; what was fetched and decrypted for it goes with the value.
struct Readable {
    path: PathBuf,
    _work: Option<Work>,
}

impl Carried {
    /// The changes of a segment, in their order.
    ///
    /// # Errors
    /// When its file cannot be brought here, decrypted or opened; each item, when it cannot be read.
    pub fn read(
        &self,
        segment: &Segment,
    ) -> Result<impl Iterator<Item = Result<Change, PlaceError>> + use<>, PlaceError> {
        let readable = self.readable(segment)?;
        let shown = self.place.shelf().shown(&self.shown(segment));
        let open = File::open(&readable.path).map_err(failed("read", &shown))?;
        let line = move |line: io::Result<String>| {
            let _until_all_is_read = &readable;
            line.and_then(|line| serde_json::from_str(&line).map_err(io::Error::from))
                .map_err(failed("read a change of", &shown))
        };
        Ok(BufReader::new(open).lines().map(line))
    }

    fn shown(&self, segment: &Segment) -> String {
        format!("{}/{}", self.backup, segment.file().path)
    }

    fn readable(&self, segment: &Segment) -> Result<Readable, PlaceError> {
        let file = segment.file();
        let stored = self
            .place
            .folder()
            .map(|folder| folder.join(&self.backup).join(&file.path));
        if let (Some(path), None) = (&stored, &segment.encryption) {
            return Ok(Readable {
                path: path.clone(),
                _work: None,
            });
        }
        let key = segment.encryption.as_ref();
        let key = key.map(|key| self.place.opening_key(&self.backup, key));
        let key = key.transpose()?;
        let work = self.place.scratch(&self.backup)?;
        let sealed = match stored {
            Some(path) => path,
            None => {
                let into = work.folder().join("fetched");
                self.place.fetch(&self.backup, &file, &into)?;
                into
            }
        };
        let path = match key {
            None => sealed,
            Some(key) => {
                let plain = work.folder().join("plain");
                cipher::decrypt(key, &sealed, &plain)
                    .map_err(failed("decrypt", self.shown(segment)))?;
                plain
            }
        };
        Ok(Readable {
            path,
            _work: Some(work),
        })
    }
}
