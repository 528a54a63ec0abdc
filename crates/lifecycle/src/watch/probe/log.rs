//! Lines that come into a log: of the server, or of the application. The judge counts those that have come since the migration.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tightrope_judge::{FailureKind, Observation};

use super::{Blindness, Eye};

/// What a line has to contain where nothing is said: the levels of PostgreSQL's errors.
const ERRORS: [&str; 3] = ["ERROR:", "FATAL:", "PANIC:"];
/// Of a line that does not end so much is looked at.
const LONGEST_LINE: usize = 64 * 1024;
/// So many files that were moved away are still read.
const MOST_FILES: usize = 64;

/// Which file it is, whatever it is called.
type FileId = (u64, u64);

pub(super) struct Log {
    path: String,
    contains: Option<String>,
    files: BTreeMap<FileId, Reading>,
    count: u64,
    /// Which counting it is: another process begins anew.
    epoch: Option<String>,
}

/// A file, and up to where it was read.
struct Reading {
    file: File,
    offset: u64,
    /// The beginning of a line that has not ended.
    rest: Vec<u8>,
}

impl Log {
    pub(super) fn new(path: &str, contains: Option<&str>) -> Self {
        Self {
            path: path.to_owned(),
            contains: contains.map(str::to_owned),
            files: BTreeMap::new(),
            count: 0,
            epoch: None,
        }
    }

    fn read(&mut self) -> io::Result<u64> {
        let found = files_like(&self.path)?;
        if self.epoch.is_none() && found.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "there is no such file",
            ));
        }
        for path in found {
            // It may be moved away at this instant.
            let mut file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let metadata = file.metadata()?;
            let id = (metadata.dev(), metadata.ino());
            if self.files.contains_key(&id) {
                continue;
            }
            // What is there at the first look is no news; a file that comes later is.
            let offset = match self.epoch {
                None => file.seek(SeekFrom::End(0))?,
                Some(_) => 0,
            };
            let rest = Vec::new();
            self.files.insert(id, Reading { file, offset, rest });
        }
        if self.epoch.is_none() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_or(0, |now| now.as_nanos());
            self.epoch = Some(format!("{} {now}", std::process::id()));
        }
        let words = self.contains.as_deref();
        for reading in self.files.values_mut() {
            self.count += reading.more(&|line| counts(line, words))?;
        }
        self.let_go()?;
        Ok(self.count)
    }

    /// Closes files that have been removed, and the oldest where there are too many.
    fn let_go(&mut self) -> io::Result<()> {
        let mut removed = Vec::new();
        let mut ages = Vec::new();
        for (id, reading) in &self.files {
            let metadata = reading.file.metadata()?;
            if metadata.nlink() == 0 {
                removed.push(*id);
            } else {
                ages.push((metadata.mtime(), *id));
            }
        }
        ages.sort_unstable();
        let too_many = ages.len().saturating_sub(MOST_FILES);
        removed.extend(ages[..too_many].iter().map(|(_, id)| *id));
        for id in removed {
            self.files.remove(&id);
        }
        Ok(())
    }
}

impl Eye for Log {
    fn look(&mut self) -> Result<Observation, Blindness> {
        let count = self.read().map_err(|error| {
            Blindness::Words(FailureKind::Down, format!("`{}`: {error}", self.path))
        })?;
        Ok(Observation::Totals {
            values: BTreeMap::from([("count".to_owned(), count as f64)]),
            epoch: self.epoch.clone(),
        })
    }
}

impl Reading {
    /// Reads what has come, and gives how many of its lines count.
    fn more(&mut self, counts: &dyn Fn(&[u8]) -> bool) -> io::Result<u64> {
        let length = self.file.metadata()?.len();
        if length < self.offset {
            // It was emptied, and begins anew.
            self.offset = 0;
            self.rest.clear();
        }
        self.file.seek(SeekFrom::Start(self.offset))?;
        let mut buffer = vec![0; LONGEST_LINE];
        let mut found = 0;
        while self.offset < length {
            let read = self.file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            self.offset += read as u64;
            let mut lines = buffer[..read].split(|byte| *byte == b'\n');
            let last = lines.next_back().unwrap_or_default();
            for line in lines {
                self.rest.extend_from_slice(line);
                found += u64::from(counts(&self.rest));
                self.rest.clear();
            }
            let room = LONGEST_LINE.saturating_sub(self.rest.len());
            self.rest.extend_from_slice(&last[..last.len().min(room)]);
        }
        Ok(found)
    }
}

