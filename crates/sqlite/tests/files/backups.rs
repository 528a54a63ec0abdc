//! Backups of a file that is written to meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tightrope_engine::{BackupWatch, ConnectOptions, DatabaseUrl, Engine, TakeOptions};
use tightrope_sqlite::SqliteEngine;

use crate::support::Database;

struct Nobody;

impl BackupWatch for Nobody {
    fn progress(&self, _what: &str, _done: u64, _of: u64) {}
    fn reached(&self, _edge: &'static str) {}
}

/// Ends the writer, also when a check fails: the scope waits for it.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Every row is in two tables, and both are summed up by one connection while another copies them.
fn check_under_writes(mode: &str) {
    let database = Database::new(&format!(
        "pragma journal_mode = {mode}; create table a (id integer primary key, note text); create table b (id integer primary key, note text); \
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) insert into a select i, hex(i) from n; \
         insert into b select * from a"
    ));
    let engine = SqliteEngine::new();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let connection = database.plain();
            connection.busy_timeout(Duration::from_secs(30)).unwrap();
            let mut written = 0;
            while !ended.load(Ordering::Relaxed) {
                connection
                    .execute_batch("begin immediate; insert into a (note) values ('more'); insert into b (note) values ('more'); commit")
                    .unwrap();
                written += 1;
                thread::sleep(Duration::from_millis(1));
            }
            written
        });
        let ends = Ends(&ended);
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let options = TakeOptions {
                jobs: 2,
                checksums: true,
                log: None,
            };
            let taken = engine
                .backup()
                .unwrap()
                .take(&database.url(), folder.path(), &options, &Nobody)
                .unwrap();
            let copy = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
            let url = DatabaseUrl::new(format!("sqlite://{}", copy.unwrap().path().display()));
            let mut session = engine.connect(&url, &ConnectOptions::default()).unwrap();
            let shapes: Vec<_> = taken.tables.iter().map(|one| one.shape.clone()).collect();
            let sums = session.checksums(&shapes).unwrap();
            let expected: Vec<_> = taken
                .tables
                .iter()
                .map(|one| one.checksum.clone().unwrap())
                .collect();
            assert_eq!(sums, expected);
            assert_eq!(sums[0].rows, sums[1].rows);
        }
        drop(ends);
        assert!(writing.join().unwrap() > 0, "nobody has written");
    });
}

#[test]
fn sums_and_copy_are_of_one_instant_with_a_write_ahead_log() {
    check_under_writes("wal");
}

#[test]
fn sums_and_copy_are_of_one_instant_with_a_rollback_journal() {
    check_under_writes("delete");
}
