//! Copies of a database to rehearse on.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Database, must, state};
use tightrope_engine::{
    Cloner, ConnectOptions, CopyPlace, DatabaseUrl, Engine, ErrorKind, Scratch, Session,
};
use tightrope_model::Value;
use tightrope_sqlite::SqliteEngine;

const BASE: &str = "create table t (id integer primary key, a text); pragma user_version = 3; pragma application_id = 9;
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) insert into t select i, hex(i) from n";

fn copy(database: &Database, place: &CopyPlace) -> Box<dyn Scratch> {
    let engine = SqliteEngine::new();
    engine
        .cloner()
        .unwrap()
        .copy(&database.url(), place)
        .unwrap()
}

fn session(scratch: &dyn Scratch) -> Box<dyn Session> {
    SqliteEngine::new()
        .connect(scratch.url(), &ConnectOptions::default())
        .unwrap()
}

fn text(session: &mut dyn Session, sql: &str) -> String {
    session.query(sql, &[]).unwrap()[0][0].to_string()
}

fn check_copy(pragmas: &str, mode: &str) {
    let database = Database::new(&format!("{pragmas}; {BASE}"));
    let mut source = database.session();
    let original = state(source.as_mut());
    let scratch = copy(&database, &CopyPlace::default());
    assert!(scratch.name().starts_with("tightrope_scratch_"));
    assert_eq!(scratch.report().method, "backup API");
    let fork = {
        let mut copied = session(scratch.as_ref());
        assert_eq!(state(copied.as_mut()), original);
        assert_eq!(text(copied.as_mut(), "pragma page_size"), "8192");
        assert_eq!(text(copied.as_mut(), "pragma journal_mode"), mode);
        must(copied.as_mut(), "insert into t (a) values ('more')");
        drop(copied);
        scratch.fork().unwrap()
    };
    let mut forked = session(fork.as_ref());
    assert_eq!(text(forked.as_mut(), "select count(*) from t"), "5001");
    assert_eq!(text(forked.as_mut(), "pragma page_size"), "8192");
    assert_eq!(text(forked.as_mut(), "pragma journal_mode"), mode);
    assert_eq!(state(source.as_mut()), original);
    drop((forked, fork, scratch, source));
    assert_eq!(database.files(), ["shop.db"]);
}

#[test]
fn a_copy_is_the_same_and_leaves_nothing() {
    check_copy("pragma page_size = 8192", "delete");
    check_copy("pragma page_size = 8192; pragma journal_mode = wal", "wal");
}

fn check_with_a_writer(mode: &str) {
    let database = Database::new(&format!(
        "pragma journal_mode = {mode}; create table a (n); create table b (n, pad)"
    ));
    let stop = AtomicBool::new(false);
    let written = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let writer = database.plain();
            writer.execute_batch("pragma synchronous = off").unwrap();
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                writer
                    .execute_batch(&format!("begin immediate; insert into a values ({number}); insert into b values ({number}, zeroblob(9000)); commit"))
                    .unwrap();
                number += 1;
                if number == 100 {
                    written.wait();
                }
            }
        });
        written.wait();
        for _ in 0..3 {
            let scratch = copy(&database, &CopyPlace::default());
            let mut copied = session(scratch.as_ref());
            let counts = copied.query("select (select count(*) from a), (select count(*) from b), (select max(n) + 1 from a)", &[]).unwrap();
            assert_eq!(counts[0][0], counts[0][1]);
            assert_eq!(counts[0][0], counts[0][2]);
            assert_eq!(
                copied.query("pragma integrity_check", &[]).unwrap(),
                [[Value::from("ok")]]
            );
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_copy_is_of_one_instant_whoever_writes() {
    check_with_a_writer("delete");
    check_with_a_writer("wal");
}

#[test]
fn an_empty_copy_needs_no_source() {
    let database = Database::new("create table t (a)");
    std::fs::remove_file(database.path()).unwrap();
    let place = CopyPlace {
        empty: true,
        ..CopyPlace::default()
    };
    let scratch = copy(&database, &place);
    let (catalog, _) = state(session(scratch.as_ref()).as_mut());
    assert!(catalog.tables().is_empty());
    let engine = SqliteEngine::new();
    let Err(error) = engine
        .cloner()
        .unwrap()
        .copy(&database.url(), &CopyPlace::default())
    else {
        panic!("there is nothing to copy");
    };
    assert_eq!(error.kind, ErrorKind::DatabaseMissing);
}

#[test]
fn a_copy_can_be_made_elsewhere() {
    let database = Database::new(BASE);
    let elsewhere = tempfile::tempdir().unwrap();
    let place = CopyPlace {
        url: Some(DatabaseUrl::new(format!(
            "sqlite://{}",
            elsewhere.path().display()
        ))),
        empty: false,
    };
    let scratch = copy(&database, &place);
    assert_eq!(database.files(), ["shop.db"]);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 2);
    drop(scratch);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    let nowhere = CopyPlace {
        url: Some(DatabaseUrl::new(
            elsewhere.path().join("no").display().to_string(),
        )),
        empty: false,
    };
    let engine = SqliteEngine::new();
    let cloner: &dyn Cloner = engine.cloner().unwrap();
    let Err(error) = cloner.copy(&database.url(), &nowhere) else {
        panic!("there is no such folder");
    };
    assert!(error.hint.unwrap().contains("rehearse.url"));
}

#[test]
#[cfg(target_os = "linux")]
fn only_what_the_dead_left_is_swept() {
    let database = Database::new(BASE);
    let scratch = copy(&database, &CopyPlace::default());
    let folder = database.folder.path();
    let owner = folder.join(scratch.name().replace(".db", ".owner"));
    let living = std::fs::read_to_string(&owner).unwrap();
    let leave = |name: &str, evidence: &str| {
        for end in ["db", "db-wal", "db-shm"] {
            std::fs::write(folder.join(format!("tightrope_scratch_{name}.{end}")), "x").unwrap();
        }
        std::fs::write(
            folder.join(format!("tightrope_scratch_{name}.owner")),
            evidence,
        )
        .unwrap();
    };
    leave("dead", &living.replace("start=", "start=9"));
    leave("far", &living.replace("host=", "host=far-"));
    leave("odd", "");
    let engine = SqliteEngine::new();
    let cloner = engine.cloner().unwrap();
    let swept = cloner
        .sweep(&database.url(), &CopyPlace::default())
        .unwrap();
    assert_eq!(swept, ["tightrope_scratch_dead.db"]);
    assert!(!database.files().iter().any(|name| name.contains("dead")));
    assert_eq!(database.files().len(), 1 + 2 + 4 + 4);
    assert_eq!(
        text(session(scratch.as_ref()).as_mut(), "select count(*) from t"),
        "5000"
    );
}

#[test]
fn the_size_is_that_of_the_files() {
    let database = Database::new(BASE);
    let engine = SqliteEngine::new();
    let size = engine.cloner().unwrap().size(&database.url()).unwrap();
    assert_eq!(size, std::fs::metadata(database.path()).unwrap().len());
}
