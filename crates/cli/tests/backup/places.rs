//! Places that cannot hold a backup as it was: another collation, another encoding.

use std::fs;
use std::path::Path;

use tightrope_backup::Manifest;
use tightrope_testkit::servers::{postgres, postgres_majors};

use crate::stage::{Stage, assert_says, overwriting};

/// Gives the backup other properties, as if it came from elsewhere.
fn with_property(backup: &Path, name: &str, value: &str) {
    let path = backup.join("manifest.json");
    let mut manifest = Manifest::parse(&fs::read_to_string(&path).unwrap(), None).unwrap();
    manifest
        .properties
        .insert(name.to_owned(), value.to_owned());
    fs::write(&path, manifest.sealed(None).to_text()).unwrap();
}

#[test]
fn postgres_a_database_with_another_collation_is_not_overwritten() {
    let stage = Stage::postgres();
    stage.backup();
    let other = stage.beside("other");
    let name = other.rsplit('/').next().unwrap();
    let mut admin = postgres(postgres_majors()[0])
        .unwrap()
        .connect("postgres")
        .unwrap();
    let collate: String = admin
        .query_one(
            "select datcollate from pg_database where datname = $1",
            &[&stage.name()],
        )
        .unwrap()
        .get(0);
    let another = if collate == "C" { "C.UTF-8" } else { "C" };
    let make = format!(
        "create database {name} template template0 lc_collate '{another}' lc_ctype '{another}'"
    );
    admin.batch_execute(&make).unwrap();
    let arguments = [&overwriting(&other, name)[..], &["--from-another"]].concat();
    let outcome = stage.run(&arguments, 4);
    assert_says(
        &outcome.stderr,
        &format!("lc_collate is `{another}` there and `{collate}` in the backup"),
    );
    admin
        .batch_execute(&format!("drop database {name}"))
        .unwrap();
}

#[test]
fn postgres_a_server_without_the_collation_says_so() {
    let stage = Stage::postgres();
    let backup = stage.backup();
    with_property(&backup, "lc_collate", "xx_XX.UTF-8");
    let new = stage.beside("restored");
    for arguments in [
        &["restore", "--to", "backups", "--into", &new][..],
        &["backup", "prove", "--to", "backups"][..],
    ] {
        let outcome = stage.run(arguments, 4);
        assert_says(
            &outcome.stderr,
            "the server does not have the collation `xx_XX.UTF-8` of the backup",
        );
    }
    assert!(stage.state_of(&new).is_none());
}

#[test]
fn sqlite_a_library_without_the_collation_says_so() {
    let stage = Stage::sqlite();
    // A program that registers a collation of its own leaves such a schema.
    stage.sql(
        "create table towns (name text collate nocase); create index towns_by_name on towns (name);
         insert into towns values ('Bonn'), ('aachen'); pragma writable_schema = on;
         update sqlite_schema set sql = replace(sql, 'nocase', 'german') where name = 'towns'",
    );
    stage.backup();
    let new = stage.beside("restored");
    for arguments in [
        &["restore", "--to", "backups", "--into", &new][..],
        &["backup", "prove", "--to", "backups"][..],
    ] {
        let outcome = stage.run(arguments, 4);
        assert_says(
            &outcome.stderr,
            "collation is `not there` there and `GERMAN` in the backup",
        );
    }
    assert!(stage.state_of(&new).is_none());
}

#[test]
fn sqlite_a_file_in_another_encoding_is_not_overwritten() {
    let stage = Stage::sqlite();
    stage.backup();
    let other = stage.beside("other");
    stage.sql_on(&other, "pragma encoding = 'UTF-16le'; create table t (a)");
    let arguments = [&overwriting(&other, "other.db")[..], &["--from-another"]].concat();
    let outcome = stage.run(&arguments, 4);
    assert_says(
        &outcome.stderr,
        "encoding is `UTF-16le` there and `UTF-8` in the backup",
    );
}

#[test]
fn sqlite_a_file_that_is_in_use_is_not_overwritten() {
    for mode in ["delete", "wal"] {
        let stage = Stage::sqlite();
        stage.sql(&format!("pragma journal_mode = {mode}"));
        let before = stage.state();
        stage.backup();
        stage.sql("delete from orders");
        let now = stage.state();
        let file = stage.url.trim_start_matches("sqlite://").to_owned();
        let other = rusqlite::Connection::open(&file).unwrap();
        other
            .execute_batch("begin; select count(*) from orders")
            .unwrap();
        let arguments = overwriting(&stage.url, "shop.db");
        assert_says(
            &stage.run(&arguments, 5).stderr,
            "is in use, and was not overwritten",
        );
        other.execute_batch("rollback").unwrap();
        drop(other);
        assert_eq!(stage.state(), now, "{mode}");
        stage.run(&arguments, 0);
        assert_eq!(stage.state(), before, "{mode}");
    }
}

#[test]
fn postgres_a_database_that_is_in_use_is_not_overwritten() {
    let stage = Stage::postgres();
    stage.backup();
    stage.sql("delete from orders");
    let now = stage.state();
    let mut other = postgres(postgres_majors()[0])
        .unwrap()
        .connect(&stage.name())
        .unwrap();
    other.batch_execute("select 1").unwrap();
    let name = stage.name();
    let arguments = overwriting(&stage.url, &name);
    assert_says(
        &stage.run(&arguments, 5).stderr,
        "is being accessed by other users",
    );
    drop(other);
    assert_eq!(stage.state(), now);
}

#[test]
fn sqlite_a_journal_of_a_database_that_is_gone_stops_a_restore() {
    let stage = Stage::sqlite();
    stage.backup();
    fs::write(stage.path("restored.db-journal"), "old").unwrap();
    let new = stage.beside("restored");
    let outcome = stage.run(&["restore", "--to", "backups", "--into", &new], 4);
    assert_says(&outcome.stderr, "would damage the restored one");
    assert!(!stage.path("restored.db").exists());
}
