//! Backups that only who has the key can read.

use std::fs;
use std::path::Path;

use tightrope_testkit::process::{Outcome, Tightrope};

use crate::on_both_engines;
use crate::shop::Shop;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    an_encrypted_backup_in_a_folder,
    an_encrypted_backup_in_a_bucket,
);

const KEY: &str = "TIGHTROPE_BACKUP_ENCRYPTION_KEY";

/// What is in every row of a table, and in no file of an encrypted backup.
const PLAIN: &[u8] = b"customer 4";

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path().is_dir() {
            true => files(&entry.path(), found),
            false => {
                let bytes = fs::read(entry.path()).unwrap();
                found.push((entry.path().display().to_string(), bytes));
            }
        }
    }
}

fn with_key(command: Tightrope, key: &str) -> Outcome {
    command.env(KEY, key).run()
}

/// Proves, restores, and tries without the key and with another one.
fn only_the_key_opens(stage: &Stage, command: &dyn Fn(&[&str]) -> Tightrope) {
    with_key(command(&["backup", "prove"]), "right").expect_code(0);
    let new = stage.beside("restored");
    let restore = ["restore", "--into", &new];
    let none = command(&restore).run().expect_code(4);
    assert_says(&none.stderr, "no key is configured");
    let another = with_key(command(&restore), "wrong").expect_code(4);
    assert_says(&another.stderr, "the key that is configured is");
    assert!(stage.state_of(&new).is_none());
    with_key(command(&restore), "right").expect_code(0);
    assert_eq!(stage.state_of(&new).unwrap(), stage.state());
    // What there is can be seen without the key.
    command(&["backup", "list"]).run().expect_code(0);
}

fn an_encrypted_backup_in_a_folder(stage: &Stage) {
    let caches = stage.path("caches");
    let command = |arguments: &[&str]| {
        let arguments = [arguments, &["--to", "backups"]].concat();
        stage.tightrope(&arguments).env("XDG_CACHE_HOME", &caches)
    };
    let taken = with_key(command(&["backup", "--json"]), "right")
        .expect_code(0)
        .json();
    assert_eq!(taken["encrypted"], true);
    let mut found = Vec::new();
    files(&stage.path("backups"), &mut found);
    assert!(found.len() > 1);
    for (path, bytes) in &found {
        assert!(
            !holds(bytes, PLAIN) && !holds(bytes, b"SQLite format"),
            "{path}"
        );
        let is_data = path.contains("/data/");
        assert_eq!(holds(bytes, b"tightrope-enc-1"), is_data, "{path}");
    }
    only_the_key_opens(stage, &command);
    let mut left = Vec::new();
    files(&caches, &mut left);
    assert!(
        left.is_empty(),
        "{:?}",
        left.iter().map(|one| &one.0).collect::<Vec<_>>()
    );
    let file = stage.largest_file(Path::new(taken["folder"].as_str().unwrap()));
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, bytes).unwrap();
    let found = with_key(command(&["backup", "prove"]), "right").expect_code(4);
    assert_says(&found.stderr, "are not what they were");
}

fn an_encrypted_backup_in_a_bucket(stage: &Stage) {
    let shop = Shop::new(stage);
    with_key(shop.tightrope(&["backup"]), "right").expect_code(0);
    let objects = shop.objects();
    assert!(objects.iter().any(|path| path.contains("/data/")));
    for path in objects {
        let bytes = shop.bucket.read(&path).unwrap();
        assert!(
            !holds(&bytes, PLAIN) && !holds(&bytes, b"SQLite format"),
            "{path}"
        );
        assert_eq!(
            holds(&bytes, b"tightrope-enc-1"),
            path.contains("/data/"),
            "{path}"
        );
    }
    only_the_key_opens(stage, &|arguments| shop.tightrope(arguments));
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}

#[test]
fn the_key_comes_from_where_the_file_says() {
    let stage = Stage::sqlite();
    stage.write("key", "long and random\n");
    let toml = |encrypt: &str| {
        format!("[backup]\nto = \"backups\"\nstaging = \"work\"\nencrypt = {encrypt}\n")
    };
    stage.write("tightrope.toml", &toml("{ file = \"key\" }"));
    let taken = stage.run(&["backup", "--prove", "--json"], 0).json();
    assert_eq!(taken["encrypted"], true);
    stage.write("tightrope.toml", &toml("\"geheimnis\""));
    let refused = stage.run(&["backup"], 1);
    assert_says(&refused.stderr, "stands in tightrope.toml itself");
    assert!(!refused.stderr.contains("geheimnis"), "{}", refused.stderr);
}
