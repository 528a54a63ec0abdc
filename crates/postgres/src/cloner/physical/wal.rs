//! The write-ahead log of a backup, and the one position in it that a snapshot stands for.
//!
//! A snapshot is what some transactions have committed; a position in the log, what those have whose commit is written before it. The two
//! agree if every commit before the position is one that the snapshot sees, and none behind it is. Many instants are like that. Some are
//! not: a transaction becomes visible a moment after its commit is written, and two may do so in the other order. So the log itself is
//! asked, which is a part of the backup anyway; where it says no, another snapshot is taken, in the end while writers are held for a moment.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;

use tightrope_engine::{EngineError, ErrorKind};

use super::super::backup::Running;
use super::super::dump::{failed, not_run, start};
use super::super::programs::point_at;
use super::base::in_words;
use super::home::cannot;
use super::installation::Installation;
use super::lsn::Lsn;
use crate::connect::Target;

/// How the name of a segment ends that is not whole yet.
const PARTIAL: &str = ".partial";

/// The log in the folder of a copied cluster.
pub(super) struct Wal<'a> {
    pub(super) installation: &'a Installation,
    pub(super) target: &'a Target,
    pub(super) folder: PathBuf,
    pub(super) segment_bytes: u64,
}

/// A commit, as it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) at: Lsn,
    /// The transaction's number, as far as the log knows it.
    pub(super) transaction: u32,
    /// Whether it has told others that a catalog has changed.
    pub(super) changes_catalog: bool,
}

impl Wal<'_> {
    /// Fetches what the server has written since, up to a position that is on its disk already.
    pub(super) fn fetch(&self, up_to: Lsn) -> Result<(), EngineError> {
        let last = self.last()?;
        // It is written once more from its start on.
        rename(
            &self.folder.join(&last),
            &self.folder.join(format!("{last}{PARTIAL}")),
        )?;
        let mut command = self.installation.command("pg_receivewal");
        command
            .args(["--no-loop", "--no-password", "--no-sync", "--verbose"])
            // It ends behind the byte that is named.
            .arg(format!("--endpos={}", Lsn(up_to.0.saturating_sub(1))))
            .arg("--directory")
            .arg(&self.folder);
        point_at(&mut command, self.target, self.target.database());
        let ended = Running::start("pg_receivewal", &mut command)?.each_line(|_| {})?;
        for name in names(&self.folder)? {
            if let Some(whole) = name.strip_suffix(PARTIAL) {
                rename(&self.folder.join(&name), &self.folder.join(whole))?;
            }
        }
        ended
            .require("pg_receivewal")
            .map_err(|error| in_words(error, self.target))
    }

    /// The commits between two positions, in their order.
    pub(super) fn commits(&self, from: Lsn, to: Lsn) -> Result<Vec<Commit>, EngineError> {
        let mut commits = Vec::new();
        self.read(from, to, &["--rmgr=Transaction"], &mut |line| {
            commits.extend(commit(line));
        })?;
        Ok(commits)
    }

    /// The last record that begins before a position.
    pub(super) fn last_record(&self, first: Lsn, before: Lsn) -> Result<Lsn, EngineError> {
        let mut from = before.0.saturating_sub(1) / self.segment_bytes * self.segment_bytes;
        loop {
            let mut last = None;
            self.read(Lsn(from.max(first.0)), before, &[], &mut |line| {
                last = field(line, "lsn: ").or(last);
            })?;
            match last {
                Some(last) => return Ok(last),
                // All of that segment is the rest of a record that began before it.
                None if from > first.0 => from -= self.segment_bytes,
                None => {
                    return Err(EngineError::new(
                        ErrorKind::Other,
                        format!("the log has no record between {first} and {before}"),
                    ));
                }
            }
        }
    }

    /// Reads the records between two positions, as `pg_waldump` writes them.
    fn read(
        &self,
        from: Lsn,
        to: Lsn,
        which: &[&str],
        told: &mut dyn FnMut(&str),
    ) -> Result<(), EngineError> {
        if from >= to {
            return Ok(());
        }
        let timeline = u32::from_str_radix(self.last()?.get(..8).unwrap_or_default(), 16);
        let mut command = self.installation.command("pg_waldump");
        command
            .arg("--path")
            .arg(&self.folder)
            .arg(format!("--timeline={}", timeline.unwrap_or(1)))
            .arg(format!("--start={from}"))
            .arg(format!("--end={to}"))
            .args(which)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = start(&mut command)?;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                told(&String::from_utf8_lossy(&line));
            }
        }
        let mut complaints = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            // What cannot be read of it is missing from a message, and from nothing else.
            let _ = stderr.read_to_string(&mut complaints);
        }
        let status = child
            .wait()
            .map_err(|error| not_run("pg_waldump", &error))?;
        match status.success() {
            true => Ok(()),
            false => Err(failed("pg_waldump", status, &complaints)),
        }
    }

    /// The name of the last segment.
    fn last(&self) -> Result<String, EngineError> {
        let mut names = names(&self.folder)?;
        names.retain(|name| name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        names.pop().ok_or_else(|| {
            EngineError::new(
                ErrorKind::Other,
                "the copy came without a segment of the log",
            )
        })
    }
}

