use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::files::{digest_all, digest_of, list};
use crate::name::BackupName;
use crate::record::{sync_folder, write_durably};
use crate::{DrillRecord, FileDigest, Manifest, ManifestError, Progress, Proof, SigningKey};

const MANIFEST: &str = "manifest.json";
const PROOF: &str = "proof.json";
const DATA: &str = "data";
const LOCK: &str = "lock";
const PART: &str = ".part";
const DRILLS: &str = "drills";

/// The folder that backups are kept in.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
    key: Option<SigningKey>,
}

/// The error of reading or writing the place.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}", path.display())]
pub struct PlaceError {
    /// What was to be done.
    pub what: &'static str,
    /// With what.
    pub path: PathBuf,
    /// Why it did not work.
    pub source: io::Error,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
    let path = path.to_owned();
    move |source| PlaceError { what, path, source }
}

/// What is wrong with a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "damage")]
pub enum Damage {
    /// The manifest cannot be read, was changed, or is not signed as it should be.
    Manifest {
        /// In words.
        what: String,
    },
    /// The manifest is that of another backup.
    Swapped {
        /// Of which.
        of: String,
    },
    /// A file is not there.
    Missing {
        /// Which.
        file: String,
    },
    /// A file is shorter or longer than it was.
    Size {
        /// Which.
        file: String,
        /// What it was.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A file's bytes are not what they were.
    Changed {
        /// Which.
        file: String,
    },
    /// A file is there that was not.
    Extra {
        /// Which.
        file: String,
    },
    /// A file cannot be read.
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest { what } => f.write_str(what),
            Self::Swapped { of } => write!(f, "the manifest is that of another backup, `{of}`"),
            Self::Missing { file } => write!(f, "`{file}` is missing"),
            Self::Size {
                file,
                expected,
                found,
            } => write!(f, "`{file}` has {found} bytes and had {expected}"),
            Self::Changed { file } => write!(f, "the bytes of `{file}` are not what they were"),
            Self::Extra { file } => write!(f, "`{file}` is there and was not"),
            Self::Unreadable { file, why } => write!(f, "`{file}` cannot be read: {why}"),
        }
    }
}

/// A backup as it was found in the place.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its manifest, or what is wrong with it.
    pub manifest: Result<Box<Manifest>, Damage>,
    /// The newest record of having restored it.
    pub proof: Option<Proof>,
}

impl Found {
    /// The folder with the engine's files.
    pub fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    /// When it was begun, and which of that second it is. Where the name does not say so, the manifest does, or else the folder.
    fn begun(&self) -> (Timestamp, u32) {
        if let Some(name) = BackupName::parse(&self.name) {
            return (name.begun, name.number);
        }
        let changed = || {
            let changed = fs::metadata(&self.folder).and_then(|folder| folder.modified());
            changed.ok().and_then(|time| Timestamp::try_from(time).ok())
        };
        let time = match &self.manifest {
            Ok(manifest) => Some(manifest.taken()),
            Err(_) => changed(),
        };
        // What nothing is known of might be the newest.
        (time.unwrap_or(Timestamp::MAX), 1)
    }

    /// Whether it could be a backup of the database of that name, for all that its own name says.
    pub fn may_be_of(&self, database: &str) -> bool {
        BackupName::parse(&self.name).is_none_or(|name| name.may_be_of(database))
    }

    /// What can be seen to be wrong without reading the files: their names and sizes.
    pub fn look(&self) -> Vec<Damage> {
        let manifest = match &self.manifest {
            Ok(manifest) => manifest,
            Err(damage) => return vec![damage.clone()],
        };
        let mut damage: Vec<Damage> = manifest
            .files
            .iter()
            .filter_map(|file| self.size_differs(file))
            .collect();
        let mut there = Vec::new();
        // A folder that is gone shows in every file that is missing.
        let _ = list(&self.folder, DATA, 8, &mut there);
        let known = |path: &String| manifest.files.iter().any(|file| file.path == *path);
        let extra = there.into_iter().filter(|path| !known(path));
        damage.extend(extra.map(|file| Damage::Extra { file }));
        damage
    }

