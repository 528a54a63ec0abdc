//! What has gone up already, written down beside the files that go up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::place::or_none;

/// One line of the log. Whatever is not in it goes up again, which does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// A file goes up in parts.
    Begun {
        file: String,
        id: String,
        part_bytes: u64,
    },
    /// A part of it is there.
    Part {
        id: String,
        number: usize,
        content: String,
    },
    /// A file is there; by its tag it is told from another that somebody has put there since.
    Done { file: String, e_tag: Option<String> },
}

/// A file that goes up in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct InParts {
    pub(super) id: String,
    pub(super) part_bytes: u64,
    pub(super) parts: BTreeMap<usize, String>,
}

/// The log, and what it says.
pub(super) struct UploadLog {
    file: RefCell<File>,
    pub(super) done: BTreeMap<String, Option<String>>,
    pub(super) begun: BTreeMap<String, InParts>,
}

impl UploadLog {
    /// Reads what an earlier try has left, and goes on behind it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let text = or_none(std::fs::read_to_string(path))?.unwrap_or_default();
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            // What its writer died over stays a line of its own, which nobody can read.
            file.write_all(b"\n")?;
        }
        let mut log = Self {
            file: RefCell::new(file),
            done: BTreeMap::new(),
            begun: BTreeMap::new(),
        };
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines.for_each(|line| log.read(line));
        Ok(log)
    }

    fn read(&mut self, line: Line) {
        match line {
            Line::Begun {
                file,
                id,
                part_bytes,
            } => {
                let begun = InParts {
                    id,
                    part_bytes,
                    parts: BTreeMap::new(),
                };
                self.begun.insert(file, begun);
            }
            Line::Part {
                id,
                number,
                content,
            } => {
                if let Some(begun) = self.begun.values_mut().find(|begun| begun.id == id) {
                    begun.parts.insert(number, content);
                }
            }
            Line::Done { file, e_tag } => {
                self.done.insert(file, e_tag);
            }
        }
    }

    /// Writes a line down, durably.
    pub(super) fn write(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let mut file = self.file.borrow_mut();
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_down_is_read_back_and_a_torn_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upload.log");
        let log = UploadLog::open(&path).unwrap();
        let begun = Line::Begun {
            file: "data/a".to_owned(),
            id: "x".to_owned(),
            part_bytes: 8,
        };
        log.write(&begun).unwrap();
        let part = |number: usize| Line::Part {
            id: "x".to_owned(),
            number,
            content: format!("tag {number}"),
        };
        log.write(&part(0)).unwrap();
        log.write(&part(2)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 4]).unwrap();
        let log = UploadLog::open(&path).unwrap();
        assert_eq!(
            log.begun["data/a"].parts,
            BTreeMap::from([(0, "tag 0".to_owned())])
        );
        let done = Line::Done {
            file: "data/b".to_owned(),
            e_tag: None,
        };
        log.write(&done).unwrap();
        let log = UploadLog::open(&path).unwrap();
        assert_eq!(log.done, BTreeMap::from([("data/b".to_owned(), None)]));
        assert_eq!(log.begun["data/a"].part_bytes, 8);
    }
}
