use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::failed;
use super::folder::Folder;
use super::shelf::{DATA, MANIFEST, Shelf as _};
use super::work::{LOCK, PART, Work, left_behind};
use super::{Place, PlaceError, Root};
use crate::bucket::{Bucket, Claim, ClaimState, UPLOADED};
use crate::cipher;
use crate::files::{DEEPEST, digest_all, digest_of, list};
use crate::manifest::Encryption;
use crate::name::BackupName;
use crate::record::{sync_folder, write_durably};
use crate::{FileDigest, Manifest, Progress};

/// The claim of a draft for a bucket, beside its files.
const CLAIM: &str = "claim.json";

/// A backup that is being made. Dropping it removes it, unless it is whole and on its way into a bucket: then the next command can
/// go on.
#[derive(Debug)]
pub struct Draft {
    place: Place,
    name: String,
    work: Work,
    /// Where the engine writes what is encrypted into `work`.
    plain: Option<Work>,
    claim: Option<Claim>,
    manifest: Option<Manifest>,
}

impl Place {
    /// Begins a backup of a database at that time, under a name that nobody has.
    ///
    /// # Errors
    /// When the place cannot be written.
    pub fn begin(&self, database: &str, time: Timestamp) -> Result<Draft, PlaceError> {
        const TRIES: u32 = 100;
        let home = match &self.root {
            Root::Folder(folder) => folder.0.clone(),
            Root::Bucket(_) => self.stage()?,
        };
        for number in 1..=TRIES {
            let name = BackupName::new(database, time, number).text();
            match Draft::begin(self, &home, &name) {
                Ok(Some(draft)) => return Ok(draft),
                Ok(None) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        // Taken; or somebody who swept at that very instant took it for one that nobody makes.
                        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
                    ) && error.get_ref().is_none() => {}
                Err(error) => return Err(failed("begin a backup in", self)(error)),
            }
        }
        let taken = io::Error::new(io::ErrorKind::AlreadyExists, "every such name is taken");
        Err(failed("begin a backup in", self)(taken))
    }

    /// The backups that were made whole on this machine and whose way into the bucket was interrupted; and the folders of those that
    /// were signed with another key, which are left alone. Those whose files are not any more what they were are removed.
    ///
    /// # Errors
    /// When the place or this machine's folder cannot be read.
    pub fn unfinished(&self) -> Result<(Vec<Draft>, Vec<PathBuf>), PlaceError> {
        let Root::Bucket(bucket) = &self.root else {
            return Ok((Vec::new(), Vec::new()));
        };
        let (mut drafts, mut others) = (Vec::new(), Vec::new());
        for (name, work) in self.left_drafts()? {
            let text = fs::read_to_string(work.folder().join(MANIFEST)).ok();
            let manifest = text.and_then(|text| Manifest::parse(&text, self.key.as_ref()).ok());
            let Some(manifest) = manifest else {
                others.push(work.folder().to_owned());
                continue;
            };
            if !is_whole(work.folder(), &manifest) {
                self.discard(bucket, &name, work)?;
                continue;
            }
            drafts.push(Draft {
                place: self.clone(),
                name,
                claim: claim_in(work.folder()),
                work,
                plain: None,
                manifest: Some(manifest),
            });
        }
        Ok((drafts, others))
    }

    /// The drafts for the bucket that nobody is at work on, with their names.
    fn left_drafts(&self) -> Result<Vec<(String, Work)>, PlaceError> {
        let stage = self.stage()?;
        let name_of = |folder: &str| -> Option<String> {
            let name = folder.strip_prefix('.')?.strip_suffix(PART)?;
            BackupName::parse(name).map(|_| name.to_owned())
        };
        let left = left_behind(&stage, |folder| name_of(folder).is_some());
        let left = left.map_err(failed("read", stage.display()))?;
        let named = left
            .into_iter()
            .filter_map(|(folder, work)| Some((name_of(&folder)?, work)));
        Ok(named.collect())
    }

    /// Removes the drafts that died before they were whole, here and in the bucket; gives their names.
    pub(super) fn sweep_drafts(&self, bucket: &Bucket) -> Result<Vec<String>, PlaceError> {
        let mut swept = Vec::new();
        for (name, work) in self.left_drafts()? {
            if !work.folder().join(MANIFEST).exists() {
                self.discard(bucket, &name, work)?;
                swept.push(name);
            }
        }
        Ok(swept)
    }

    /// Removes a draft: in the bucket first, for what is here is how its owner is known.
    fn discard(&self, bucket: &Bucket, name: &str, work: Work) -> Result<(), PlaceError> {
        let remove = || -> io::Result<()> {
            if let Some(claim) = claim_in(work.folder())
                && bucket.has_claim(name, &claim)?
            {
                bucket.remove(name)?;
            }
            work.remove()
        };
        remove().map_err(failed("remove the half backup", self.shelf().shown(name)))
    }
}