fn names(folder: &Path) -> Result<Vec<String>, EngineError> {
    let entries = fs::read_dir(folder).map_err(|error| cannot("read", folder, &error))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

fn rename(from: &Path, to: &Path) -> Result<(), EngineError> {
    fs::rename(from, to).map_err(|error| cannot("rename", from, &error))
}

/// The commit in a line: `… tx: 737, lsn: 0/0152D3C8, prev 0/0152D388, desc: COMMIT 2026-…`. One that was prepared before has its number
/// behind the word: `desc: COMMIT_PREPARED 756: 2026-…`.
fn commit(line: &str) -> Option<Commit> {
    let (_, desc) = line.split_once("desc: ")?;
    let at = field(line, "lsn: ")?;
    let transaction = match desc.strip_prefix("COMMIT_PREPARED ") {
        Some(prepared) => prepared.split(':').next()?.parse().ok()?,
        None => {
            desc.strip_prefix("COMMIT ")?;
            field(line, "tx: ")?
        }
    };
    Some(Commit {
        at,
        transaction,
        changes_catalog: desc.contains("inval"),
    })
}

/// What stands behind a word, up to the comma.
fn field<T: FromStr>(line: &str, word: &str) -> Option<T> {
    let (_, rest) = line.split_once(word)?;
    rest.split(',').next()?.trim().parse().ok()
}

/// What a snapshot sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The first transaction that had not begun.
    next: u64,
    /// Those that had begun and were not over.
    running: Vec<u64>,
}

impl Seen {
    /// From the server's words: `xmin:xmax:running,running`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (_, next, running) = (parts.next()?, parts.next()?, parts.next()?);
        let running = running.split(',').filter(|one| !one.is_empty());
        Some(Self {
            next: next.parse().ok()?,
            running: running.map(|one| one.parse().ok()).collect::<Option<_>>()?,
        })
    }

    /// Whether it sees what a transaction has committed. The log knows the lower half of its number: all that are near enough to be in
    /// the log of a backup are within two thousand million of the snapshot's.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the lower half is what the log knows"
    )]
    #[expect(
        clippy::cast_possible_wrap,
        reason = "numbers of transactions go round"
    )]
    fn sees(&self, transaction: u32) -> bool {
        let has_begun = (transaction.wrapping_sub(self.next as u32) as i32) < 0;
        has_begun
            && !self
                .running
                .iter()
                .any(|running| *running as u32 == transaction)
    }
}

/// The position that a snapshot stands for, given all commits up to `end`, where every commit that it sees is written before that; none
/// if there is no such position.
///
/// Where nobody who writes to a table of the database was on the way, what is not seen is of others, unless it has changed a catalog: `end`
/// itself is the position.
pub(super) fn position(
    commits: &[Commit],
    seen: &Seen,
    end: Lsn,
    writers_are_held: bool,
) -> Option<Lsn> {
    if writers_are_held {
        let matters = |one: &Commit| one.changes_catalog && !seen.sees(one.transaction);
        return (!commits.iter().any(matters)).then_some(end);
    }
    let unseen = commits.iter().position(|one| !seen.sees(one.transaction));
    let Some(first) = unseen else {
        return Some(end);
    };
    let (_, behind) = commits.split_at(first);
    let is_last = !behind.iter().any(|one| seen.sees(one.transaction));
    is_last.then(|| behind.first().map_or(end, |one| one.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_read() {
        let line = "rmgr: Transaction len (rec/tot):     46/    46, tx:        737, lsn: 0/0152D3C8, prev 0/0152D388, desc: COMMIT 2026-12-01 01:00:00.0 UTC";
        let expect = Commit {
            at: "0/152D3C8".parse().unwrap(),
            transaction: 737,
            changes_catalog: false,
        };
        assert_eq!(commit(line), Some(expect));
        let prepared = line.replace("COMMIT ", "COMMIT_PREPARED 756: ");
        assert_eq!(commit(&prepared).map(|one| one.transaction), Some(756));
        let schema = format!("{line}; inval msgs: catcache 55 relcache 16384");
        assert!(commit(&schema).unwrap().changes_catalog);
        assert_eq!(commit(&line.replace("COMMIT ", "ABORT ")), None);
        assert_eq!(commit(&line.replace("COMMIT ", "PREPARE ")), None);
    }

    #[test]
    fn a_snapshot_sees_what_was_over() {
        let seen = Seen::parse("740:745:740,742").unwrap();
        let sees = |transaction| seen.sees(transaction);
        assert!(sees(3) && sees(739) && sees(741) && sees(744));
        assert!(!sees(740) && !sees(742) && !sees(745) && !sees(746));
        assert_eq!(Seen::parse("740:740:").unwrap().running, Vec::<u64>::new());
        assert_eq!(Seen::parse("740:x:"), None);
        // Numbers go round after four thousand million.
        let round = Seen::parse("4294967300:4294967300:").unwrap();
        assert!(round.sees(u32::MAX) && round.sees(3) && !round.sees(4));
    }

    #[test]
    fn a_position_is_before_the_first_commit_that_is_not_seen() {
        let commits = |list: &[u32]| -> Vec<Commit> {
            let each = list.iter().zip(1_u64..);
            each.map(|(transaction, at)| Commit {
                at: Lsn(at),
                transaction: *transaction,
                // Of these transactions some make tables.
                changes_catalog: *transaction % 2 == 1,
            })
            .collect()
        };
        let seen = Seen::parse("10:20:12,15").unwrap();
        let check = |list: &[u32], expect: Option<u64>| {
            assert_eq!(
                position(&commits(list), &seen, Lsn(99), false),
                expect.map(Lsn),
                "{list:?}"
            );
        };
        check(&[], Some(99));
        check(&[11, 13, 14], Some(99));
        check(&[11, 13, 12], Some(3));
        check(&[20, 21], Some(1));
        check(&[11, 12, 20], Some(2));
        // The one that is not seen was written first: no position is right.
        check(&[11, 12, 13], None);
        check(&[20, 11], None);
        let held = |list: &[u32]| position(&commits(list), &seen, Lsn(99), true);
        assert_eq!(held(&[11, 12, 13, 20]), Some(Lsn(99)));
        assert_eq!(held(&[11, 12, 13, 21]), None);
    }
}
