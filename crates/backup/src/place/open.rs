//! A backup's files where an engine can read them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tightrope_model::Digest;

use super::error::failed;
use super::shelf::DATA;
use super::work::Work;
use super::{FETCHED, OPENED, PlaceError, Root};
use crate::bucket::Bucket;
use crate::cipher;
use crate::files::digest_from;
use crate::manifest::Encryption;
use crate::{Damage, EncryptionKey, FileDigest, Found, Manifest, Place, Progress};

/// A backup whose every byte was looked at. Dropping the value removes what was fetched and decrypted for it.
#[derive(Debug)]
pub struct Opened {
    /// All that is wrong with it.
    pub damage: Vec<Damage>,
    data: PathBuf,
    _fetched: Option<Work>,
    _decrypted: Option<Work>,
}

impl Opened {
    /// The folder with the engine's files; only whole where there is no damage.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

/// Why an encrypted backup cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No key is given.
    #[error("it is encrypted with the key {0}, and no key is configured")]
    Missing(String),
    /// Another one is given.
    #[error("it is encrypted with the key {theirs}, and the key that is configured is {ours}")]
    Another {
        /// The key that it needs.
        theirs: String,
        /// The key that is configured.
        ours: String,
    },
}

impl PlaceError {
    /// Whether it is the key of encryption that is missing, or another one.
    pub fn is_of_the_key(&self) -> bool {
        let behind = self.source.get_ref();
        behind.is_some_and(|behind| behind.is::<KeyError>())
    }
}

impl Found {
    /// Reads every byte and holds it against the manifest, like [`Found::check`], and has the files where an engine can read them:
    /// fetched from a bucket, decrypted where they are encrypted. A key that is missing is told before anything is fetched.
    ///
    /// # Errors
    /// When the place cannot be asked, or the key is not the right one. Neither says anything about the backup.
    pub fn open(&self, progress: Progress<'_>) -> Result<Opened, PlaceError> {
        let Ok(manifest) = &self.manifest else {
            return self.fetched(progress);
        };
        let Some(encryption) = &manifest.encryption else {
            return self.fetched(progress);
        };
        let key = self.place.opening_key(&self.name, encryption)?;
        let mut opened = self.fetched(progress)?;
        if opened.damage.is_empty() {
            self.decrypt(key, manifest, &mut opened)?;
        }
        Ok(opened)
    }

    fn fetched(&self, progress: Progress<'_>) -> Result<Opened, PlaceError> {
        match (&self.place.root, &self.manifest) {
            (Root::Bucket(bucket), Ok(manifest)) => self.fetch(bucket, manifest, progress),
            _ => Ok(Opened {
                damage: self.check(progress)?,
                data: self
                    .place
                    .folder()
                    .unwrap_or(Path::new(""))
                    .join(&self.name)
                    .join(DATA),
                _fetched: None,
                _decrypted: None,
            }),
        }
    }

    fn decrypt(
        &self,
        key: &EncryptionKey,
        manifest: &Manifest,
        opened: &mut Opened,
    ) -> Result<(), PlaceError> {
        let work = self.place.scratch(&self.name)?;
        let from = opened.data.parent().unwrap_or(&opened.data).to_owned();
        for file in &manifest.files {
            let into = work.folder().join(&file.path);
            let folder = into.parent().unwrap_or(work.folder());
            let made = fs::create_dir_all(folder);
            let done = made.and_then(|()| cipher::decrypt(key, &from.join(&file.path), &into));
            match done {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    opened.damage.push(Damage::Unreadable {
                        file: file.path.clone(),
                        why: error.to_string(),
                    });
                }
                Err(error) => return Err(failed("decrypt into", into.display())(error)),
            }
        }
        opened.data = work.folder().join(DATA);
        opened._decrypted = Some(work);
        Ok(())
    }

    /// Brings the files here. What an interrupted try has brought already is kept and held against the manifest like the rest.
    fn fetch(
        &self,
        bucket: &Bucket,
        manifest: &Manifest,
        progress: Progress<'_>,
    ) -> Result<Opened, PlaceError> {
        self.place.sweep_stage()?;
        let mut work = self.fetch_folder(manifest)?;
        // What has come so far stays for the next try, should this one not come to its end.
        work.stays(true);
        let (right, mut damage) = self.look_at(manifest)?;
        let all = manifest.bytes();
        let mut done = 0;
        for file in right {
            let into = work.folder().join(&file.path);
            let digest = fetch_file(bucket, &self.name, file, &into, &mut |bytes| {
                done += bytes;
                progress(done, all);
            });
            damage.extend(self.differs(file, digest)?);
        }
        work.stays(false);
        Ok(Opened {
            damage,
            data: work.folder().join(DATA),
            _fetched: Some(work),
            _decrypted: None,
        })
    }

    /// A folder of our own for what is fetched: one that was left by a dead command, if there is one.
    fn fetch_folder(&self, manifest: &Manifest) -> Result<Work, PlaceError> {
        const TRIES: u32 = 100;
        let stage = self.place.stage()?;
        let seal = manifest.seal.map(|seal| seal.short()).unwrap_or_default();
        let find = || -> io::Result<Work> {
            for number in 1..=TRIES {
                let at = stage.join(format!(".{}-{seal}{FETCHED}-{number}", self.name));
                match Work::make(at.clone()) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    made => return made,
                }
                if let Some(work) = Work::take_over(at)? {
                    return Ok(work);
                }
            }
            Err(io::Error::other("others fetch it at this moment"))
        };
        find().map_err(failed("make a folder in", stage.display()))
    }
}

