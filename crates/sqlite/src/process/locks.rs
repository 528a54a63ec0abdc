//! Who holds locks on a database file, from the kernel's list.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tightrope_engine::Blocker;

use super::describe::describe;

/// Whether this system lists the holders of file locks.
pub(crate) const CAN_NAME_HOLDERS: bool = cfg!(target_os = "linux");

/// The bytes of a database file that SQLite locks: pending, reserved, and 510 shared ones.
const PENDING: u64 = 0x4000_0000;
const RESERVED: u64 = PENDING + 1;
const SHARED: std::ops::Range<u64> = PENDING + 2..PENDING + 512;

/// The bytes of the `-shm` file: one for the writer, one for the checkpointer, one for recovery; readers come after.
const WAL_WRITERS: std::ops::Range<u64> = 120..123;

/// The processes, this one left out, that hold a lock on the database which another has to wait for.
///
/// A file lock belongs to a process, so another session of this process cannot be told apart and is not named.
pub(crate) fn holders(database: &Path) -> Vec<Blocker> {
    let mut reads = (0..READS).map(|_| read_holders(database));
    reads
        .find(|holders| !holders.is_empty())
        .unwrap_or_default()
}

/// How often the list is read if nobody is found in it. The kernel gives it piece by piece, and while others release locks between two
/// pieces it leaves some out.
const READS: usize = 4;

fn read_holders(database: &Path) -> Vec<Blocker> {
    let Ok(list) = std::fs::read_to_string("/proc/locks") else {
        return Vec::new();
    };
    // The library keeps its files beside the file that a link leads to.
    let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut files = vec![(Part::Database, database.clone())];
    let shared_memory = beside(&database, "-shm");
    let write_ahead = shared_memory.exists();
    files.push((Part::SharedMemory, shared_memory));
    let name = database.file_name().unwrap_or_default().to_string_lossy();
    let mut found: BTreeMap<u32, &'static str> = BTreeMap::new();
    for (part, path) in files {
        let Some(file) = FileId::of(&path) else {
            continue;
        };
        for lock in list.lines().filter_map(FileLock::parse) {
            if lock.inode != file.inode || lock.pid == std::process::id() {
                continue;
            }
            if lock.device != file.device && !has_open(lock.pid, &file) {
                continue;
            }
            let Some(words) = lock.meaning(part, write_ahead) else {
                continue;
            };
            let known = found.entry(lock.pid).or_insert(words);
            if words != READ {
                *known = words;
            }
        }
    }
    found
        .into_iter()
        .map(|(pid, words)| describe(pid, format!("{words} on {name}")))
        .collect()
}

const READ: &str = "read lock";
const WRITE: &str = "write lock";

#[derive(Clone, Copy)]
enum Part {
    Database,
    SharedMemory,
}

/// The name of a file that SQLite keeps beside a database.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// One line of `/proc/locks`.
#[derive(Debug, PartialEq, Eq)]
struct FileLock {
    write: bool,
    pid: u32,
    device: (u32, u32),
    inode: u64,
    first: u64,
    last: u64,
}

impl FileLock {
    /// Reads `1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF`; a line with `->` waits, and holds nothing.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        fields.next()?;
        if !matches!(fields.next()?, "POSIX" | "OFDLCK") {
            return None;
        }
        fields.next()?;
        let write = fields.next()? == "WRITE";
        let pid = fields.next()?.parse().ok()?;
        let mut place = fields.next()?.split(':');
        let mut device = || u32::from_str_radix(place.next()?, 16).ok();
        let device = (device()?, device()?);
        let inode = place.next()?.parse().ok()?;
        let first = fields.next()?.parse().ok()?;
        let last = match fields.next()? {
            "EOF" => u64::MAX,
            number => number.parse().ok()?,
        };
        Some(Self {
            write,
            pid,
            device,
            inode,
            first,
            last,
        })
    }

    fn covers(&self, bytes: &std::ops::Range<u64>) -> bool {
        self.first < bytes.end && self.last >= bytes.start
    }

    /// What the lock keeps others from; none if nobody waits for it.
    ///
    /// With a write-ahead log every session holds a shared lock on the database, which is in nobody's way.
    fn meaning(&self, part: Part, write_ahead: bool) -> Option<&'static str> {
        match part {
            Part::Database if self.write => {
                let writing = self.covers(&(PENDING..RESERVED + 1)) || self.covers(&SHARED);
                writing.then_some(WRITE)
            }
            Part::Database => (!write_ahead && self.covers(&SHARED)).then_some(READ),
            Part::SharedMemory => (self.write && self.covers(&WAL_WRITERS)).then_some(WRITE),
        }
    }
}

/// What the kernel knows a file by.
#[derive(Clone, Copy)]
struct FileId {
    device: (u32, u32),
    raw_device: u64,
    inode: u64,
}

impl FileId {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        let device = metadata.dev();
        let low = |bits: u64| u32::try_from(bits & 0xffff_ffff).unwrap_or_default();
        Some(Self {
            device: (
                low((device >> 8) & 0xfff | (device >> 32) & 0xffff_f000),
                low(device & 0xff | (device >> 12) & 0xffff_ff00),
            ),
            raw_device: device,
            inode: metadata.ino(),
        })
    }

    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Self> {
        None
    }
}

/// Whether the process has the file open: some file systems show another device in the list than to those who ask.
#[cfg(unix)]
fn has_open(pid: u32, file: &FileId) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|descriptor| std::fs::metadata(descriptor.path()).ok())
        .any(|metadata| metadata.ino() == file.inode && metadata.dev() == file.raw_device)
}

#[cfg(not(unix))]
fn has_open(_: u32, _: &FileId) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, part: Part, write_ahead: bool, expect: Option<&str>) {
        let meaning = FileLock::parse(line).and_then(|lock| lock.meaning(part, write_ahead));
        assert_eq!(meaning, expect, "{line}");
    }

    #[test]
    fn lines_are_read() {
        let lock = FileLock::parse("1: POSIX  ADVISORY  WRITE 3568 fd:10:2531452 0 EOF").unwrap();
        assert_eq!(
            (lock.pid, lock.device, lock.inode),
            (3568, (0xfd, 0x10), 2_531_452)
        );
        assert_eq!(lock.last, u64::MAX);
        for other in [
            "",
            "1: -> POSIX  ADVISORY  WRITE 3568 fd:00:2 0 EOF",
            "2: FLOCK  ADVISORY  WRITE 1 fd:00:2 0 EOF",
        ] {
            assert_eq!(FileLock::parse(other), None);
        }
    }

    #[test]
    fn only_locks_in_the_way_count() {
        use Part::{Database, SharedMemory};
        let shared = "1: POSIX ADVISORY READ 9 fd:00:1 1073741826 1073742335";
        check(shared, Database, false, Some(READ));
        check(shared, Database, true, None);
        let reserved = "1: POSIX ADVISORY WRITE 9 fd:00:1 1073741825 1073741825";
        check(reserved, Database, false, Some(WRITE));
        let writer = "1: POSIX ADVISORY WRITE 9 fd:00:1 120 120";
        check(writer, SharedMemory, true, Some(WRITE));
        let reader = "1: POSIX ADVISORY READ 9 fd:00:1 123 123";
        check(reader, SharedMemory, true, None);
        let dead_man = "1: POSIX ADVISORY READ 9 fd:00:1 128 128";
        check(dead_man, SharedMemory, true, None);
    }
}
