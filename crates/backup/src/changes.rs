//! What was carried out of a database's change log: segments beside the backup that the log was begun for.
//!
//! Each segment is a file of changes, one a line, and a record with its digest that is written after it. The record carries the
//! seal of the one before: a segment that is missing, swapped or edited is damage with a name.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tightrope_engine::{Change, Counted, LogNumber, LoggedTable, ReadUpTo, Unreplayed};
use tightrope_model::{Digest, TableName};

use crate::files::digest_of;
use crate::record::{self, Sealed, sync_folder, to_text, write_durably};
use crate::{Damage, Found, PlaceError, Progress, SigningKey};

const FOLDER: &str = "changes";
const LOCK: &str = "lock";
/// How long another one who carries is waited for.
const LOCK_PAUSE: Duration = Duration::from_millis(100);
const LOCK_TRIES: u32 = 300;
const REACHED: &str = "reached.json";

/// Where a backup stands in a change log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStart {
    /// The log.
    pub log: LogNumber,
    /// What the snapshot sees of it.
    pub mark: String,
}

/// The record of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The layout of this file.
    pub tightrope_changes: u32,
    /// The backup's name.
    pub backup: String,
    /// The seal of its manifest.
    pub manifest: Option<Digest>,
    /// Which one, from 1.
    pub number: u32,
    /// The mark that it was read from.
    pub since: String,
    /// The mark that it was read to.
    pub mark: String,
    /// The server's time of that, in RFC 3339: a recovery point.
    pub at: String,
    /// How many changes it has.
    pub changes: u64,
    /// The size of its file.
    pub bytes: u64,
    /// The digest of its file.
    pub digest: Digest,
    /// The tables that its changes name.
    pub tables: Vec<LoggedTable>,
    /// How far sequences had counted.
    pub counted: Vec<Counted>,
    /// Tables whose changes are not in the log.
    pub unlogged: Vec<TableName>,
    /// Why nothing comes after it; none while the log goes on.
    pub ended: Option<String>,
    /// The seal of the segment before.
    pub before: Option<Digest>,
    /// The digest over all the rest.
    pub seal: Option<Digest>,
    /// The seal, signed.
    pub signature: Option<String>,
}

impl Sealed for Segment {
    fn marks(&self) -> (Option<Digest>, Option<&str>) {
        (self.seal, self.signature.as_deref())
    }

    fn mark(&mut self, seal: Digest, signature: Option<String>) {
        (self.seal, self.signature) = (Some(seal), signature);
    }
}

/// The record of a replay, whatever came out: with what could not be replayed, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRecord {
    /// The layout of this file.
    pub tightrope_replay: u32,
    /// The backup's name.
    pub backup: String,
    /// When, in RFC 3339.
    pub replayed_at: String,
    /// The database that it was restored to, redacted.
    pub into: String,
    /// All that was committed up to then is there.
    pub recovery_point: String,
    /// Changes that were replayed.
    pub changes: u64,
    /// Changes that were left out, for they came after the moment that was asked for.
    pub left_out: u64,
    /// What could not be replayed.
    pub unreplayed: Vec<Unreplayed>,
    /// How long it took.
    pub milliseconds: u64,
    /// The digest over all the rest.
    pub seal: Option<Digest>,
    /// The seal, signed.
    pub signature: Option<String>,
}

impl ReplayRecord {
    /// The layout that this version writes.
    pub const LAYOUT: u32 = 1;
}

impl Sealed for ReplayRecord {
    fn marks(&self) -> (Option<Digest>, Option<&str>) {
        (self.seal, self.signature.as_deref())
    }

    fn mark(&mut self, seal: Digest, signature: Option<String>) {
        (self.seal, self.signature) = (Some(seal), signature);
    }
}