fn claim_in(folder: &Path) -> Option<Claim> {
    Claim::parse(&fs::read(folder.join(CLAIM)).ok()?)
}

fn is_whole(folder: &Path, manifest: &Manifest) -> bool {
    manifest.files.iter().all(|file| {
        let digest =
            fs::File::open(folder.join(&file.path)).and_then(|open| digest_of(&open, &mut |_| {}));
        digest.is_ok_and(|(_, digest)| digest == file.digest)
    })
}

impl Draft {
    /// None if the name is taken.
    fn begin(place: &Place, home: &Path, name: &str) -> io::Result<Option<Self>> {
        if let Root::Folder(folder) = &place.root
            && folder.0.join(name).exists()
        {
            return Ok(None);
        }
        let mut draft = Self {
            place: place.clone(),
            name: name.to_owned(),
            work: Work::make(home.join(format!(".{name}{PART}")))?,
            plain: None,
            claim: None,
            manifest: None,
        };
        if let Root::Bucket(bucket) = &place.root {
            let claim = Claim::new();
            // Written down first: who finds the claim in the bucket finds here whose it was.
            write_durably(&draft.work.folder().join(CLAIM), &claim.to_text())?;
            draft.claim = Some(claim.clone());
            if !bucket.claim(name, &claim)? {
                draft.claim = None;
                return Ok(None);
            }
        }
        fs::create_dir(draft.stored())?;
        if place.encryption.is_some() {
            let stage = place.stage().map_err(|error| error.source)?;
            let plain = Work::make(stage.join(format!(".{name}.plain{PART}")))?;
            fs::create_dir(plain.folder().join(DATA))?;
            draft.plain = Some(plain);
        }
        Ok(Some(draft))
    }

    /// The name that it will have.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is; none before the manifest is written.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The folder for the engine's files.
    pub fn data(&self) -> PathBuf {
        match &self.plain {
            Some(plain) => plain.folder().join(DATA),
            None => self.stored(),
        }
    }

    /// Where the files are as they will be in the place.
    fn stored(&self) -> PathBuf {
        self.work.folder().join(DATA)
    }

    /// Encrypts the engine's files if there is a key, digests them as they are stored, and makes them durable.
    ///
    /// # Errors
    /// When one cannot be read or written.
    pub fn digest(&mut self, progress: Progress<'_>) -> Result<Vec<FileDigest>, PlaceError> {
        let at = self.work.folder().to_owned();
        let Some(plain) = self.plain.take() else {
            let digests = digest_all(&at, DATA, progress);
            return digests.map_err(failed("read back", at.display()));
        };
        let sealed = self.encrypt(&plain, progress);
        sealed
            .and_then(|files| plain.remove().map(|()| files))
            .map_err(failed("encrypt", at.display()))
    }

