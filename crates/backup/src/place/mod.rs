//! Where backups are kept: a folder, or a bucket of an object store.

mod draft;
mod error;
mod folder;
mod open;
mod restoring;
pub(crate) mod shelf;
#[cfg(test)]
mod tests;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use tightrope_model::Digest;

pub use draft::Draft;
pub use error::PlaceError;
pub use open::{KeyError, Opened};
pub use restoring::{RestoreMark, RestoreNote};

use crate::bucket::{Bucket, BucketOptions};
use crate::{
    Damage, DrillRecord, EncryptionKey, Found, Manifest, ManifestError, Proof, SigningKey,
};
pub(crate) use error::failed;
pub(crate) use folder::or_none;
pub(crate) use work::Work;

use folder::Folder;
use shelf::{DRILLS, MANIFEST, PROOF, Shelf};
use work::{PART, left_behind, private_folder};

/// How the name of a folder ends that a backup is fetched into.
const FETCHED: &str = ".fetched";

/// How the name of a folder ends that has what is open of a backup.
pub(crate) const OPENED: &str = ".opened.part";

/// A backup that was fetched in part is kept for so long: the next command goes on with it.
const FETCHED_STAYS: SignedDuration = SignedDuration::from_hours(24);

/// Where backups are kept, and the keys to them.
#[derive(Clone, Debug)]
pub struct Place {
    root: Root,
    key: Option<SigningKey>,
    encryption: Option<EncryptionKey>,
    staging: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum Root {
    Folder(Folder),
    Bucket(Bucket),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shelf().shown(""))
    }
}

impl Place {
    /// The place in that folder; records are signed with the key, and must be, where one is given.
    pub fn new(folder: impl Into<PathBuf>, key: Option<SigningKey>) -> Self {
        Self {
            root: Root::Folder(Folder(folder.into())),
            key,
            encryption: None,
            staging: None,
        }
    }

    /// The place at the address of a bucket, such as `s3://BUCKET/PREFIX`. Nothing is asked of the bucket yet.
    ///
    /// # Errors
    /// When the address or an option cannot be understood.
    pub fn in_bucket(
        address: &str,
        options: &BucketOptions,
        key: Option<SigningKey>,
    ) -> Result<Self, PlaceError> {
        let bucket = Bucket::open(address, options).map_err(failed("use", redacted(address)))?;
        Ok(Self {
            root: Root::Bucket(bucket),
            key,
            encryption: None,
            staging: None,
        })
    }

    /// The same place, whose new backups are encrypted if a key is given; it opens those that are.
    #[must_use]
    pub fn with_encryption(self, encryption: Option<EncryptionKey>) -> Self {
        Self { encryption, ..self }
    }