/// The segments of one backup.
#[derive(Clone, Debug)]
pub struct Carried {
    folder: PathBuf,
    backup: String,
    manifest: Option<Digest>,
    key: Option<SigningKey>,
    /// Oldest first.
    pub segments: Vec<Segment>,
    /// The newest look at the log that found nothing new.
    reached: Option<Segment>,
    /// What is wrong with the records.
    pub damage: Vec<Damage>,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
    let path = path.to_owned();
    move |source| PlaceError { what, path, source }
}

fn name(number: u32, end: &str) -> String {
    format!("{number:06}.{end}")
}

impl Carried {
    /// Reads the records beside a backup, and holds each to the one before.
    pub fn of(found: &Found, key: Option<&SigningKey>) -> Self {
        let mut carried = Self {
            folder: found.folder.join(FOLDER),
            backup: found.name.clone(),
            manifest: found.manifest.as_ref().ok().and_then(|one| one.seal),
            key: key.cloned(),
            segments: Vec::new(),
            reached: None,
            damage: Vec::new(),
        };
        for number in 1.. {
            match carried.record(&name(number, "json")) {
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
        carried.look_for_more();
        if let Some(Ok(reached)) = carried.record(REACHED)
            && reached.before == carried.last_seal()
        {
            carried.reached = Some(reached);
        }
        carried
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

    fn record(&self, file: &str) -> Option<Result<Segment, Damage>> {
        let path = format!("{FOLDER}/{file}");
        let text = match fs::read_to_string(self.folder.join(file)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                return Some(Err(Damage::Unreadable {
                    file: path,
                    why: error.to_string(),
                }));
            }
        };
        let parsed = serde_json::from_str::<Segment>(&text).ok();
        let whole =
            parsed.filter(|segment| record::check(segment, &text, self.key.as_ref()).is_ok());
        Some(whole.ok_or(Damage::Changed { file: path }))
    }

    /// A record behind one that is missing shows that one is.
    fn look_for_more(&mut self) {
        let count = self.segments.len() as u64;
        if !self.damage.is_empty() {
            return;
        }
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let numbers = names.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".json")?.parse::<u64>().ok()
        });
        if numbers.max().is_some_and(|highest| highest > count) {
            self.damage.push(Damage::Missing {
                file: format!("{FOLDER}/{:06}.json", count + 1),
            });
        }
    }

    /// Everything that is wrong: every byte of every segment is read.
    pub fn check(&self, progress: Progress<'_>) -> Vec<Damage> {
        let mut damage = self.damage.clone();
        let all = self.bytes();
        let mut done = 0;
        for segment in &self.segments {
            let file = format!("{FOLDER}/{}", name(segment.number, "changes"));
            let digest = File::open(self.file(segment)).and_then(|open| {
                digest_of(&open, &mut |read| {
                    done += read;
                    progress(done, all);
                })
            });
            match digest {
                Ok((_, digest)) if digest == segment.digest => {}
                Ok(_) => damage.push(Damage::Changed { file }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    damage.push(Damage::Missing { file });
                }
                Err(error) => damage.push(Damage::Unreadable {
                    file,
                    why: error.to_string(),
                }),
            }
        }
        damage
    }

    fn file(&self, segment: &Segment) -> PathBuf {
        self.folder.join(name(segment.number, "changes"))
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

    /// The changes of a segment, in their order.
    ///
    /// # Errors
    /// When its file cannot be opened; each item, when it cannot be read.
    pub fn read(
        &self,
        segment: &Segment,
    ) -> Result<impl Iterator<Item = Result<Change, PlaceError>> + use<>, PlaceError> {
        let path = self.file(segment);
        let open = File::open(&path).map_err(failed("read", &path))?;
        let line = move |line: io::Result<String>| {
            line.and_then(|line| serde_json::from_str(&line).map_err(io::Error::from))
                .map_err(failed("read a change of", &path))
        };
        Ok(BufReader::new(open).lines().map(line))
    }

    /// Begins the next segment. Nobody else carries for this backup until it is finished.
    ///
    /// # Errors
    /// When somebody else does already, or the folder cannot be written.
    pub fn begin(&self) -> Result<SegmentDraft, PlaceError> {
        fs::create_dir_all(&self.folder).map_err(failed("make the folder", &self.folder))?;
        let lock_path = self.folder.join(LOCK);
        let lock = File::create(&lock_path).map_err(failed("lock", &lock_path))?;
        let mut tries = 0;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                    tries += 1;
                    thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let held = io::Error::new(
                        io::ErrorKind::WouldBlock,
                        "somebody else carries out its changes right now",
                    );
                    return Err(failed("lock", &lock_path)(held));
                }
                Err(TryLockError::Error(error)) => return Err(failed("lock", &lock_path)(error)),
            }
        }
        let path = self.folder.join(".next.part");
        let file = File::create(&path).map_err(failed("write", &path))?;
        Ok(SegmentDraft {
            file: BufWriter::new(file),
            path,
            changes: 0,
            failure: None,
            _lock: lock,
        })
    }

    /// Makes the segment durable, and only then its record. One without changes only says how far the log was read.
    ///
    /// # Errors
    /// When it cannot be written; nothing counts of it then.
    pub fn finish(
        &self,
        draft: SegmentDraft,
        since: String,
        read: ReadUpTo,
        ended: Option<String>,
        written: impl FnOnce(),
    ) -> Result<Segment, PlaceError> {
        let number = u32::try_from(self.segments.len()).unwrap_or(u32::MAX - 1) + 1;
        let counts = draft.changes > 0 || ended.is_some();
        let (changes, path) = (draft.changes, draft.path.clone());
        let (bytes, digest) = draft.close().map_err(failed("write", &path))?;
        let segment = record::sealed(
            Segment {
                tightrope_changes: 1,
                backup: self.backup.clone(),
                manifest: self.manifest,
                number,
                since,
                mark: read.mark,
                at: read.at,
                changes,
                bytes,
                digest,
                tables: read.tables,
                counted: read.counted,
                unlogged: read.unlogged,
                ended,
                before: self.last_seal(),
                seal: None,
                signature: None,
            },
            self.key.as_ref(),
        );
        let file = self.file(&segment);
        if counts {
            fs::rename(&path, &file)
                .and_then(|()| sync_folder(&self.folder))
                .map_err(failed("name", &file))?;
        }
        written();
        let record = match counts {
            true => name(number, "json"),
            false => REACHED.to_owned(),
        };
        let record = self.folder.join(record);
        write_durably(&record, &to_text(&segment)).map_err(failed("write", &record))?;
        Ok(segment)
    }

    /// Writes the record of a replay beside the segments; gives where.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_replay(&self, replay: ReplayRecord) -> Result<PathBuf, PlaceError> {
        fs::create_dir_all(&self.folder).map_err(failed("make the folder", &self.folder))?;
        let time = replay.replayed_at.replace([':', '.'], "");
        let path = self.folder.join(format!("replayed-{time}.report"));
        let replay = record::sealed(replay, self.key.as_ref());
        write_durably(&path, &to_text(&replay)).map_err(failed("write the record", &path))?;
        Ok(path)
    }
}