    fn encrypt(&self, plain: &Work, progress: Progress<'_>) -> io::Result<Vec<FileDigest>> {
        let Some(key) = &self.place.encryption else {
            return Ok(Vec::new());
        };
        let mut paths = Vec::new();
        list(plain.folder(), DATA, DEEPEST, &mut paths)?;
        paths.sort();
        let size = |path: &String| fs::metadata(plain.folder().join(path)).map(|file| file.len());
        let all = paths.iter().map(size).sum::<io::Result<u64>>()?;
        let mut done = 0;
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let into = self.work.folder().join(&path);
            if let Some(folder) = into.parent() {
                fs::create_dir_all(folder)?;
            }
            let from = plain.folder().join(&path);
            files.push(cipher::encrypt(key, &from, &into, &path, &mut |read| {
                done += read;
                progress(done, all);
            })?);
        }
        crate::files::sync_folders(self.work.folder(), DATA, DEEPEST)?;
        Ok(files)
    }

    /// Seals the manifest and writes it, the last of all files.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_manifest(&mut self, manifest: Manifest) -> Result<Manifest, PlaceError> {
        // Of an adopted backup there is no file that could be.
        let key = self.place.encryption.as_ref();
        let key = key.filter(|_| manifest.adopted.is_none());
        let encryption = key.map(Encryption::with);
        let manifest = Manifest {
            encryption,
            ..manifest
        };
        let manifest = manifest.sealed(self.place.key.as_ref());
        let path = self.work.folder().join(MANIFEST);
        write_durably(&path, &manifest.to_text())
            .map_err(failed("write the manifest", path.display()))?;
        // From here on it is worth going on with.
        self.work.stays(matches!(self.place.root, Root::Bucket(_)));
        self.manifest = Some(manifest.clone());
        Ok(manifest)
    }

    /// Gives the backup its name: from here on it is one. Says when something is about to become durable, or just has; gives where
    /// it is.
    ///
    /// # Errors
    /// When the files cannot be brought there, or the name cannot be given.
    pub fn finish(
        self,
        progress: Progress<'_>,
        reached: &dyn Fn(&'static str),
    ) -> Result<String, PlaceError> {
        let place = self.place.clone();
        let at = place.shelf().shown(&self.name);
        let finished = match &place.root {
            Root::Folder(folder) => self.name_in(folder, reached),
            Root::Bucket(bucket) => self.send_to(bucket, progress, reached),
        };
        finished.map_err(failed("finish the backup", &at))?;
        Ok(at)
    }

    fn name_in(mut self, place: &Folder, reached: &dyn Fn(&'static str)) -> io::Result<()> {
        let folder = place.0.join(&self.name);
        sync_folder(self.work.folder())?;
        fs::rename(self.work.folder(), &folder)?;
        self.work.stays(true);
        sync_folder(&place.0)?;
        reached("backup named");
        // The lock goes last: a draft without one would be swept by nobody. Beside a name it means nothing, should it stay.
        let _ = fs::remove_file(folder.join(LOCK));
        Ok(())
    }

    /// Sends the files, the manifest after all of them, and removes what is here.
    fn send_to(
        mut self,
        bucket: &Bucket,
        progress: Progress<'_>,
        reached: &dyn Fn(&'static str),
    ) -> io::Result<()> {
        let (Some(manifest), Some(claim)) = (self.manifest.take(), self.claim.take()) else {
            return Err(io::Error::other("its manifest was never written"));
        };
        let home = self.work.folder();
        let log = home.join(UPLOADED);
        if !bucket.has_claim(&self.name, &claim)? {
            return Err(io::Error::other("somebody else has taken its name"));
        }
        bucket.send(home, &self.name, &manifest.files, &log, progress)?;
        reached("files uploaded");
        let there = bucket.sizes(&self.name)?;
        let missing = |file: &&FileDigest| there.get(&file.path) != Some(&file.bytes);
        if let Some(file) = manifest.files.iter().find(missing) {
            let why = format!("`{}` went up and is not there", file.path);
            return Err(io::Error::other(why));
        }
        if !bucket.has_claim(&self.name, &claim)? {
            return Err(io::Error::other("somebody else has taken its name"));
        }
        reached("before the manifest is uploaded");
        let path = format!("{}/{MANIFEST}", self.name);
        if !bucket.write_new(&path, &manifest.to_text())? {
            return Err(io::Error::other("another manifest is there already"));
        }
        reached("manifest uploaded");
        bucket.set_claim(&self.name, &claim, ClaimState::Whole)?;
        reached("backup named");
        // Should it stay, the next command finds all of it there, and removes it.
        self.work.stays(false);
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let unfinished = self.manifest.is_none().then(|| self.claim.take()).flatten();
        if let (Some(claim), Root::Bucket(bucket)) = (unfinished, &self.place.root)
            && bucket.has_claim(&self.name, &claim).unwrap_or(false)
        {
            // Where that does not work, it is swept in a week: nobody will go on with it.
            let _ = bucket.remove(&self.name);
        }
    }
}