    fn size_differs(&self, file: &FileDigest) -> Option<Damage> {
        let name = file.path.clone();
        match fs::metadata(self.folder.join(&file.path)) {
            Ok(about) if about.len() == file.bytes => None,
            Ok(about) => Some(Damage::Size {
                file: name,
                expected: file.bytes,
                found: about.len(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Some(Damage::Missing { file: name })
            }
            Err(error) => Some(Damage::Unreadable {
                file: name,
                why: error.to_string(),
            }),
        }
    }

    /// Everything that is wrong with it: every byte of every file is read.
    pub fn check(&self, progress: Progress<'_>) -> Vec<Damage> {
        let mut damage = self.look();
        let Ok(manifest) = &self.manifest else {
            return damage;
        };
        let all = manifest.bytes();
        let mut done = 0;
        for file in &manifest.files {
            // What is missing or of another size is named already.
            if self.size_differs(file).is_some() {
                continue;
            }
            let digest = File::open(self.folder.join(&file.path)).and_then(|open| {
                digest_of(&open, &mut |read| {
                    done += read;
                    progress(done, all);
                })
            });
            match digest {
                Ok((_, digest)) if digest == file.digest => {}
                Ok(_) => damage.push(Damage::Changed {
                    file: file.path.clone(),
                }),
                Err(error) => damage.push(Damage::Unreadable {
                    file: file.path.clone(),
                    why: error.to_string(),
                }),
            }
        }
        damage
    }
}

impl Place {
    /// The place in that folder; records are signed with the key, and must be, where one is given.
    pub fn new(folder: impl Into<PathBuf>, key: Option<SigningKey>) -> Self {
        Self {
            folder: folder.into(),
            key,
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder if it is not there, and removes what dead makers have left in it; gives the names.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn prepare(&self) -> Result<Vec<String>, PlaceError> {
        private_folder()
            .recursive(true)
            .create(&self.folder)
            .map_err(failed("make the folder", &self.folder))?;
        self.sweep()
    }

    /// Removes what dead makers have left: drafts whose locks nobody holds.
    fn sweep(&self) -> Result<Vec<String>, PlaceError> {
        let mut swept = Vec::new();
        for name in self.names(|name| name.starts_with('.') && name.ends_with(PART))? {
            let folder = self.folder.join(&name);
            let lock = match File::open(folder.join(LOCK)) {
                Ok(lock) => lock,
                // Killed before there was a lock: nothing else was there either. Another maker may be at that very instant.
                Err(_) if is_empty(&folder) => {
                    if fs::remove_dir(&folder).is_ok() {
                        swept.push(name);
                    }
                    continue;
                }
                Err(_) => continue,
            };
            match lock.try_lock() {
                Ok(()) => {
                    fs::remove_dir_all(&folder)
                        .map_err(failed("remove the half backup", &folder))?;
                    swept.push(name);
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(failed("look at the lock of", &folder)(error));
                }
            }
        }
        Ok(swept)
    }

    fn names(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, PlaceError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read the folder", &self.folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed("read the folder", &self.folder))?;
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

    /// Begins a backup of a database at that time, under a name that nobody has.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn begin(&self, database: &str, time: Timestamp) -> Result<Draft, PlaceError> {
        const TRIES: u32 = 100;
        for number in 1..=TRIES {
            let name = BackupName::new(database, time, number).text();
            let folder = self.folder.join(format!(".{name}{PART}"));
            if self.folder.join(&name).exists() {
                continue;
            }
            match private_folder().create(&folder) {
                Ok(()) => match Draft::in_folder(self, name, folder) {
                    // Somebody who swept at that very instant took it for one that nobody makes.
                    Err(error) if error.source.kind() == io::ErrorKind::NotFound => {}
                    begun => return begun,
                },
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("make the folder", &folder)(error)),
            }
        }
        let taken = io::Error::new(io::ErrorKind::AlreadyExists, "every such name is taken");
        Err(failed("begin a backup in", &self.folder)(taken))
    }

    /// All backups, oldest first: in the order in which they were begun, which their names say, so that also one whose manifest
    /// cannot be read has its turn.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Found>, PlaceError> {
        let names = self.names(|name| !name.starts_with('.') && name != DRILLS)?;
        let mut found: Vec<Found> = names.into_iter().map(|name| self.look_at(name)).collect();
        found.sort_by_cached_key(Found::begun);
        Ok(found)
    }

    /// The backup of that name, if it is there.
    pub fn find(&self, name: &str) -> Option<Found> {
        let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
        (is_plain && self.folder.join(name).is_dir()).then(|| self.look_at(name.to_owned()))
    }

    fn look_at(&self, name: String) -> Found {
        let folder = self.folder.join(&name);
        let manifest = self.manifest(&folder, &name);
        let proof = fs::read_to_string(folder.join(PROOF))
            .ok()
            .and_then(|text| Proof::parse(&text, self.key.as_ref()));
        Found {
            name,
            folder,
            manifest,
            proof,
        }
    }

    fn manifest(&self, folder: &Path, name: &str) -> Result<Box<Manifest>, Damage> {
        let text = match fs::read_to_string(folder.join(MANIFEST)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Damage::Missing {
                    file: MANIFEST.to_owned(),
                });
            }
            Err(error) => {
                return Err(Damage::Unreadable {
                    file: MANIFEST.to_owned(),
                    why: error.to_string(),
                });
            }
        };
        let in_words = |error: ManifestError| Damage::Manifest {
            what: error.to_string(),
        };
        let manifest = Manifest::parse(&text, self.key.as_ref()).map_err(in_words)?;
        if manifest.name != name {
            return Err(Damage::Swapped { of: manifest.name });
        }
        Ok(Box::new(manifest))
    }

