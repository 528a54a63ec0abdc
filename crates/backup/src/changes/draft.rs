use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tightrope_engine::{Change, ReadUpTo};
use tightrope_model::Digest;

use super::{Carried, FOLDER, REACHED, ReplayRecord, Segment, record_name};
use crate::files::digest_of;
use crate::manifest::Encryption;
use crate::place::{OPENED, Work, failed};
use crate::record::{self, to_text, write_durably};
use crate::{EncryptionKey, FileDigest, PlaceError, cipher};

const LOCK: &str = "lock";
/// The segment in the folder before it has its name.
const NEXT: &str = ".next.part";
/// How long another one who carries is waited for.
const LOCK_PAUSE: Duration = Duration::from_millis(100);
const LOCK_TRIES: u32 = 300;

/// A segment that is being written.
#[derive(Debug)]
pub struct SegmentDraft {
    file: BufWriter<File>,
    /// What is written, as the database gives it.
    path: PathBuf,
    /// Where it is as it will be in the place.
    stored: PathBuf,
    changes: u64,
    failure: Option<io::Error>,
    /// The folder on this machine that goes with the draft; none where it is written in the place.
    _work: Option<Work>,
    /// Held until it is finished; beside a bucket the folder is the lock.
    _lock: Option<File>,
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

    /// Makes the file durable as it will be stored, encrypted where there is a key; gives its size and digest.
    fn close(&mut self, key: Option<&EncryptionKey>) -> io::Result<(u64, Digest)> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.file.flush()?;
        match key {
            Some(key) => {
                let sealed = cipher::encrypt(key, &self.path, &self.stored, "", &mut |_| {})?;
                Ok((sealed.bytes, sealed.digest))
            }
            None => {
                self.file.get_ref().sync_all()?;
                digest_of(&File::open(&self.stored)?, &mut |_| {})
            }
        }
    }
}

/// Tries until something is there, for as long as another one is waited for.
fn patiently<T>(
    mut work: impl FnMut() -> Result<Option<T>, PlaceError>,
) -> Result<Option<T>, PlaceError> {
    for _ in 0..LOCK_TRIES {
        if let Some(done) = work()? {
            return Ok(Some(done));
        }
        thread::sleep(LOCK_PAUSE);
    }
    Ok(None)
}

fn held() -> io::Error {
    let why = "somebody else carries out its changes right now";
    io::Error::new(io::ErrorKind::ResourceBusy, why)
}

/// The lock in the folder of a backup's segments, which is made if it is not there.
fn lock(home: &Path) -> Result<File, PlaceError> {
    fs::create_dir_all(home).map_err(failed("make the folder", home.display()))?;
    let path = home.join(LOCK);
    let lock = File::create(&path).map_err(failed("lock", path.display()))?;
    let is_ours = patiently(|| match lock.try_lock() {
        Ok(()) => Ok(Some(())),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("lock", path.display())(error)),
    })?;
    is_ours
        .map(|()| lock)
        .ok_or_else(|| failed("lock", path.display())(held()))
}

impl Carried {
    /// Begins the next segment. Nobody else on this machine carries for this backup until it is finished; of several machines, only
    /// one can write the record. Rows are never written unencrypted into a place where the backup is encrypted.
    ///
    /// # Errors
    /// When somebody else does already, the place cannot be written, or the key is not that of the backup.
    pub fn begin(&self) -> Result<SegmentDraft, PlaceError> {
        let is_sealed = self.sealing_key()?.is_some();
        let (here, lock, work) = match self.place.folder() {
            None => (None, None, Some(self.locked_folder()?)),
            Some(folder) => {
                let home = folder.join(&self.backup).join(FOLDER);
                let lock = lock(&home)?;
                let work = is_sealed.then(|| self.place.scratch(&self.backup));
                (Some(home.join(NEXT)), Some(lock), work.transpose()?)
            }
        };
        let in_work = |name: &str| work.as_ref().map(|work| work.folder().join(name));
        let path = in_work("plain")
            .or_else(|| here.clone())
            .unwrap_or_default();
        let sealed = is_sealed.then(|| in_work("sealed")).flatten();
        let stored = here.or(sealed).unwrap_or_else(|| path.clone());
        let file = File::create(&path).map_err(failed("write", path.display()))?;
        Ok(SegmentDraft {
            file: BufWriter::new(file),
            path,
            stored,
            changes: 0,
            failure: None,
            _work: work,
            _lock: lock,
        })
    }