    /// The same place, with a folder on this machine for what is on its way there or back.
    #[must_use]
    pub fn with_staging(self, staging: Option<PathBuf>) -> Self {
        Self { staging, ..self }
    }

    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match &self.root {
            Root::Folder(folder) => Some(&folder.0),
            Root::Bucket(_) => None,
        }
    }

    /// Whether something is there that could hold backups. Of a bucket that is not known before it is asked.
    pub fn exists(&self) -> bool {
        match &self.root {
            Root::Folder(folder) => folder.exists(),
            Root::Bucket(_) => true,
        }
    }

    /// The folders that a backup's files are written into, as it is taken.
    pub fn written_to(&self) -> Vec<&Path> {
        let staging = self.staging.as_deref();
        match (&self.root, &self.encryption) {
            (Root::Folder(folder), None) => vec![&folder.0],
            (Root::Folder(folder), Some(_)) => staging.into_iter().chain([&*folder.0]).collect(),
            (Root::Bucket(_), _) => staging.into_iter().collect(),
        }
    }

    pub(crate) fn signing_key(&self) -> Option<&SigningKey> {
        self.key.as_ref()
    }

    pub(crate) fn encryption_key(&self) -> Option<&EncryptionKey> {
        self.encryption.as_ref()
    }

    pub(crate) fn shelf(&self) -> &dyn Shelf {
        match &self.root {
            Root::Folder(folder) => folder,
            Root::Bucket(bucket) => bucket,
        }
    }

    /// Where on this machine what is on its way to this place lies.
    pub(crate) fn stage(&self) -> Result<PathBuf, PlaceError> {
        let none = || {
            let why = "no folder is named for what is on its way (`staging` under [backup] in tightrope.toml)";
            io::Error::new(io::ErrorKind::NotFound, why)
        };
        let staging = self.staging.as_ref().ok_or_else(none);
        let staging = staging.map_err(failed("work on backups in", self))?;
        let stage = staging.join(Digest::of(self.to_string()).short());
        private_folder()
            .recursive(true)
            .create(&stage)
            .map_err(failed("make the folder", stage.display()))?;
        Ok(stage)
    }

    /// Makes the folder if it is not there, and removes what dead makers have left in it; gives the names.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn prepare(&self) -> Result<Vec<String>, PlaceError> {
        let mut swept = Vec::new();
        if let Root::Folder(folder) = &self.root {
            folder.make().map_err(failed("make the folder", self))?;
            swept.extend(sweep_parts(&folder.0)?);
        }
        if let Root::Bucket(bucket) = &self.root {
            swept.extend(self.sweep_drafts(bucket)?);
            swept.extend(bucket.sweep().map_err(failed("reach", self))?);
        }
        self.sweep_stage()?;
        Ok(swept)
    }

    /// Removes what dead readers and makers have left on this machine.
    pub(crate) fn sweep_stage(&self) -> Result<(), PlaceError> {
        let needed = self.encryption.is_some() || matches!(self.root, Root::Bucket(_));
        if !needed {
            return Ok(());
        }
        let stage = self.stage()?;
        let wanted = |name: &str| {
            name.ends_with(&format!(".plain{PART}"))
                || name.ends_with(OPENED)
                || is_old(&stage, name)
        };
        let left = left_behind(&stage, wanted).map_err(failed("sweep", stage.display()))?;
        for (name, work) in left {
            let at = stage.join(name);
            work.remove().map_err(failed("remove", at.display()))?;
        }
        Ok(())
    }

    /// All backups, oldest first: in the order in which they were begun, which their names say, so that also one whose manifest
    /// cannot be read has its turn.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn list(&self) -> Result<Vec<Found>, PlaceError> {
        let names = self.shelf().names().map_err(failed("reach", self))?;
        let found: Result<Vec<Found>, PlaceError> =
            names.into_iter().map(|name| self.look_at(name)).collect();
        let mut found = found?;
        found.sort_by_cached_key(Found::begun);
        Ok(found)
    }

    /// The backup of that name, if it is there.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Found>, PlaceError> {
        let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
        if !is_plain || !self.shelf().has(name).map_err(failed("reach", self))? {
            return Ok(None);
        }
        self.look_at(name.to_owned()).map(Some)
    }

    fn look_at(&self, name: String) -> Result<Found, PlaceError> {
        let manifest = self.manifest(&name)?;
        let path = format!("{name}/{PROOF}");
        let proof = match self.shelf().read(&path) {
            Ok(text) => text.and_then(|text| Proof::parse(&text, self.key.as_ref())),
            // A proof that cannot be read proves nothing.
            Err(error) => {
                self.unreadable(&name, PROOF, error)?;
                None
            }
        };
        Ok(Found {
            name,
            place: self.clone(),
            manifest,
            proof,
        })
    }

    fn manifest(&self, name: &str) -> Result<Result<Box<Manifest>, Damage>, PlaceError> {
        let text = match self.shelf().read(&format!("{name}/{MANIFEST}")) {
            Ok(Some(text)) => text,
            Ok(None) => {
                return Ok(Err(Damage::Missing {
                    file: MANIFEST.to_owned(),
                }));
            }
            Err(error) => return self.unreadable(name, MANIFEST, error).map(Err),
        };
        let in_words = |error: ManifestError| Damage::Manifest {
            what: error.to_string(),
        };
        let manifest = Manifest::parse(&text, self.key.as_ref()).map_err(in_words);
        Ok(manifest.and_then(|manifest| {
            if manifest.name != name {
                return Err(Damage::Swapped { of: manifest.name });
            }
            Ok(Box::new(manifest))
        }))
    }

    /// What it means that a file cannot be read: on a disk it is damage; a bucket that does not answer says nothing about the file.
    pub(crate) fn unreadable(
        &self,
        name: &str,
        file: &str,
        error: io::Error,
    ) -> Result<Damage, PlaceError> {
        let at = format!("{name}/{file}");
        let inner = error.get_ref();
        let of_the_client = inner.is_some_and(|inner| inner.is::<crate::bucket::BucketError>());
        let of_the_object = matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::InvalidData
        );
        if matches!(self.root, Root::Bucket(_)) && (of_the_client || !of_the_object) {
            return Err(failed("fetch", self.shelf().shown(&at))(error));
        }
        Ok(Damage::Unreadable {
            file: file.to_owned(),
            why: error.to_string(),
        })
    }

    pub(crate) fn sizes(&self, name: &str) -> Result<BTreeMap<String, u64>, PlaceError> {
        let shelf = self.shelf();
        shelf.sizes(name).map_err(failed("read", shelf.shown(name)))
    }

    pub(crate) fn digest(
        &self,
        name: &str,
        file: &str,
        read: &mut dyn FnMut(u64),
    ) -> io::Result<(u64, Digest)> {
        self.shelf().digest(&format!("{name}/{file}"), read)
    }

    pub(crate) fn write_proof(&self, name: &str, proof: Proof) -> Result<Proof, PlaceError> {
        let proof = proof.sealed(self.key.as_ref());
        self.write(
            "write the proof",
            &format!("{name}/{PROOF}"),
            &proof.to_text(),
        )?;
        Ok(proof)
    }

    /// Writes a small file, durably; `what` says what is done, should it fail.
    pub(crate) fn write(
        &self,
        what: &'static str,
        path: &str,
        text: &str,
    ) -> Result<(), PlaceError> {
        let shelf = self.shelf();
        shelf
            .write(path, text)
            .map_err(failed(what, shelf.shown(path)))
    }

    /// Removes a backup, so that what is half removed never looks whole.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, backup: &Found) -> Result<(), PlaceError> {
        let shelf = self.shelf();
        let removed = shelf.remove(&backup.name);
        removed.map_err(failed("remove the backup", shelf.shown(&backup.name)))
    }

    /// Writes the record of a drill.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_drill(&self, record: DrillRecord) -> Result<DrillRecord, PlaceError> {
        let record = record.sealed(self.key.as_ref());
        let time = record.at.replace([':', '.'], "");
        let short = record.seal.map(|seal| seal.short()).unwrap_or_default();
        let path = format!("{DRILLS}/{time}-{}-{short}.json", record.kind.name());
        self.write("write the drill", &path, &record.to_text())?;
        Ok(record)
    }

    /// The records of all drills, oldest first, and the files that are none.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn drills(&self) -> Result<(Vec<DrillRecord>, Vec<String>), PlaceError> {
        let shelf = self.shelf();
        let files = shelf.files(DRILLS);
        let files = files.map_err(failed("read", shelf.shown(DRILLS)))?;
        let (mut records, mut broken) = (Vec::new(), Vec::new());
        for name in files {
            let path = format!("{DRILLS}/{name}");
            let text = match shelf.read(&path) {
                Ok(text) => text,
                // A record that cannot be read is a broken one.
                Err(error) => {
                    self.unreadable(DRILLS, &name, error)?;
                    None
                }
            };
            match text.and_then(|text| DrillRecord::parse(&text, self.key.as_ref())) {
                Some(record) => records.push(record),
                None => broken.push(name),
            }
        }
        records.sort_by(|a, b| a.at.cmp(&b.at));
        broken.sort();
        Ok((records, broken))
    }
}

