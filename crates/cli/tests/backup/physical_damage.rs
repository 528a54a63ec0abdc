//! Damage of a physical backup is found and named, and no cluster is made of it.

use std::fs;
use std::path::{Path, PathBuf};

use tightrope_backup::Manifest;
use tightrope_testkit::servers::OwnServer;

use crate::physical::{own_server, stage_on};
use crate::stage::{Stage, assert_says};

/// Requires that proving and restoring name the damage, and that no folder comes of it.
#[track_caller]
fn check(stage: &Stage, backup: &Path, code: i32, needle: &str) {
    let name = backup.file_name().unwrap().to_str().unwrap();
    for arguments in [
        &["backup", "prove", name][..],
        &["restore", name, "--folder", "restored"][..],
    ] {
        let outcome = stage.run(arguments, code);
        assert_says(&outcome.stderr, needle);
        assert!(!stage.path("restored").exists(), "nothing was restored");
        let left = fs::read_dir(stage.path("ground"))
            .into_iter()
            .flatten()
            .count();
        assert_eq!(left, 0);
    }
}

fn taken(server: &OwnServer) -> (Stage, PathBuf) {
    let stage = stage_on(server);
    let taken = stage.run(&["backup", "--json"], 0).json();
    let backup = PathBuf::from(taken["folder"].as_str().unwrap());
    let backup = stage.path("").join(backup);
    (stage, backup)
}

fn segments(backup: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(backup.join("data/cluster/pg_wal")).unwrap();
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn every_kind_of_damage_is_named() {
    let server = own_server();
    let (stage, backup) = taken(&server);
    let small = backup.join("data/small.tar");
    for file in [small, stage.largest_file(&backup)] {
        let whole = fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        fs::write(&file, &flipped).unwrap();
        check(&stage, &backup, 4, "are not what they were");
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        check(
            &stage,
            &backup,
            4,
            &format!("has {} bytes and had", whole.len() - 1),
        );
        fs::remove_file(&file).unwrap();
        check(&stage, &backup, 4, "is missing");
        fs::write(&file, &whole).unwrap();
    }
    let segment = segments(&backup).pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    fs::remove_file(&segment).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    check(&stage, &backup, 4, &format!("pg_wal/{name}"));
    assert_eq!(stage.listed(), ["damaged"]);
    fs::write(&segment, whole).unwrap();

    let path = backup.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"rows\": 500", "\"rows\": 499")).unwrap();
    check(
        &stage,
        &backup,
        4,
        "the manifest was changed after it was written",
    );
    fs::write(&path, &text).unwrap();
    let other = stage.run(&["backup", "--json"], 0).json();
    let other = stage.path("").join(other["folder"].as_str().unwrap());
    let its = fs::read_to_string(other.join("manifest.json")).unwrap();
    fs::copy(&path, other.join("manifest.json")).unwrap();
    check(&stage, &other, 4, "the manifest is that of another backup");
    fs::write(other.join("manifest.json"), its).unwrap();
    let another = Stage::on(server.server());
    another.write(
        "tightrope.toml",
        &fs::read_to_string(stage.path("tightrope.toml")).unwrap(),
    );
    let name = format!("{}", backup.display());
    let outcome = another.run(&["backup", "prove", &name], 4);
    assert_says(&outcome.stderr, "is of another database");
    stage.run(&["backup", "prove"], 0);
}

/// Where nothing is signed, who takes a segment away can seal the manifest anew: the server itself does not get to the position then.
#[test]
fn a_log_that_does_not_reach_the_position_is_found_by_the_server() {
    let server = own_server();
    let (stage, backup) = taken(&server);
    let segment = segments(&backup).pop().unwrap();
    fs::remove_file(&segment).unwrap();
    let path = backup.join("manifest.json");
    let mut manifest = Manifest::parse(&fs::read_to_string(&path).unwrap(), None).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap().to_owned();
    manifest.files.retain(|file| !file.path.ends_with(&name));
    fs::write(&path, manifest.sealed(None).to_text()).unwrap();
    check(&stage, &backup, 1, "did not start");
}

/// The same for rows: a manifest that says other sums is not equal to what comes back.
#[test]
fn sums_that_are_not_those_of_the_position_are_found() {
    let server = own_server();
    let (stage, backup) = taken(&server);
    let path = backup.join("manifest.json");
    let mut manifest = Manifest::parse(&fs::read_to_string(&path).unwrap(), None).unwrap();
    let orders = manifest
        .tables
        .iter_mut()
        .find(|table| table.shape.table.name == "orders");
    orders.unwrap().checksum.as_mut().unwrap().rows += 1;
    fs::write(&path, manifest.sealed(None).to_text()).unwrap();
    let outcome = stage.run(&["backup", "prove"], 3);
    assert_says(&outcome.stderr, "`orders` has 3000 rows and had 3001");
    assert_eq!(stage.listed(), ["failed"]);
}
