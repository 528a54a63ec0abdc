//! A place that is not there, and one without room.

use std::fs;

use tightrope_backup::Manifest;

use crate::stage::{Stage, assert_says};

#[test]
fn a_folder_that_is_not_there_is_not_an_empty_place() {
    let stage = Stage::sqlite();
    let list = ["backup", "list", "--to", "backups"];
    let missing = stage.run(&list, 1);
    assert_says(&missing.stderr, "backups is not there");
    assert_says(
        &missing.stderr,
        "is the disk mounted, and is the path right?",
    );
    let new = stage.beside("restored");
    let restore = ["restore", "--to", "backups", "--into", &new];
    assert_says(&stage.run(&restore, 1).stderr, "backups is not there");
    fs::create_dir(stage.path("backups")).unwrap();
    assert_says(&stage.run(&list, 3).stdout, "No backup yet");
    stage.backup();
    stage.run(&list, 3);
}

#[test]
fn a_backup_that_does_not_fit_is_refused_before_it_is_begun() {
    let stage = Stage::sqlite();
    let path = stage.backup().join("manifest.json");
    let mut manifest = Manifest::parse(&fs::read_to_string(&path).unwrap(), None).unwrap();
    // As if the last one had been larger than any disk.
    manifest.files[0].bytes = 1 << 60;
    fs::write(&path, manifest.sealed(None).to_text()).unwrap();
    let refused = stage.run(&["backup", "--to", "backups"], 4);
    assert_says(&refused.stderr, "no room for a backup in");
    assert_says(&refused.stderr, "free some space");
    let left: Vec<_> = fs::read_dir(stage.path("backups")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
