use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use tightrope_model::Digest;

use crate::FileDigest;

/// What the manifest is called.
pub(crate) const MANIFEST: &str = "manifest.json";
/// What the proof is called.
pub(crate) const PROOF: &str = "proof.json";
/// Where an engine's files are.
pub(crate) const DATA: &str = "data";
/// Where the records of drills are.
pub(crate) const DRILLS: &str = "drills";

/// What is asked of what backups lie in, be it a folder or a bucket. Paths start from the place, with `/`.
pub(crate) trait Shelf {
    /// The place, or what is at that path in it, for people to read.
    fn shown(&self, path: &str) -> String;

    /// The names of all that count as backups.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Whether a backup has that name.
    fn has(&self, name: &str) -> io::Result<bool>;

    /// A small file; none if it is not there.
    fn read(&self, path: &str) -> io::Result<Option<String>>;

    /// Writes a small file durably: its name never stands for a half.
    fn write(&self, path: &str, text: &str) -> io::Result<()>;

    /// Writes a small file durably, if there is none of that name; false where somebody else has written another.
    fn write_new(&self, path: &str, text: &str) -> io::Result<bool>;

    /// Brings a file of a backup that is whole and durable into the place, and makes its name durable. It must be in a folder of its
    /// own, or in the very folder that it comes to.
    fn bring(&self, from: &Path, name: &str, file: &FileDigest) -> io::Result<()>;

    /// The names of the files at that path, not of folders.
    fn files(&self, path: &str) -> io::Result<Vec<String>>;

    /// A backup's data files by their paths in the backup, with their sizes.
    fn sizes(&self, name: &str) -> io::Result<BTreeMap<String, u64>>;

    /// The size and the digest of a file, all of which is read; tells how many bytes each reading gave.
    fn digest(&self, path: &str, read: &mut dyn FnMut(u64)) -> io::Result<(u64, Digest)>;

    /// When the backup was last written to, as far as that is known.
    fn changed(&self, name: &str) -> Option<Timestamp>;

    /// Removes a backup, so that what is half removed never looks whole.
    fn remove(&self, name: &str) -> io::Result<()>;
}