    /// Writes a proof beside the manifest, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_proof(&self, backup: &Found, proof: Proof) -> Result<Proof, PlaceError> {
        let proof = proof.sealed(self.key.as_ref());
        let path = backup.folder.join(PROOF);
        write_durably(&path, &proof.to_text()).map_err(failed("write the proof", &path))?;
        Ok(proof)
    }

    /// Removes a backup: its name goes first, so that what is half removed never looks whole.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, backup: &Found) -> Result<(), PlaceError> {
        let going = self.folder.join(format!(".{}.removed{PART}", backup.name));
        let remove = || -> io::Result<()> {
            // The next command finds the lock free and sweeps what is left.
            File::create(backup.folder.join(LOCK))?;
            fs::rename(&backup.folder, &going)?;
            sync_folder(&self.folder)?;
            fs::remove_dir_all(&going)
        };
        remove().map_err(failed("remove the backup", &backup.folder))
    }

    /// Writes the record of a drill.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_drill(&self, record: DrillRecord) -> Result<DrillRecord, PlaceError> {
        let folder = self.folder.join(DRILLS);
        fs::create_dir_all(&folder).map_err(failed("make the folder", &folder))?;
        let record = record.sealed(self.key.as_ref());
        let time = record.at.replace([':', '.'], "");
        let short = record.seal.map(|seal| seal.short()).unwrap_or_default();
        let path = folder.join(format!("{time}-{}-{short}.json", record.kind.name()));
        write_durably(&path, &record.to_text()).map_err(failed("write the drill", &path))?;
        Ok(record)
    }

    /// The records of all drills, oldest first, and the files that are none.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn drills(&self) -> Result<(Vec<DrillRecord>, Vec<String>), PlaceError> {
        let folder = self.folder.join(DRILLS);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Vec::new(), Vec::new()));
            }
            Err(error) => return Err(failed("read the folder", &folder)(error)),
        };
        let (mut records, mut broken) = (Vec::new(), Vec::new());
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let record = fs::read_to_string(entry.path())
                .ok()
                .and_then(|text| DrillRecord::parse(&text, self.key.as_ref()));
            match record {
                Some(record) => records.push(record),
                None => broken.push(name),
            }
        }
        records.sort_by(|a, b| a.at.cmp(&b.at));
        broken.sort();
        Ok((records, broken))
    }
}

