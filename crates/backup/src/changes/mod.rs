//! What was carried out of a database's change log: segments beside the backup that the log was begun for.
//!
//! Each segment is a file of changes, one a line, and a record with its digest that is written after it. The record carries the
//! seal of the one before: a segment that is missing, swapped or edited is damage with a name. Segments lie on the shelf of the
//! backup, in a folder or in a bucket, and are encrypted where it is.

mod draft;
mod read;
mod records;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;

use tightrope_model::Digest;

pub use draft::SegmentDraft;
pub use records::{LogStart, ReplayRecord, Segment};

use crate::manifest::Encryption;
use crate::place::failed;
use crate::record;
use crate::{Damage, EncryptionKey, Found, Place, PlaceError, Progress};

const FOLDER: &str = "changes";
const REACHED: &str = "reached.json";

/// The segments of one backup.
#[derive(Clone, Debug)]
pub struct Carried {
    place: Place,
    backup: String,
    manifest: Option<Digest>,
    /// How the backup is encrypted.
    encryption: Option<Encryption>,
    /// Oldest first.
    pub segments: Vec<Segment>,
    /// The newest look at the log that found nothing new.
    reached: Option<Segment>,
    /// What is wrong with the records.
    pub damage: Vec<Damage>,
}

fn record_name(number: u32) -> String {
    format!("{number:06}.json")
}

impl Carried {
    /// Reads the records beside a backup, and holds each to the one before.
    ///
    /// # Errors
    /// When the place cannot be asked, which says nothing about the segments.
    pub fn of(found: &Found) -> Result<Self, PlaceError> {
        let manifest = found.manifest.as_ref().ok();
        let mut carried = Self {
            place: found.place.clone(),
            backup: found.name.clone(),
            manifest: manifest.and_then(|one| one.seal),
            encryption: manifest.and_then(|one| one.encryption.clone()),
            segments: Vec::new(),
            reached: None,
            damage: Vec::new(),
        };
        let at = carried.at("");
        let shelf = found.place.shelf();
        let files = shelf.files(at.trim_end_matches('/'));
        let files = files.map_err(failed("read", shelf.shown(&at)))?;
        let files: BTreeSet<String> = files.into_iter().collect();
        for number in 1.. {
            let name = record_name(number);
            if !files.contains(&name) {
                break;
            }
            match carried.record(&name)? {
                None => break,
                Some(Ok(segment)) if carried.follows(&segment, number) => {
                    carried.segments.push(segment);
                }
                Some(Ok(_)) => {
                    let what =
                        format!("segment {number} of its changes does not follow the one before");
                    carried.damage.push(Damage::Manifest { what });
                    break;
                }
                Some(Err(damage)) => {
                    carried.damage.push(damage);
                    break;
                }
            }
        }
        carried.look_for_more(&files);
        if files.contains(REACHED)
            && let Some(Ok(reached)) = carried.record(REACHED)?
            && reached.before == carried.last_seal()
        {
            carried.reached = Some(reached);
        }
        Ok(carried)
    }

    /// The path of one of its files in the place.
    fn at(&self, file: &str) -> String {
        format!("{}/{FOLDER}/{file}", self.backup)
    }

    fn last_seal(&self) -> Option<Digest> {
        self.segments.last().and_then(|last| last.seal)
    }

    fn follows(&self, segment: &Segment, number: u32) -> bool {
        segment.number == number
            && segment.before == self.last_seal()
            && segment.backup == self.backup
            && segment.manifest == self.manifest
    }

    fn record(&self, file: &str) -> Result<Option<Result<Segment, Damage>>, PlaceError> {
        let path = format!("{FOLDER}/{file}");
        let text = match self.place.shelf().read(&self.at(file)) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(error) => {
                let damage = self.place.unreadable(&self.backup, &path, error)?;
                return Ok(Some(Err(damage)));
            }
        };
        let parsed = serde_json::from_str::<Segment>(&text).ok();
        let key = self.place.signing_key();
        let whole = parsed.filter(|segment| record::check(segment, &text, key).is_ok());
        Ok(Some(whole.ok_or(Damage::Changed { file: path })))
    }

    /// A record behind one that is missing shows that one is.
    fn look_for_more(&mut self, files: &BTreeSet<String>) {
        let count = self.segments.len() as u64;
        if !self.damage.is_empty() {
            return;
        }
        let numbers = files
            .iter()
            .filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok());
        if numbers.max().is_some_and(|highest| highest > count) {
            self.damage.push(Damage::Missing {
                file: format!("{FOLDER}/{:06}.json", count + 1),
            });
        }
    }

    /// Everything that is wrong: every byte of every segment is read.
    ///
    /// # Errors
    /// When the place cannot be asked any more, which says nothing about the segments.
    pub fn check(&self, progress: Progress<'_>) -> Result<Vec<Damage>, PlaceError> {
        let mut damage = self.damage.clone();
        let all = self.bytes();
        let mut done = 0;
        for segment in &self.segments {
            let file = segment.file().path;
            let digest = self.place.digest(&self.backup, &file, &mut |read| {
                done += read;
                progress(done, all);
            });
            match digest {
                Ok((_, digest)) if digest == segment.digest => {}
                Ok(_) => damage.push(Damage::Changed { file }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    damage.push(Damage::Missing { file });
                }
                Err(error) => damage.push(self.place.unreadable(&self.backup, &file, error)?),
            }
        }
        Ok(damage)
    }

    /// The key that is used beside this backup: its own where it is encrypted, else the one that is configured, if any.
    fn sealing_key(&self) -> Result<Option<&EncryptionKey>, PlaceError> {
        match &self.encryption {
            Some(encryption) => self.place.opening_key(&self.backup, encryption).map(Some),
            None => Ok(self.place.encryption_key()),
        }
    }

    /// The mark that comes next is read from here; none where nothing was carried out yet.
    pub fn mark(&self) -> Option<&str> {
        self.segments.last().map(|last| last.mark.as_str())
    }

    /// All that was committed up to then has been carried out; none where nothing was.
    pub fn recovery_point(&self) -> Option<&str> {
        self.newest().map(|newest| newest.at.as_str())
    }

    /// The newest look at the log, whether it found changes or not.
    pub fn newest(&self) -> Option<&Segment> {
        self.reached.as_ref().or(self.segments.last())
    }

    /// Why the log goes no further than the last segment.
    pub fn ended(&self) -> Option<&str> {
        self.segments.last()?.ended.as_deref()
    }

    /// The size of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// How many changes they have.
    pub fn changes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.changes).sum()
    }
}
