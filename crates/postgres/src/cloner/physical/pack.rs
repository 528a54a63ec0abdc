//! Small files in one archive: a cluster has a thousand and more of them, and a bucket asks for one request each.
//!
//! The archive is a plain tar (ustar), so that it can also be unpacked by hand.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

/// Files below this size are packed.
const SMALL: u64 = 1 << 20;

/// The archive's unit.
const BLOCK: usize = 512;

/// Where the fields of a header are: name, mode, owner, group, size, time, sum, kind, magic.
const NAME: usize = 100;
const MODE: usize = 100;
const OWNER: usize = 108;
const GROUP: usize = 116;
const SIZE: usize = 124;
const TIME: usize = 136;
const SUM: usize = 148;
const KIND: usize = 156;
const MAGIC: usize = 257;

/// What a header of a file begins its last part with.
const USTAR: &[u8; 8] = b"ustar\x0000";

/// Moves small files below some folders of a home into an archive, but for those that `stays` names.
pub(super) fn pack(
    home: &Path,
    below: &[&str],
    stays: impl Fn(&Path) -> bool,
    archive: &Path,
) -> io::Result<()> {
    let mut paths = Vec::new();
    for folder in below {
        list(home, Path::new(folder), &mut paths)?;
    }
    paths.sort();
    let mut into = BufWriter::new(File::create(archive)?);
    let mut packed = Vec::new();
    for path in paths {
        let Some(name) = path
            .to_str()
            .filter(|name| name.len() < NAME && !stays(&path))
        else {
            continue;
        };
        let content = fs::read(home.join(&path))?;
        into.write_all(&header(name, content.len()))?;
        into.write_all(&content)?;
        into.write_all(&vec![0; padding(content.len())])?;
        packed.push(path);
    }
    into.write_all(&[0; 2 * BLOCK])?;
    into.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()?;
    packed
        .iter()
        .try_for_each(|path| fs::remove_file(home.join(path)))
}

/// The small files below a folder, by their paths from home.
fn list(home: &Path, below: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(home.join(below)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(home, &path, paths)?;
        } else if kind.is_file() && entry.metadata()?.len() < SMALL {
            paths.push(path);
        }
    }
    Ok(())
}

/// Gives every file of an archive, with its path, to a function.
pub(super) fn unpack(
    archive: &Path,
    take: &mut dyn FnMut(&Path, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut from = BufReader::new(File::open(archive)?);
    loop {
        let mut block = [0; BLOCK];
        from.read_exact(&mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let (path, size) = read_header(&block).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the archive of small files cannot be read",
            )
        })?;
        let mut content = vec![0; size + padding(size)];
        from.read_exact(&mut content)?;
        content.truncate(size);
        take(&path, &content)?;
    }
}

fn padding(size: usize) -> usize {
    size.next_multiple_of(BLOCK) - size
}

fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        block[at..at + bytes.len()].copy_from_slice(bytes);
    };
    put(0, name.as_bytes());
    put(MODE, b"0000600");
    put(OWNER, b"0000000");
    put(GROUP, b"0000000");
    put(SIZE, format!("{size:011o}").as_bytes());
    put(TIME, b"00000000000");
    put(KIND, b"0");
    put(MAGIC, USTAR);
    let sum = sum_of(&block);
    block[SUM..SUM + 8].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// The sum of a header's bytes, with blanks where it stands itself.
fn sum_of(block: &[u8; BLOCK]) -> u32 {
    let each = block.iter().enumerate();
    each.map(|(at, byte)| match (SUM..SUM + 8).contains(&at) {
        true => u32::from(b' '),
        false => u32::from(*byte),
    })
    .sum()
}

/// The path and the size in a header; none if it is not one of ours, or leads out of the archive.
fn read_header(block: &[u8; BLOCK]) -> Option<(PathBuf, usize)> {
    let text = |from: usize, to: usize| -> Option<&str> {
        let field = block.get(from..to)?;
        let field = field.split(|byte| *byte == 0).next()?;
        std::str::from_utf8(field).ok()
    };
    let sum = u32::from_str_radix(text(SUM, SUM + 8)?.trim(), 8).ok()?;
    let size = usize::from_str_radix(text(SIZE, TIME)?.trim(), 8).ok()?;
    let path = PathBuf::from(text(0, NAME)?);
    let is_inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let is_ours = sum == sum_of(block) && is_inside && (size as u64) < SMALL;
    is_ours.then_some((path, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("cluster/base/1")).unwrap();
        for (name, content) in [
            ("cluster/PG_VERSION", &b"15\n"[..]),
            ("cluster/base/1/empty", b""),
            ("cluster/base/1/whole", &[7; BLOCK]),
            ("cluster/stays", b"here"),
            ("cluster/large", &[1; SMALL as usize]),
        ] {
            fs::write(home.path().join(name), content).unwrap();
        }
        home
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let home = home();
        let archive = home.path().join("small.tar");
        let stays = |path: &Path| path.ends_with("stays");
        pack(home.path(), &["cluster", "nothing"], stays, &archive).unwrap();
        let mut left = Vec::new();
        list(home.path(), Path::new("cluster"), &mut left).unwrap();
        assert_eq!(left, [Path::new("cluster/stays")]);
        assert!(home.path().join("cluster/large").exists());
        let mut found = Vec::new();
        unpack(&archive, &mut |path, content| {
            found.push((path.display().to_string(), content.len()));
            Ok(())
        })
        .unwrap();
        let expect = [
            ("cluster/PG_VERSION".to_owned(), 3),
            ("cluster/base/1/empty".to_owned(), 0),
            ("cluster/base/1/whole".to_owned(), BLOCK),
        ];
        assert_eq!(found, expect);
    }

    #[test]
    fn other_programs_read_the_archive() {
        let home = home();
        let archive = home.path().join("small.tar");
        pack(home.path(), &["cluster"], |_| false, &archive).unwrap();
        let listed = std::process::Command::new("tar")
            .arg("-tf")
            .arg(&archive)
            .output()
            .unwrap();
        assert!(
            listed.status.success(),
            "{}",
            String::from_utf8_lossy(&listed.stderr)
        );
        let names = String::from_utf8(listed.stdout).unwrap();
        assert_eq!(names.lines().next(), Some("cluster/PG_VERSION"));
        assert_eq!(names.lines().count(), 4);
    }

    #[test]
    fn what_leads_out_of_the_archive_or_is_cut_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("small.tar");
        let check = |bytes: &[u8]| {
            fs::write(&archive, bytes).unwrap();
            assert!(unpack(&archive, &mut |_, _| Ok(())).is_err());
        };
        check(&header("../../etc/passwd", 0));
        check(&header("/etc/passwd", 0));
        check(&header("cluster/x", 5));
        let mut edited = header("cluster/x", 0);
        edited[0] ^= 1;
        check(&edited);
    }
}