impl Place {
    /// The key that something of a backup was encrypted with.
    pub(crate) fn opening_key(
        &self,
        name: &str,
        encryption: &Encryption,
    ) -> Result<&EncryptionKey, PlaceError> {
        let theirs = &encryption.key;
        let wrong = match &self.encryption {
            Some(key) if key.id() == *theirs => return Ok(key),
            Some(key) => KeyError::Another {
                theirs: theirs.clone(),
                ours: key.id(),
            },
            None => KeyError::Missing(theirs.clone()),
        };
        let wrong = io::Error::new(io::ErrorKind::PermissionDenied, wrong);
        Err(failed("open the backup", self.shelf().shown(name))(wrong))
    }

    /// A folder on this machine for what is open of a backup. Should its maker die, the next command removes it.
    pub(crate) fn scratch(&self, name: &str) -> Result<Work, PlaceError> {
        const TRIES: u32 = 100;
        self.sweep_stage()?;
        let stage = self.stage()?;
        let mut made = Err(io::Error::other("every such name is taken"));
        for _ in 0..TRIES {
            let at = free_name(&stage, &format!(".{name}"), OPENED);
            made = Work::make(at);
            // Somebody else has made it, or swept it, at that very instant.
            let is_again = made.as_ref().is_err_and(|error| {
                let kind = error.kind();
                kind == io::ErrorKind::AlreadyExists || kind == io::ErrorKind::NotFound
            });
            if !is_again {
                break;
            }
        }
        made.map_err(failed("make a folder in", stage.display()))
    }

    /// Fetches a file of a backup from a bucket.
    pub(crate) fn fetch(
        &self,
        name: &str,
        file: &FileDigest,
        into: &Path,
    ) -> Result<(), PlaceError> {
        let Root::Bucket(bucket) = &self.root else {
            return Ok(());
        };
        let fetched = fetch_file(bucket, name, file, into, &mut |_| {});
        let whole = fetched.and_then(|(_, digest)| match digest == file.digest {
            true => Ok(()),
            false => Err(io::Error::other("its bytes are not what they were")),
        });
        let at = self.shelf().shown(&format!("{name}/{}", file.path));
        whole.map_err(failed("fetch", at))
    }
}

/// A path in a folder that nobody has.
fn free_name(folder: &Path, before: &str, after: &str) -> PathBuf {
    let numbered = |number: u32| folder.join(format!("{before}-{number}{after}"));
    let free = (1..).map(numbered).find(|path| !path.exists());
    free.unwrap_or_else(|| numbered(0))
}

/// Fetches what is missing of a file. What was there before counts only if the whole is right with it.
fn fetch_file(
    bucket: &Bucket,
    name: &str,
    file: &FileDigest,
    into: &Path,
    read: &mut dyn FnMut(u64),
) -> io::Result<(u64, Digest)> {
    if let Some(folder) = into.parent() {
        fs::create_dir_all(folder)?;
    }
    let path = format!("{name}/{}", file.path);
    let there = fs::metadata(into).map_or(0, |about| about.len());
    if there > 0 && there <= file.bytes {
        let found = go_on(bucket, &path, into, read)?;
        if found.1 == file.digest {
            return Ok(found);
        }
    }
    File::create(into)?;
    if there == 0 {
        return go_on(bucket, &path, into, read);
    }
    // What is fetched a second time is not told a second time.
    go_on(bucket, &path, into, &mut |_| {})
}

/// Reads what is there of a file, and fetches what is missing behind it.
fn go_on(
    bucket: &Bucket,
    path: &str,
    into: &Path,
    read: &mut dyn FnMut(u64),
) -> io::Result<(u64, Digest)> {
    const CHUNK: usize = 1 << 20;
    let mut hasher = blake3::Hasher::new();
    let mut local = OpenOptions::new().read(true).append(true).open(into)?;
    let (mut bytes, mut chunk) = (0, vec![0; CHUNK]);
    loop {
        let count = local.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        hasher.update(&chunk[..count]);
        bytes += count as u64;
        read(count as u64);
    }
    bucket.receive(path, bytes, &mut |chunk| {
        local.write_all(chunk)?;
        hasher.update(chunk);
        bytes += chunk.len() as u64;
        read(chunk.len() as u64);
        Ok(())
    })?;
    Ok((bytes, digest_from(&hasher)?))
}