/// A segment that is being written.
#[derive(Debug)]
pub struct SegmentDraft {
    file: BufWriter<File>,
    path: PathBuf,
    changes: u64,
    failure: Option<io::Error>,
    _lock: File,
}

impl SegmentDraft {
    /// Writes one more change; false once writing has failed, which [`Carried::finish`] tells.
    pub fn add(&mut self, change: &Change) -> bool {
        let written = serde_json::to_writer(&mut self.file, change)
            .map_err(io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"));
        self.changes += 1;
        self.failure = self.failure.take().or(written.err());
        self.failure.is_none()
    }

    /// How many changes it has.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    fn close(mut self) -> io::Result<(u64, Digest)> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        digest_of(&File::open(&self.path)?, &mut |_| {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::manifest;
    use tightrope_engine::ChangeKind;

    fn backup(folder: &Path) -> Found {
        let manifest = manifest("a", "2026-01-01T00:00:00Z").sealed(None);
        Found {
            name: "a".to_owned(),
            folder: folder.to_owned(),
            manifest: Ok(Box::new(manifest)),
            proof: None,
        }
    }

    fn change(number: i64) -> Change {
        Change {
            number,
            transaction: 7,
            at: 0,
            table: 1,
            kind: ChangeKind::Insert,
            old: None,
            new: Some(format!("({number},\"a\n\")")),
        }
    }

    fn read_up_to(mark: &str) -> ReadUpTo {
        ReadUpTo {
            mark: mark.to_owned(),
            at: format!("2026-01-01T00:00:0{mark}Z"),
            tables: Vec::new(),
            counted: Vec::new(),
            unlogged: Vec::new(),
        }
    }

    fn carry(found: &Found, key: Option<&SigningKey>, numbers: &[i64], mark: &str) -> Segment {
        let carried = Carried::of(found, key);
        let mut draft = carried.begin().unwrap();
        assert!(numbers.iter().all(|number| draft.add(&change(*number))));
        let since = carried.mark().unwrap_or("0").to_owned();
        carried
            .finish(draft, since, read_up_to(mark), None, || {})
            .unwrap()
    }

    #[test]
    fn segments_read_back_in_their_order_and_an_empty_one_moves_the_recovery_point() {
        let folder = tempfile::tempdir().unwrap();
        let found = backup(folder.path());
        carry(&found, None, &[1, 2], "1");
        carry(&found, None, &[3], "2");
        carry(&found, None, &[], "3");
        let carried = Carried::of(&found, None);
        assert_eq!(carried.check(&|_, _| {}), []);
        let numbers = carried.segments.iter().flat_map(|segment| {
            let changes = carried.read(segment).unwrap();
            changes
                .map(|change| change.unwrap().number)
                .collect::<Vec<_>>()
        });
        assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(carried.mark(), Some("2"));
        assert_eq!(carried.recovery_point(), Some("2026-01-01T00:00:03Z"));
        // It says nothing any more once there is a newer segment.
        carry(&found, None, &[4], "4");
        let carried = Carried::of(&found, None);
        assert_eq!(carried.recovery_point(), Some("2026-01-01T00:00:04Z"));
    }

    #[test]
    fn every_flipped_bit_of_every_segment_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let found = backup(folder.path());
        carry(&found, None, &[1], "1");
        carry(&found, None, &[2], "2");
        for file in [
            "000001.changes",
            "000001.json",
            "000002.changes",
            "000002.json",
        ] {
            let path = folder.path().join(FOLDER).join(file);
            let whole = fs::read(&path).unwrap();
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << (at % 8);
                fs::write(&path, &bytes).unwrap();
                let damage = Carried::of(&found, None).check(&|_, _| {});
                assert!(!damage.is_empty(), "{file}, byte {at}");
            }
            fs::write(&path, &whole).unwrap();
        }
    }

    #[test]
    fn swapped_missing_and_unsigned_segments_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let found = backup(folder.path());
        let key = SigningKey::from_secret("geheim");
        for (number, mark) in [(1, "1"), (2, "2"), (3, "3")] {
            carry(&found, Some(&key), &[number], mark);
        }
        let check = |key: Option<&SigningKey>| Carried::of(&found, key).damage.len();
        assert_eq!((check(Some(&key)), check(None)), (0, 0));
        assert_eq!(check(Some(&SigningKey::from_secret("another"))), 1);
        let file = |number: u32| folder.path().join(FOLDER).join(name(number, "json"));
        let second = fs::read(file(2)).unwrap();
        fs::copy(file(3), file(2)).unwrap();
        assert_eq!(check(Some(&key)), 1, "swapped");
        fs::remove_file(file(2)).unwrap();
        assert_eq!(check(Some(&key)), 1, "missing");
        fs::write(file(2), second).unwrap();
        assert_eq!(check(Some(&key)), 0);
    }
}
