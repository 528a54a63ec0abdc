//! Copies of a database to rehearse on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Database, must, state};
use tightrope_engine::{
    BackupWatch, Cloner, ConnectOptions, CopyPlace, DatabaseUrl, Engine, EngineError, ErrorKind,
    Scratch, Session,
};
use tightrope_model::Value;
use tightrope_selection::{MaskKey, MaskKind, Masks, Sample, Selection, Share};
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
    // What shares its blocks is copied by the file system, where that can do it.
    let method = scratch.report().method.as_str();
    assert!(["backup API", "reflink"].contains(&method), "{method}");
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

struct Quiet;

impl BackupWatch for Quiet {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn reached(&self, _: &'static str) {}
}

fn select(database: &Database, selection: &Selection) -> Result<Box<dyn Scratch>, EngineError> {
    let engine = SqliteEngine::new();
    let cloner = engine.cloner().unwrap();
    cloner.copy_selected(&database.url(), &CopyPlace::default(), selection, &Quiet)
}

fn everything() -> Selection {
    Selection {
        sample: Some(Sample {
            share: Share::Whole,
            seed: 1,
            whole_up_to: 0,
            tables: BTreeMap::new(),
        }),
        masks: Masks::default(),
    }
}

fn hashed(column: &str) -> Selection {
    Selection {
        sample: None,
        masks: Masks {
            key: MaskKey::from_secret("x"),
            columns: BTreeMap::from([(column.to_owned(), MaskKind::Hash)]),
        },
    }
}

#[test]
fn a_selective_copy_of_everything_is_equal() {
    for pragmas in [
        "pragma page_size = 8192; pragma auto_vacuum = incremental; pragma journal_mode = wal",
        "pragma encoding = 'UTF-16le'",
    ] {
        let database = Database::new(&format!(
            "{pragmas}; {BASE};
             create table counted (id integer primary key autoincrement, \"odd name\" blob default x'00', c as (id * 2) stored);
             insert into counted (\"odd name\") values (x'0102'), (null), ('text'), (1.5); delete from counted where id = 4;
             create table pairs (a text, b integer, primary key (a, b)) without rowid; insert into pairs values ('x', 1), ('x', 2);
             create table loose (rowid, v); insert into loose values (7, 'seven');
             insert into loose (oid, rowid, v) values (99, 8, 'eight');
             create view both as select * from pairs; create index odd on counted (\"odd name\") where c > 2;
             create trigger stop before insert on pairs begin select raise(abort, 'fired'); end;
             create virtual table words using fts5(body); insert into words (rowid, body) values (5, 'deep words');
             create virtual table found using fts5(a, content = 't', content_rowid = 'id'); insert into found (found) values ('rebuild');
             create virtual table boxes using rtree(id, low, high); insert into boxes values (3, 1.0, 2.0); analyze;"
        ));
        let mut source = database.session();
        let original = state(source.as_mut());
        let scratch = select(&database, &everything()).unwrap();
        let mut copied = session(scratch.as_ref());
        assert_eq!(state(copied.as_mut()), original);
        for question in [
            "pragma page_size",
            "pragma encoding",
            "pragma auto_vacuum",
            "pragma journal_mode",
            "pragma user_version",
            "pragma application_id",
            "select group_concat(name || seq) from sqlite_sequence",
            "select group_concat(oid) from loose",
            "select rowid from words where words match 'deep'",
            "select count(*) from found where found match 'a*'",
            "select id from boxes where low < 1.5",
            "select count(*) from sqlite_stat1",
            "pragma integrity_check",
        ] {
            let (here, there) = (
                text(source.as_mut(), question),
                text(copied.as_mut(), question),
            );
            assert_eq!(here, there, "{question}");
        }
        drop((copied, scratch, source));
        assert!(
            database
                .files()
                .iter()
                .all(|name| !name.contains("scratch"))
        );
    }
}

#[test]
fn words_of_a_masked_table_are_in_no_index() {
    let database = Database::new(
        "create table posts (id integer primary key, body text); insert into posts values (1, 'confidential');
         create virtual table found using fts5(body, content = 'posts', content_rowid = 'id'); insert into found (found) values ('rebuild');
         create virtual table own using fts4(body); insert into own values ('confidential');",
    );
    let scratch = select(&database, &hashed("posts.body")).unwrap();
    let mut copied = session(scratch.as_ref());
    assert_eq!(text(copied.as_mut(), "select count(*) from own"), "0");
    assert_eq!(text(copied.as_mut(), "select count(*) from found"), "1");
    drop(copied);
    let path = database.folder.path().join(scratch.name());
    let bytes = std::fs::read(path).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("confidential"));
    assert_eq!(scratch.report().remarks.len(), 1, "{:?}", scratch.report());
}

#[test]
fn what_a_mask_cannot_be_put_on_is_refused_and_nothing_is_left() {
    let database = Database::new(
        "create table files (id integer primary key, body); insert into files values (1, x'01')",
    );
    let Err(error) = select(&database, &hashed("files.body")) else {
        panic!("a blob was masked as text");
    };
    assert!(error.message.contains("`files.body`"), "{error:?}");
    assert_eq!(database.files(), ["shop.db"]);
}
