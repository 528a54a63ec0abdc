//! A place that is not there, and one without room.

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
    std::fs::create_dir(stage.path("backups")).unwrap();
    assert_says(&stage.run(&list, 3).stdout, "No backup yet");
    stage.backup();
    stage.run(&list, 3);
}
