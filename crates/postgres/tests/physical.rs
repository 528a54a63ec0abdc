//! The position of a physical backup is exact: to the commit.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use tightrope_engine::{
    BackupFiles, BackupWatch, ConnectOptions, DatabaseUrl, Engine as _, Ground, Restored,
    ServerPrograms, TakeOptions, Taken,
};
use tightrope_postgres::PostgresEngine;
use tightrope_testkit::servers::{OwnServer, bin_dir, postgres_majors};

struct Silent;

impl BackupWatch for Silent {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn reached(&self, _: &'static str) {}
}

/// The tables, and sessions that write to them: each commit changes a row and adds one.
const TABLES: &str = "create table counters (id integer primary key, value bigint not null); \
     insert into counters select i, 0 from generate_series(1, 8) i; create table written (id bigserial primary key, by integer);";

const WRITERS: i32 = 6;

/// What differs between a restored cluster and what was taken of it.
fn differences(
    files: &BackupFiles<'_>,
    database: &str,
    taken: &Taken,
    ground: &Ground,
) -> Vec<String> {
    let engine = PostgresEngine::new();
    let cluster = engine
        .physical()
        .unwrap()
        .restore(files, database, ground, false, &Silent)
        .unwrap();
    let restored: &dyn Restored = cluster.as_ref();
    let mut session = engine
        .connect(restored.url(), &ConnectOptions::default())
        .unwrap();
    let catalog = session.catalog().unwrap();
    assert_eq!(catalog.fingerprint().logical, taken.fingerprint.logical);
    let shapes: Vec<_> = taken
        .tables
        .iter()
        .map(|table| table.shape.clone())
        .collect();
    let sums = session.checksums(&shapes).unwrap();
    let pairs = taken.tables.iter().zip(sums);
    pairs
        .filter(|(table, sum)| table.checksum.as_ref() != Some(sum))
        .map(|(table, _)| table.shape.table.name.clone())
        .collect()
}

/// The commits in a backup's log, each with the record before it: `… lsn: 0/1A, prev 0/19, desc: COMMIT …`.
fn commits(log: &Path, major: u32) -> Vec<(String, String)> {
    let mut names: Vec<String> = fs::read_dir(log)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    // It ends where the log does, and says so on its way out.
    let output = Command::new(bin_dir(major).unwrap().join("pg_waldump"))
        .args(["--rmgr=Transaction", "--path"])
        .arg(log)
        .arg(names.first().unwrap())
        .arg(names.last().unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let between = |line: &str, word: &str| {
        let rest = line.split_once(word).unwrap().1;
        rest.split(',').next().unwrap().to_owned()
    };
    text.lines()
        .filter(|line| line.contains("desc: COMMIT "))
        .map(|line| (between(line, "lsn: "), between(line, "prev ")))
        .collect()
}

fn number(lsn: &str) -> u64 {
    let (high, low) = lsn.split_once('/').unwrap();
    let part = |text: &str| u64::from_str_radix(text, 16).unwrap();
    part(high) << 32 | part(low)
}

#[test]
fn sums_are_those_of_the_position_and_of_no_commit_less() {
    let major = postgres_majors()[0];
    let server = OwnServer::start(major, "").unwrap();
    let database = server.server().create_database().unwrap();
    let mut client = server.server().connect(&database.name).unwrap();
    client.batch_execute(TABLES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let ground = Ground {
        folder: folder.path().join("ground"),
        programs: ServerPrograms::default(),
    };
    let options = TakeOptions {
        jobs: 1,
        checksums: true,
        log: None,
    };
    let is_over = AtomicBool::new(false);
    let (url, name) = (DatabaseUrl::new(database.url()), database.name.as_str());
    let taken: Vec<Taken> = thread::scope(|scope| {
        for writer in 1..=WRITERS {
            let (server, is_over) = (server.server(), &is_over);
            scope.spawn(move || {
                let mut client = server.connect(name).unwrap();
                if writer % 3 == 0 {
                    client.batch_execute("set synchronous_commit = off").unwrap();
                }
                let sql = format!(
                    "update counters set value = value + 1 where id = {writer}; insert into written (by) values ({writer})"
                );
                while !is_over.load(Ordering::Relaxed) {
                    client.batch_execute(&sql).unwrap();
                }
            });
        }
        let take = |number: u32| {
            let into = folder.path().join(number.to_string());
            fs::create_dir(&into).unwrap();
            let engine = PostgresEngine::new();
            let physical = engine.physical().unwrap();
            physical.take(&url, &into, &ServerPrograms::default(), &options, &Silent)
        };
        let taken: Result<Vec<Taken>, _> = (0..2).map(take).collect();
        is_over.store(true, Ordering::Relaxed);
        taken.unwrap()
    });
    for (number_of, one) in taken.iter().enumerate() {
        let files = folder.path().join(number_of.to_string());
        let restore = |properties: &BTreeMap<String, String>| {
            let files = BackupFiles {
                folder: &files,
                properties,
                program: None,
            };
            differences(&files, name, one, &ground)
        };
        assert_eq!(restore(&one.properties), Vec::<String>::new());
        // One commit less: up to the record before the last one that belongs to it.
        let position = number(one.position.as_deref().unwrap());
        let all = commits(&files.join("cluster/pg_wal"), major);
        let last = all.iter().rfind(|(at, _)| number(at) <= position).unwrap();
        let mut shifted = one.properties.clone();
        shifted.insert("recovery_target_lsn".to_owned(), last.1.clone());
        assert_eq!(restore(&shifted), ["counters", "written"]);
    }
    let left = fs::read_dir(&ground.folder).unwrap().count();
    assert_eq!(left, 0);
}