/// What is in a backup is what is in the database: nobody else may look into its folder.
fn private_folder() -> fs::DirBuilder {
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

/// A backup that is being made. Dropping it removes it.
#[derive(Debug)]
pub struct Draft {
    place: PathBuf,
    key: Option<SigningKey>,
    name: String,
    folder: PathBuf,
    /// Held for as long as the maker lives.
    _lock: File,
    finished: bool,
}

impl Draft {
    fn in_folder(place: &Place, name: String, folder: PathBuf) -> Result<Self, PlaceError> {
        let path = folder.join(LOCK);
        let lock = File::create(&path)
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(failed("lock", &path))?;
        let draft = Self {
            place: place.folder.clone(),
            key: place.key.clone(),
            name,
            folder,
            _lock: lock,
            finished: false,
        };
        let data = draft.data();
        fs::create_dir(&data).map_err(failed("make the folder", &data))?;
        Ok(draft)
    }

    /// The name that it will have.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder for the engine's files.
    pub fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    /// Digests the engine's files and makes them durable.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn digest(&self, progress: Progress<'_>) -> Result<Vec<FileDigest>, PlaceError> {
        digest_all(&self.folder, DATA, progress).map_err(failed("read back", &self.folder))
    }

    /// Seals the manifest and writes it, the last of all files.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_manifest(&self, manifest: Manifest) -> Result<Manifest, PlaceError> {
        let manifest = manifest.sealed(self.key.as_ref());
        let path = self.folder.join(MANIFEST);
        write_durably(&path, &manifest.to_text()).map_err(failed("write the manifest", &path))?;
        Ok(manifest)
    }

    /// Gives the backup its name: from here on it is one. `named` is called when that is durable.
    ///
    /// # Errors
    /// When the name cannot be given.
    pub fn finish(mut self, named: impl FnOnce()) -> Result<PathBuf, PlaceError> {
        let folder = self.place.join(&self.name);
        let finish = || -> io::Result<()> {
            sync_folder(&self.folder)?;
            fs::rename(&self.folder, &folder)
        };
        finish().map_err(failed("finish the backup", &folder))?;
        self.finished = true;
        sync_folder(&self.place).map_err(failed("make durable the names in", &self.place))?;
        named();
        // The lock goes last: a draft without one would be swept by nobody. Beside a name it means nothing, should it stay.
        let _ = fs::remove_file(folder.join(LOCK));
        Ok(folder)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now is swept by the next command: the lock goes with this process.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::manifest;
    use crate::proof::tests::proof_of;
    use crate::{DrillKind, DrillVerdict};

    fn nothing(_: u64, _: u64) {}

    struct Scene {
        place: Place,
        _folder: tempfile::TempDir,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let place = Place::new(folder.path().join("backups"), None);
            place.prepare().unwrap();
            Self {
                place,
                _folder: folder,
            }
        }

        fn draft(&self, time: &str) -> Draft {
            let draft = self.place.begin("shop.db", time.parse().unwrap()).unwrap();
            fs::write(draft.data().join("a.dat"), "first").unwrap();
            fs::write(draft.data().join("b.dat"), "second").unwrap();
            draft
        }

        fn make(&self, time: &str) -> Found {
            let draft = self.draft(time);
            let files = draft.digest(&nothing).unwrap();
            let name = draft.name().to_owned();
            draft
                .write_manifest(Manifest {
                    files,
                    ..manifest(&name, time)
                })
                .unwrap();
            let lock = self.place.folder.join(&name).join(LOCK);
            draft
                .finish(|| {
                    assert!(
                        lock.exists(),
                        "a draft has its lock for as long as it is one"
                    )
                })
                .unwrap();
            assert!(!lock.exists());
            self.place.find(&name).unwrap()
        }
    }

    const TIME: &str = "2026-01-02T03:04:05Z";

    #[test]
    fn a_whole_backup_has_no_damage() {
        let scene = Scene::new();
        let found = scene.make(TIME);
        assert_eq!(found.name, "shop-db-20260102T030405Z");
        assert_eq!(found.check(&nothing), []);
        assert_eq!(found.manifest.as_ref().unwrap().bytes(), 11);
        let second = scene.make(TIME);
        assert_eq!(second.name, "shop-db-20260102T030405Z-2");
        assert_eq!(scene.place.list().unwrap().len(), 2);
        assert!(scene.place.find("../x").is_none());
    }

    #[test]
    fn every_damage_is_named() {
        let scene = Scene::new();
        let check = |damage: &dyn Fn(&Path), expect: &str| {
            let made = scene.make(TIME);
            damage(&made.folder);
            let found = scene.place.find(&made.name).unwrap();
            let said: Vec<String> = found
                .check(&nothing)
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(said, [expect]);
        };
        check(
            &|folder| fs::write(folder.join("data/a.dat"), "fjrst").unwrap(),
            "the bytes of `data/a.dat` are not what they were",
        );
        check(
            &|folder| fs::write(folder.join("data/b.dat"), "secon").unwrap(),
            "`data/b.dat` has 5 bytes and had 6",
        );
        check(
            &|folder| fs::remove_file(folder.join("data/b.dat")).unwrap(),
            "`data/b.dat` is missing",
        );
        check(
            &|folder| fs::write(folder.join("data/c.dat"), "").unwrap(),
            "`data/c.dat` is there and was not",
        );
        check(
            &|folder| fs::remove_file(folder.join(MANIFEST)).unwrap(),
            "`manifest.json` is missing",
        );
        check(
            &|folder| {
                let path = folder.join(MANIFEST);
                let text = fs::read_to_string(&path).unwrap();
                fs::write(path, text.replace("backup API", "by hand")).unwrap();
            },
            "the manifest was changed after it was written",
        );
        check(
            &|folder| {
                let path = folder.join(MANIFEST);
                let text = fs::read_to_string(&path).unwrap();
                fs::write(path, &text[..text.len() - 9]).unwrap();
            },
            "the manifest cannot be read",
        );
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look_into_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let scene = Scene::new();
        let made = scene.make(TIME);
        for folder in [&scene.place.folder, &made.folder] {
            let mode = fs::metadata(folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        }
    }

    #[test]
    fn one_that_cannot_be_read_keeps_its_turn() {
        let scene = Scene::new();
        let made = [TIME, TIME, "2026-01-02T03:04:06Z"].map(|time| scene.make(time).name);
        let names = || -> Vec<String> {
            let all = scene.place.list().unwrap();
            all.into_iter().map(|found| found.name).collect()
        };
        assert_eq!(names(), made);
        for name in &made {
            fs::remove_file(scene.place.folder.join(name).join(MANIFEST)).unwrap();
            assert_eq!(names(), made, "without the manifest of {name}");
        }
        let found = scene.place.find(&made[0]).unwrap();
        assert!(found.may_be_of("shop.db") && !found.may_be_of("billing"));
    }

    #[test]
    fn a_swapped_manifest_is_named() {
        let scene = Scene::new();
        let (one, other) = (scene.make(TIME), scene.make(TIME));
        fs::copy(one.folder.join(MANIFEST), other.folder.join(MANIFEST)).unwrap();
        let found = scene.place.find(&other.name).unwrap();
        assert_eq!(found.check(&nothing), [Damage::Swapped { of: one.name }]);
    }

    #[test]
    fn every_flipped_bit_of_every_file_is_found() {
        let scene = Scene::new();
        let made = scene.make(TIME);
        for file in ["data/a.dat", "data/b.dat", MANIFEST] {
            let path = made.folder.join(file);
            let whole = fs::read(&path).unwrap();
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << (at % 8);
                fs::write(&path, &bytes).unwrap();
                let found = scene.place.find(&made.name).unwrap();
                assert!(!found.check(&nothing).is_empty(), "{file}, byte {at}");
            }
            fs::write(&path, &whole).unwrap();
        }
        assert_eq!(scene.place.find(&made.name).unwrap().check(&nothing), []);
    }

    #[test]
    fn a_half_backup_is_no_backup_and_goes_once_its_maker_is_gone() {
        let scene = Scene::new();
        let draft = scene.draft(TIME);
        assert!(scene.place.list().unwrap().is_empty());
        assert!(scene.place.prepare().unwrap().is_empty(), "its maker lives");
        let folder = draft.folder.clone();
        drop(draft);
        assert!(!folder.exists());
        // Killed: the lock is free, everything else is there.
        fs::create_dir_all(folder.join(DATA)).unwrap();
        fs::write(folder.join(LOCK), "").unwrap();
        assert_eq!(scene.place.prepare().unwrap().len(), 1);
        assert!(!folder.exists());
        // Killed before it had a lock.
        fs::create_dir(&folder).unwrap();
        assert_eq!(scene.place.prepare().unwrap().len(), 1);
    }

    #[test]
    fn proofs_and_drills_are_read_back() {
        let scene = Scene::new();
        let found = scene.make(TIME);
        let proof = proof_of(found.manifest.as_ref().unwrap());
        let written = scene.place.write_proof(&found, proof).unwrap();
        assert_eq!(scene.place.find(&found.name).unwrap().proof, Some(written));
        let drill = DrillRecord {
            tightrope_drill: DrillRecord::LAYOUT,
            kind: DrillKind::Restore,
            database: found.manifest.as_ref().unwrap().database.clone(),
            at: TIME.to_owned(),
            what: found.name.clone(),
            bytes: 1,
            milliseconds: 2,
            verdict: DrillVerdict::Pass,
            findings: Vec::new(),
            seal: None,
            signature: None,
        };
        let written = scene.place.write_drill(drill).unwrap();
        fs::write(scene.place.folder.join("drills/x.json"), "{}").unwrap();
        let (records, broken) = scene.place.drills().unwrap();
        assert_eq!(
            (records, broken),
            (vec![written], vec!["x.json".to_owned()])
        );
        scene.place.remove(&found).unwrap();
        assert!(scene.place.list().unwrap().is_empty());
    }
}
