use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;

use crate::name::BackupName;
use crate::{Damage, FileDigest, LogStart, Manifest, Place, PlaceError, Progress, Proof};

/// A backup as it was found in the place.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// The place that it is in.
    pub place: Place,
    /// Its manifest, or what is wrong with it.
    pub manifest: Result<Box<Manifest>, Damage>,
    /// The newest record of having restored it.
    pub proof: Option<Proof>,
}

impl Found {
    /// When it was begun, and which of that second it is. Where the name does not say so, the manifest does, or else its files.
    pub(crate) fn begun(&self) -> (Timestamp, u32) {
        if let Some(name) = BackupName::parse(&self.name) {
            return (name.begun, name.number);
        }
        let time = match &self.manifest {
            Ok(manifest) => Some(manifest.taken()),
            Err(_) => self.place.shelf().changed(&self.name),
        };
        // What nothing is known of might be the newest.
        (time.unwrap_or(Timestamp::MAX), 1)
    }

    /// Whether it could be a backup of the database of that name, for all that its own name says.
    pub fn may_be_of(&self, database: &str) -> bool {
        BackupName::parse(&self.name).is_none_or(|name| name.may_be_of(database))
    }

    /// Where it stands in the change log that was begun with it; none if none was, or its manifest cannot be read.
    pub fn log_start(&self) -> Option<&LogStart> {
        self.manifest.as_ref().ok()?.changes.as_ref()
    }

    /// Writes a proof beside the manifest, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_proof(&self, proof: Proof) -> Result<Proof, PlaceError> {
        self.place.write_proof(&self.name, proof)
    }

    /// What can be seen to be wrong without reading the files: their names and sizes.
    ///
    /// # Errors
    /// When the place cannot be asked, which says nothing about the backup.
    pub fn look(&self) -> Result<Vec<Damage>, PlaceError> {
        Ok(match &self.manifest {
            Ok(manifest) => self.look_at(manifest)?.1,
            Err(damage) => vec![damage.clone()],
        })
    }

    /// The files whose names and sizes are right, and what is wrong with the others.
    pub(crate) fn look_at<'a>(
        &self,
        manifest: &'a Manifest,
    ) -> Result<(Vec<&'a FileDigest>, Vec<Damage>), PlaceError> {
        let sizes = self.place.sizes(&self.name)?;
        let (mut right, mut damage) = (Vec::new(), Vec::new());
        for file in &manifest.files {
            match size_differs(file, &sizes) {
                None => right.push(file),
                Some(wrong) => damage.push(wrong),
            }
        }
        let known = |path: &&String| manifest.files.iter().any(|file| file.path == **path);
        let extra = sizes.keys().filter(|path| !known(path));
        damage.extend(extra.map(|file| Damage::Extra { file: file.clone() }));
        Ok((right, damage))
    }

    /// Everything that is wrong with it: every byte of every file is read.
    ///
    /// # Errors
    /// When the place cannot be asked any more, which says nothing about the backup.
    pub fn check(&self, progress: Progress<'_>) -> Result<Vec<Damage>, PlaceError> {
        let Ok(manifest) = &self.manifest else {
            return self.look();
        };
        let (right, mut damage) = self.look_at(manifest)?;
        let all = manifest.bytes();
        let mut done = 0;
        for file in right {
            let digest = self.place.digest(&self.name, &file.path, &mut |read| {
                done += read;
                progress(done, all);
            });
            damage.extend(self.differs(file, digest)?);
        }
        Ok(damage)
    }

    /// Holds what was read of a file against the manifest.
    pub(crate) fn differs(
        &self,
        file: &FileDigest,
        digest: io::Result<(u64, tightrope_model::Digest)>,
    ) -> Result<Option<Damage>, PlaceError> {
        match digest {
            Ok((_, digest)) if digest == file.digest => Ok(None),
            Ok(_) => Ok(Some(Damage::Changed {
                file: file.path.clone(),
            })),
            Err(error) => self
                .place
                .unreadable(&self.name, &file.path, error)
                .map(Some),
        }
    }
}

fn size_differs(file: &FileDigest, sizes: &BTreeMap<String, u64>) -> Option<Damage> {
    let name = file.path.clone();
    match sizes.get(&file.path) {
        Some(bytes) if *bytes == file.bytes => None,
        Some(bytes) => Some(Damage::Size {
            file: name,
            expected: file.bytes,
            found: *bytes,
        }),
        None => Some(Damage::Missing { file: name }),
    }
}
