//! Which backup is taken where none is named: the newest of the target, also where the target is gone.

use std::fs;
use std::path::Path;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    a_target_that_is_gone_is_told_by_its_name,
    a_damaged_newest_one_is_not_passed_over,
    a_drill_on_another_database_s_backup_is_no_drill,
    damage_that_was_found_goes_on_the_record,
);

fn name(backup: &Path) -> &str {
    backup.file_name().unwrap().to_str().unwrap()
}

/// Makes another database with other rows, and a newer backup of it in the same place; gives its URL and its backup's name.
fn another(stage: &Stage) -> (String, String) {
    let url = stage.beside("another");
    stage.run(&["restore", "--into", &url, "--to", "backups"], 0);
    stage.sql_on(&url, "delete from orders");
    let taken = stage.run(&["backup", "--to", "backups", "--json", "--url", &url], 0);
    let name = taken.json()["name"].as_str().unwrap().to_owned();
    (url, name)
}

fn a_target_that_is_gone_is_told_by_its_name(stage: &Stage) {
    let before = stage.state();
    stage.backup();
    let (_, newer) = another(stage);
    stage.drop_database();
    let restored = stage
        .run(
            &["restore", "--into", &stage.url, "--to", "backups", "--json"],
            0,
        )
        .json();
    assert_ne!(restored["name"], newer.as_str());
    assert_eq!(stage.state(), before);
    // A name that no backup has gets none of another database.
    let new = stage.beside("never");
    let outcome = stage.run(
        &["restore", "--into", &new, "--to", "backups", "--url", &new],
        1,
    );
    assert_says(&outcome.stderr, "there is no backup of");
    assert!(stage.state_of(&new).is_none());
}

fn a_damaged_newest_one_is_not_passed_over(stage: &Stage) {
    stage.run(&["backup", "--to", "backups", "--prove"], 0);
    let newest = stage.backup();
    fs::remove_file(newest.join("manifest.json")).unwrap();
    let new = stage.beside("restored");
    for arguments in [
        &["restore", "--into", &new, "--to", "backups"][..],
        &["backup", "prove", "--to", "backups"],
    ] {
        let outcome = stage.run(arguments, 4);
        assert_says(
            &outcome.stderr,
            &format!("the backup `{}` is damaged", name(&newest)),
        );
    }
    assert!(stage.state_of(&new).is_none());
    stage.run(&["backup", "list", "--to", "backups"], 3);
    assert_eq!(stage.listed(), ["proven", "damaged"]);
    let drill = stage.run(&["drill", "restore", "--to", "backups"], 3);
    assert_says(&drill.stdout, "`manifest.json` is missing");
}

fn a_drill_on_another_database_s_backup_is_no_drill(stage: &Stage) {
    stage.backup();
    let (url, other) = another(stage);
    let outcome = stage.run(&["drill", "restore", &other, "--to", "backups"], 4);
    assert_says(&outcome.stderr, "is of another database");
    stage.run(&["drill", "restore", "--to", "backups", "--url", &url], 0);
    let status = stage.run(&["drill", "status", "--to", "backups"], 3);
    assert_says(&status.stdout, "never passed");
    // That it cannot be proven is a drill that failed.
    stage.run(&["backup", "--to", "backups", "--no-checksums"], 0);
    let drill = stage.run(&["drill", "restore", "--to", "backups"], 3);
    assert_says(&drill.stdout, "was taken without checksums");
}

fn damage_that_was_found_goes_on_the_record(stage: &Stage) {
    let taken = stage.run(&["backup", "--to", "backups", "--prove", "--json"], 0);
    let folder = taken.json()["folder"].as_str().unwrap().to_owned();
    let file = stage.largest_file(Path::new(&folder));
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(
        stage.listed(),
        ["proven"],
        "only reading every byte shows it"
    );
    stage.run(&["backup", "prove", "--to", "backups"], 4);
    assert_eq!(stage.listed(), ["failed"]);
    let list = stage.run(&["backup", "list", "--to", "backups"], 3);
    assert_says(&list.stdout, "are not what they were");
}

#[test]
fn postgres_a_server_that_is_gone_is_told_by_its_database_s_name() {
    let stage = Stage::postgres();
    let before = stage.state();
    stage.backup();
    let (another, _) = another(&stage);
    let gone = format!("postgres://nobody@127.0.0.1:1/{}", stage.name());
    let list = stage.run(
        &[
            "backup", "list", "--to", "backups", "--json", "--url", &gone,
        ],
        3,
    );
    let of_target: Vec<bool> = list.json()["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["of_target"].as_bool().unwrap())
        .collect();
    assert_eq!(of_target, [true, false]);
    let new = stage.beside("restored");
    stage.run(
        &["restore", "--into", &new, "--to", "backups", "--url", &gone],
        0,
    );
    assert_eq!(stage.state_of(&new).unwrap(), before);
    drop(another);
}

#[test]
fn sqlite_two_databases_of_one_name_are_not_mixed_up() {
    let stage = Stage::sqlite();
    stage.backup();
    fs::create_dir(stage.path("elsewhere")).unwrap();
    let other = format!("sqlite://{}", stage.path("elsewhere/shop.db").display());
    stage.run(&["restore", "--into", &other, "--to", "backups"], 0);
    stage.run(&["backup", "--to", "backups", "--url", &other], 0);
    stage.drop_database();
    let restore = ["restore", "--into", &stage.url, "--to", "backups"];
    let outcome = stage.run(&restore, 4);
    assert_says(&outcome.stderr, "cannot be asked which of the databases");
    assert!(stage.state_of(&stage.url).is_none());
}

/// The disaster itself: the file is there, and damaged in one way or another.
#[test]
fn sqlite_a_damaged_file_is_overwritten_and_its_bytes_are_kept() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 4] = [
        ("header", |bytes| bytes[..16].fill(7)),
        ("half", |bytes| bytes.truncate(bytes.len() / 2)),
        ("middle", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle - 9_000..middle + 9_000].fill(7);
        }),
        ("empty page", |bytes| bytes[100..4_000].fill(0)),
    ];
    for mode in ["delete", "wal"] {
        for (what, damage) in &damages {
            let stage = Stage::sqlite();
            stage.sql(&format!("pragma journal_mode = {mode}"));
            let before = stage.state();
            stage.backup();
            let file = stage.path("shop.db");
            let mut bytes = fs::read(&file).unwrap();
            damage(&mut bytes);
            fs::write(&file, &bytes).unwrap();
            stage.run(&["backup", "list", "--to", "backups"], 3);
            let restored = stage.run(
                &[
                    "restore",
                    "--to",
                    "backups",
                    "--yes",
                    "--json",
                    "--into",
                    &stage.url,
                    "--overwrite",
                    "shop.db",
                ],
                0,
            );
            assert_eq!(stage.state(), before, "{mode}, {what}");
            let kept = restored.json()["kept"].as_str().unwrap().to_owned();
            assert!(
                fs::read(&kept).unwrap() == bytes,
                "{mode}, {what}: the bytes are kept"
            );
            assert!(!stage.path("shop.db-journal").exists());
        }
    }
}