    /// A folder on this machine for what is on its way into a bucket: whoever has made it carries.
    fn locked_folder(&self) -> Result<Work, PlaceError> {
        let stage = self.place.stage()?;
        let at = stage.join(format!(".{}.carrying{OPENED}", self.backup));
        patiently(|| {
            // One whose maker has died is removed first.
            self.place.sweep_stage()?;
            match Work::make(at.clone()) {
                Ok(work) => Ok(Some(work)),
                Err(error) => match error.kind() {
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => Ok(None),
                    _ => Err(failed("make the folder", at.display())(error)),
                },
            }
        })?
        .ok_or_else(|| failed("lock", at.display())(held()))
    }

    /// Makes the segment durable in the place, and only then its record. One without changes only says how far the log was read.
    ///
    /// # Errors
    /// When it cannot be written, or somebody else has carried meanwhile; nothing counts of it then.
    pub fn finish(
        &self,
        mut draft: SegmentDraft,
        since: String,
        read: ReadUpTo,
        ended: Option<String>,
        written: impl FnOnce(),
    ) -> Result<Segment, PlaceError> {
        let number = u32::try_from(self.segments.len()).unwrap_or(u32::MAX - 1) + 1;
        let counts = draft.changes > 0 || ended.is_some();
        let key = self.sealing_key()?;
        let closed = draft.close(key);
        let (bytes, digest) = closed.map_err(failed("write", draft.path.display()))?;
        let segment = Segment {
            tightrope_changes: 1,
            backup: self.backup.clone(),
            manifest: self.manifest,
            number,
            since,
            mark: read.mark,
            at: read.at,
            changes: draft.changes,
            bytes,
            digest,
            encryption: key.map(Encryption::with),
            tables: read.tables,
            counted: read.counted,
            unlogged: read.unlogged,
            ended,
            before: self.last_seal(),
            seal: None,
            signature: None,
        };
        let segment = record::sealed(segment, self.place.signing_key());
        if counts {
            self.bring(&draft, &segment.file())?;
        }
        written();
        let text = to_text(&segment);
        match counts {
            true => self.write_record(&record_name(number), &text)?,
            false => self.place.write("write", &self.at(REACHED), &text)?,
        }
        Ok(segment)
    }

    fn bring(&self, draft: &SegmentDraft, file: &FileDigest) -> Result<(), PlaceError> {
        let shelf = self.place.shelf();
        let at = shelf.shown(&format!("{}/{}", self.backup, file.path));
        let brought = shelf.bring(&draft.stored, &self.backup, file);
        brought.map_err(failed("write", at))
    }

    /// Only one can write a record of that name.
    fn write_record(&self, name: &str, text: &str) -> Result<(), PlaceError> {
        let shelf = self.place.shelf();
        let path = self.at(name);
        let written = shelf.write_new(&path, text).and_then(|ours| match ours {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "somebody else has carried out its changes meanwhile",
            )),
        });
        written.map_err(failed("write", shelf.shown(&path)))
    }

    /// Writes the record of a replay beside the segments; gives where. Beside an encrypted backup it goes without the rows that could
    /// not be replayed, and the whole record stays on this machine.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_replay(&self, replay: ReplayRecord) -> Result<String, PlaceError> {
        let time = replay.replayed_at.replace([':', '.'], "");
        let name = format!("replayed-{time}.report");
        let at = self.at(&name);
        let signed = |replay| to_text(&record::sealed(replay, self.place.signing_key()));
        if self.sealing_key()?.is_none() || replay.unreplayed.is_empty() {
            self.place.write("write", &at, &signed(replay))?;
            return Ok(self.place.shelf().shown(&at));
        }
        let whole = self.place.stage()?.join(format!("{}-{name}", self.backup));
        write_durably(&whole, &signed(replay.clone()))
            .map_err(failed("write the record", whole.display()))?;
        self.place
            .write("write", &at, &signed(without_rows(replay)))?;
        Ok(whole.display().to_string())
    }
}

fn without_rows(mut replay: ReplayRecord) -> ReplayRecord {
    for unreplayed in &mut replay.unreplayed {
        (unreplayed.change.old, unreplayed.change.new) = (None, None);
        "the machine that restored has the whole record".clone_into(&mut unreplayed.because);
    }
    replay
}