/// An address without what does not belong there, and could be a secret.
fn redacted(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((_, rest)) => format!("{scheme}://***@{rest}"),
        None => format!("{scheme}://{rest}"),
    }
}

/// Removes the drafts in a folder whose locks nobody holds.
fn sweep_parts(folder: &Path) -> Result<Vec<String>, PlaceError> {
    let left = left_behind(folder, |name| name.ends_with(PART));
    let mut swept = Vec::new();
    for (name, work) in left.map_err(failed("sweep", folder.display()))? {
        let at = folder.join(&name);
        work.remove()
            .map_err(failed("remove the half backup", at.display()))?;
        swept.push(name);
    }
    Ok(swept)
}

/// Whether a backup was fetched into that folder, and nobody has gone on with it for long.
fn is_old(stage: &Path, name: &str) -> bool {
    let changed = || {
        let changed = std::fs::metadata(stage.join(name)).ok()?.modified().ok()?;
        Timestamp::try_from(changed).ok()
    };
    let is_old = |at: Timestamp| Timestamp::now().duration_since(at) > FETCHED_STAYS;
    name.contains(FETCHED) && changed().is_some_and(is_old)
}

/// How many bytes can still be written into a folder, or into where it would be made; none where that cannot be found out.
#[cfg(unix)]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    let about = rustix::fs::statvfs(there).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

/// How many bytes can still be written into a folder; here nobody knows.
#[cfg(not(unix))]
pub fn free_bytes(_: &Path) -> Option<u64> {
    None
}
