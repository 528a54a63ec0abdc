//! The rows of a restored database against the sums of its manifest, several tables at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tightrope_backup::Manifest;
use tightrope_engine::{DatabaseUrl, Engine, Session, TableContent};
use tightrope_model::{TableChecksum, TableShape};

use super::compare::{Compared, reading};
use crate::Event;
use crate::run::Watchers;

/// Tables summed up in one go, at most, and how many rows they may have together: a large one goes alone.
const TABLES: usize = 8;
const ROWS: u64 = 50_000;

/// A table with its place in the manifest and what its sum has to be.
type Expected<'a> = (usize, &'a TableContent, &'a TableChecksum);

/// Compares every table that has a sum, with up to `jobs` sessions; the given one is the first of them. Nobody else is in
/// a database under a scratch name, so they see the same.
pub(super) fn compare_rows(
    (engine, url): (&dyn Engine, &DatabaseUrl),
    session: &mut dyn Session,
    manifest: &Manifest,
    jobs: u32,
    watchers: Watchers<'_>,
    compared: &mut Compared,
) {
    let work = Work::new(manifest, watchers);
    let helpers = work.groups.len().min(jobs as usize).saturating_sub(1);
    let mut found = thread::scope(|scope| {
        let others: Vec<_> = (0..helpers)
            .map(|_| {
                scope.spawn(|| match reading(engine, url) {
                    Ok(mut session) => work.carry_out(session.as_mut()),
                    // A server that has no room for one more session: the first does it all.
                    Err(_) => Vec::new(),
                })
            })
            .collect();
        let mut found = work.carry_out(session);
        for other in others {
            match other.join() {
                Ok(more) => found.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    });
    found.sort_by_key(|(place, _)| *place);
    for (_, result) in found {
        match result {
            Ok(rows) => {
                compared.tables += 1;
                compared.rows += rows;
            }
            Err(failure) => compared.failures.push(failure),
        }
    }
}

/// Tables in groups, from which every session takes the next.
struct Work<'a> {
    groups: Vec<Vec<Expected<'a>>>,
    next: AtomicUsize,
    tables: usize,
    done: Mutex<usize>,
    watchers: Watchers<'a>,
}

impl<'a> Work<'a> {
    fn new(manifest: &'a Manifest, watchers: Watchers<'a>) -> Self {
        let tables = manifest.tables.iter().enumerate();
        let mut expected: Vec<Expected<'a>> = tables
            .filter_map(|(place, table)| Some((place, table, table.checksum.as_ref()?)))
            .collect();
        let tables = expected.len();
        // The largest first, so that none is left for one session when all others have ended.
        expected.sort_by_key(|(place, _, sum)| (u64::MAX - sum.rows, *place));
        let mut groups: Vec<Vec<Expected<'a>>> = Vec::new();
        for one in expected {
            let fits = |group: &&mut Vec<Expected<'a>>| {
                let rows: u64 = group.iter().map(|(_, _, sum)| sum.rows).sum();
                group.len() < TABLES && rows + one.2.rows <= ROWS
            };
            match groups.last_mut().filter(fits) {
                Some(group) => group.push(one),
                None => groups.push(vec![one]),
            }
        }
        Self {
            groups,
            next: AtomicUsize::new(0),
            tables,
            done: Mutex::new(0),
            watchers,
        }
    }

    /// Takes groups until none is left; gives each table's place with its rows, or with what is wrong.
    fn carry_out(&self, session: &mut dyn Session) -> Vec<(usize, Result<u64, String>)> {
        let mut found = Vec::new();
        while let Some(group) = self.groups.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let shapes: Vec<TableShape> = group
                .iter()
                .map(|(_, table, _)| table.shape.clone())
                .collect();
            match session.checksums(&shapes) {
                Ok(sums) => {
                    let pairs = group.iter().zip(sums);
                    found.extend(pairs.map(|(one, sum)| (one.0, equal(one, &sum))));
                }
                Err(error) => {
                    let cannot = |one: &Expected<'_>| {
                        let failure = format!("`{}` cannot be read: {error}", one.1.shape.table);
                        (one.0, Err(failure))
                    };
                    found.extend(group.iter().map(cannot));
                }
            }
            self.tell(group.len());
        }
        found
    }

    fn tell(&self, tables: usize) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += tables;
        self.watchers.listener.event(&Event::Working {
            what: "tables compared".to_owned(),
            done: *done as u64,
            of: self.tables as u64,
        });
    }
}

fn equal((_, table, expected): &Expected<'_>, sum: &TableChecksum) -> Result<u64, String> {
    let table = &table.shape.table;
    if **expected == *sum {
        Ok(sum.rows)
    } else if expected.rows == sum.rows {
        Err(format!("rows of `{table}` are not what they were"))
    } else {
        Err(format!(
            "`{table}` has {} rows and had {}",
            sum.rows, expected.rows
        ))
    }
}