fn counts(line: &[u8], words: Option<&str>) -> bool {
    let contains = |word: &str| {
        let word = word.as_bytes();
        line.windows(word.len()).any(|part| part == word)
    };
    match words {
        Some(words) => contains(words),
        None => ERRORS.iter().any(|word| contains(word)),
    }
}

/// The files of that name; `*` in its last part stands for anything.
fn files_like(path: &str) -> io::Result<Vec<PathBuf>> {
    let path = Path::new(path);
    let name = path.file_name().and_then(|name| name.to_str());
    let Some((before, after)) = name.and_then(|name| name.split_once('*')) else {
        return Ok(match path.is_file() {
            true => vec![path.to_owned()],
            false => Vec::new(),
        });
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_like = name
            .to_str()
            .and_then(|name| name.strip_prefix(before))
            .is_some_and(|rest| is_like(rest, after));
        // A link to a file is one, too.
        if is_like && entry.path().is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a text ends like a pattern before which anything may stand.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text.ends_with(pattern),
        Some((part, rest)) => text
            .match_indices(part)
            .any(|(at, _)| is_like(&text[at + part.len()..], rest)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn write(path: &Path, text: &str) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn count(log: &mut Log) -> u64 {
        match log.look() {
            Ok(Observation::Totals { values, .. }) => values["count"] as u64,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whole_lines_that_have_come_since_the_first_look_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        write(&path, "ERROR:  old\n");
        let mut log = Log::new(path.to_str().unwrap(), None);
        assert_eq!(count(&mut log), 0);
        write(&path, "LOG:  fine\nERROR:  one\nFATAL:  two\nERR");
        assert_eq!(count(&mut log), 2);
        write(&path, "OR:  three");
        assert_eq!(count(&mut log), 2);
        write(&path, "\n");
        assert_eq!(count(&mut log), 3);
    }

    #[test]
    fn what_a_line_has_to_contain_can_be_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        write(&path, "");
        let mut log = Log::new(path.to_str().unwrap(), Some("status=500"));
        assert_eq!(count(&mut log), 0);
        write(&path, "ERROR: no\nGET / status=500 3 ms\n");
        assert_eq!(count(&mut log), 1);
    }

    #[test]
    fn a_log_that_is_moved_away_or_emptied_is_read_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        write(&path, "");
        let mut log = Log::new(path.to_str().unwrap(), None);
        assert_eq!(count(&mut log), 0);
        write(&path, "ERROR:  last of the old\n");
        fs::rename(&path, folder.path().join("server.log.1")).unwrap();
        write(&path, "ERROR:  first of the new\n");
        assert_eq!(count(&mut log), 2);
        fs::remove_file(folder.path().join("server.log.1")).unwrap();
        File::create(&path).unwrap();
        assert_eq!(count(&mut log), 2);
        assert_eq!(log.files.len(), 1);
        write(&path, "ERROR:  again\n");
        assert_eq!(count(&mut log), 3);
    }

    #[test]
    fn a_star_stands_for_the_names_that_a_server_gives() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("postgresql-Mon.log"), "");
        write(&folder.path().join("other.log"), "");
        let pattern = folder.path().join("postgresql-*.log");
        let mut log = Log::new(pattern.to_str().unwrap(), None);
        assert_eq!(count(&mut log), 0);
        write(&folder.path().join("postgresql-Mon.log"), "ERROR:  one\n");
        write(&folder.path().join("postgresql-Tue.log"), "ERROR:  two\n");
        write(&folder.path().join("other.log"), "ERROR:  none\n");
        assert_eq!(count(&mut log), 2);
        assert!(is_like("-2026.log", "*2*.log") && !is_like("-2026.csv", "*.log"));
    }

    #[test]
    fn a_log_that_is_not_there_is_no_log_without_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        let mut log = Log::new(path.to_str().unwrap(), None);
        let Err(Blindness::Words(FailureKind::Down, why)) = log.look() else {
            panic!("it was read");
        };
        assert!(why.contains("there is no such file"), "{why}");
    }

    #[test]
    fn lines_without_an_end_take_no_more_room_than_they_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        write(&path, "");
        let mut log = Log::new(path.to_str().unwrap(), None);
        assert_eq!(count(&mut log), 0);
        write(&path, &format!("ERROR:  {}", "x".repeat(5 * LONGEST_LINE)));
        assert_eq!(count(&mut log), 0);
        assert!(log.files.values().all(|one| one.rest.len() <= LONGEST_LINE));
        write(&path, "\nERROR:  two\n");
        assert_eq!(count(&mut log), 2);
    }
}
