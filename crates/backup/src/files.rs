use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tightrope_model::Digest;

use crate::Progress;
use crate::record::sync_folder;

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Its path inside the backup's folder, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The digest of its content.
    pub digest: Digest,
}

/// Bytes read in one go.
const CHUNK: usize = 1 << 20;

/// Folders in folders: an engine's dump has one level.
pub(crate) const DEEPEST: usize = 8;

/// Digests every file below a folder, in the order of their paths, and makes each durable.
pub(crate) fn digest_all(
    home: &Path,
    below: &str,
    progress: Progress<'_>,
) -> io::Result<Vec<FileDigest>> {
    let mut paths = Vec::new();
    list(home, below, DEEPEST, &mut paths)?;
    paths.sort();
    let all = paths
        .iter()
        .map(|path| fs::metadata(home.join(path)).map(|file| file.len()))
        .sum::<io::Result<u64>>()?;
    let mut done = 0;
    let mut digests = Vec::with_capacity(paths.len());
    for path in paths {
        let file = File::open(home.join(&path))?;
        let (bytes, digest) = digest_of(&file, &mut |read| {
            done += read;
            progress(done, all);
        })?;
        file.sync_all()?;
        digests.push(FileDigest {
            path,
            bytes,
            digest,
        });
    }
    sync_folders(home, below, DEEPEST)?;
    Ok(digests)
}

/// The files below a folder, by their paths from home.
pub(crate) fn list(
    home: &Path,
    below: &str,
    depth: usize,
    paths: &mut Vec<String>,
) -> io::Result<()> {
    for entry in fs::read_dir(home.join(below))? {
        let entry = entry?;
        let path = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            if depth > 0 {
                list(home, &path, depth - 1, paths)?;
            }
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// Makes the names in a folder, and in those below it, durable.
pub(crate) fn sync_folders(home: &Path, below: &str, depth: usize) -> io::Result<()> {
    let folder: PathBuf = home.join(below);
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        if depth > 0 && entry.file_type()?.is_dir() {
            let name = entry.file_name();
            sync_folders(home, &format!("{below}/{}", name.display()), depth - 1)?;
        }
    }
    sync_folder(&folder)
}

/// The size and the digest of a file; tells how many bytes each reading gave.
pub(crate) fn digest_of(mut file: &File, read: &mut dyn FnMut(u64)) -> io::Result<(u64, Digest)> {
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0_u8; CHUNK];
    let mut bytes = 0_u64;
    loop {
        let count = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&chunk[..count]);
        bytes += count as u64;
        read(count as u64);
    }
    Ok((bytes, digest_from(&hasher)?))
}

/// The digest of all that a hasher was given.
pub(crate) fn digest_from(hasher: &blake3::Hasher) -> io::Result<Digest> {
    let text = hasher.finalize().to_hex();
    text.parse().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_digest_is_that_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("data/deep")).unwrap();
        let long = vec![7_u8; CHUNK + 3];
        fs::write(folder.path().join("data/deep/b"), &long).unwrap();
        fs::write(folder.path().join("data/a"), "x").unwrap();
        let digests = digest_all(folder.path(), "data", &|_, _| {}).unwrap();
        let expect = [
            ("data/a", 1, Digest::of("x")),
            ("data/deep/b", CHUNK as u64 + 3, Digest::of(&long)),
        ];
        let found: Vec<_> = digests
            .iter()
            .map(|file| (file.path.as_str(), file.bytes, file.digest))
            .collect();
        assert_eq!(found, expect);
    }
}
