use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use tightrope_model::Digest;

use super::claim::{CLAIM, Claim, ClaimState};
use super::{Bucket, Object, UPLOADED};
use crate::FileDigest;
use crate::place::shelf::{DATA, DRILLS, MANIFEST, Shelf};

/// After so many hours without a new object, a half upload is taken for one that nobody goes on with.
const ABANDONED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A name without a manifest.
struct Half {
    name: String,
    claim: Option<ClaimState>,
    /// When the newest of its objects was written.
    newest: Option<Timestamp>,
}

impl Bucket {
    /// The names in the place, with the objects of each.
    fn by_name(&self) -> io::Result<BTreeMap<String, Vec<Object>>> {
        let mut names: BTreeMap<String, Vec<Object>> = BTreeMap::new();
        for object in self.list("")? {
            if let Some((name, _)) = object.path.split_once('/')
                && name != DRILLS
                && !name.starts_with('.')
            {
                names.entry(name.to_owned()).or_default().push(object);
            }
        }
        Ok(names)
    }

    /// Of these names, those that have no manifest.
    fn halves(&self, names: &BTreeMap<String, Vec<Object>>) -> io::Result<Vec<Half>> {
        let mut halves = Vec::new();
        for (name, objects) in names {
            if !has(objects, name, MANIFEST) {
                halves.push(Half {
                    claim: self.claim_of(name)?.map(|claim| claim.state),
                    newest: objects.iter().map(|object| object.changed).max(),
                    name: name.clone(),
                });
            }
        }
        Ok(halves)
    }

    /// Removes what is half removed already, and half uploads that nobody has gone on with for a week; gives the names.
    pub(crate) fn sweep(&self) -> io::Result<Vec<String>> {
        let mut swept = Vec::new();
        for half in self.halves(&self.by_name()?)? {
            let idle = half
                .newest
                .is_some_and(|at| Timestamp::now().duration_since(at) > ABANDONED);
            let goes = match half.claim {
                Some(ClaimState::Going) => true,
                Some(ClaimState::Making) => idle,
                // A backup that has lost its manifest is a person's to remove.
                Some(ClaimState::Whole) | None => false,
            };
            if goes {
                self.remove(&half.name)?;
                swept.push(half.name);
            }
        }
        Ok(swept)
    }
}

fn has(objects: &[Object], name: &str, file: &str) -> bool {
    let path = format!("{name}/{file}");
    objects.iter().any(|object| object.path == path)
}

impl Shelf for Bucket {
    fn shown(&self, path: &str) -> String {
        self.address(path)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = self.by_name()?;
        for half in self.halves(&names)? {
            // What somebody makes or removes is no backup. What had a manifest is one, and damaged.
            if half.claim.is_some_and(|state| state != ClaimState::Whole) {
                names.remove(&half.name);
            }
        }
        Ok(names.into_keys().collect())
    }

    fn has(&self, name: &str) -> io::Result<bool> {
        if self.get(&format!("{name}/{MANIFEST}"))?.is_some() {
            return Ok(true);
        }
        let claim = self.claim_of(name)?;
        Ok(claim.is_some_and(|claim| claim.state == ClaimState::Whole))
    }

    fn read(&self, path: &str) -> io::Result<Option<String>> {
        let text = self.get(path)?;
        let wrong = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        text.map(|bytes| String::from_utf8(bytes).map_err(wrong))
            .transpose()
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        self.put(path, text.as_bytes())
    }

    fn write_new(&self, path: &str, text: &str) -> io::Result<bool> {
        // The answer to our own request may have been lost, and the request sent again.
        Ok(self.create(path, text.as_bytes())? || self.read(path)?.as_deref() == Some(text))
    }

    fn bring(&self, from: &Path, name: &str, file: &FileDigest) -> io::Result<()> {
        let home = from.parent().unwrap_or(Path::new("."));
        let here = home.join(&file.path);
        if let Some(folder) = here.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(from, &here)?;
        let files = std::slice::from_ref(file);
        self.send(home, name, files, &home.join(UPLOADED), &|_, _| {})?;
        let path = format!("{name}/{}", file.path);
        let below = path.rsplit_once('/').map_or("", |(below, _)| below);
        let is_whole = |object: &Object| object.path == path && object.bytes == file.bytes;
        match self.list(below)?.iter().any(is_whole) {
            true => Ok(()),
            false => Err(io::Error::other("it went up and is not there")),
        }
    }

    fn files(&self, path: &str) -> io::Result<Vec<String>> {
        let objects = self.list(path)?;
        let below = format!("{path}/");
        let names = objects
            .iter()
            .filter_map(|object| object.path.strip_prefix(&below));
        Ok(names
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    fn sizes(&self, name: &str) -> io::Result<BTreeMap<String, u64>> {
        let below = format!("{name}/");
        let objects = self.list(&format!("{name}/{DATA}"))?;
        let sizes = objects.into_iter().filter_map(|object| {
            let path = object.path.strip_prefix(&below)?.to_owned();
            Some((path, object.bytes))
        });
        Ok(sizes.collect())
    }

    fn digest(&self, path: &str, read: &mut dyn FnMut(u64)) -> io::Result<(u64, Digest)> {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = 0;
        self.receive(path, 0, &mut |chunk| {
            hasher.update(chunk);
            bytes += chunk.len() as u64;
            read(chunk.len() as u64);
            Ok(())
        })?;
        Ok((bytes, crate::files::digest_from(&hasher)?))
    }

    fn changed(&self, name: &str) -> Option<Timestamp> {
        let objects = self.list(name).ok()?;
        objects.iter().map(|object| object.changed).max()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let claim = self.claim_of(name)?.unwrap_or_else(Claim::new);
        // From here on it is known to be going: without its manifest it would look damaged.
        self.set_claim(name, &claim, ClaimState::Going)?;
        let (manifest, last) = (format!("{name}/{MANIFEST}"), format!("{name}/{CLAIM}"));
        self.delete(&manifest)?;
        for object in self.list(name)? {
            if object.path != last {
                self.delete(&object.path)?;
            }
        }
        self.delete(&last)
    }
}
