//! What `apply` asks for.

use std::fs;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    apply_refuses_without_a_proven_backup,
    apply_refuses_a_proven_backup_that_was_damaged_since,
    apply_takes_and_proves_a_backup_by_itself,
    apply_refuses_while_a_drill_is_overdue,
    plan_shows_what_the_backup_gives,
);

fn policy(stage: &Stage, policy: &str) {
    let text = format!("[policy]\n{policy}\n[backup]\nto = \"backups\"\n");
    stage.write("tightrope.toml", &text);
}

fn apply_refuses_without_a_proven_backup(stage: &Stage) {
    stage.add_migration();
    policy(stage, "backup = \"proven\"");
    let before = stage.state();
    let refused = |needle: &str| {
        let outcome = stage.run(&["apply", "--yes"], 4);
        assert_says(&outcome.stderr, "no fresh and proven backup of");
        assert_says(&outcome.stderr, needle);
        assert_says(&outcome.stderr, "tightrope backup --prove");
    };
    refused("there is none");
    stage.backup();
    refused("was never restored to prove it");
    stage.run(&["backup", "prove"], 0);
    stage.sql("create table later (id integer primary key)");
    refused("the schema was changed since it was taken");
    stage.sql("drop table later");
    assert_eq!(stage.state(), before);
    stage.run(&["apply", "--yes"], 0);
}

fn apply_refuses_a_proven_backup_that_was_damaged_since(stage: &Stage) {
    stage.add_migration();
    policy(stage, "backup = \"proven\"");
    let backup = stage.backup();
    stage.run(&["backup", "prove"], 0);
    let file = stage.largest_file(&backup);
    let mut bytes = fs::read(&file).unwrap();
    bytes[7] ^= 4;
    fs::write(&file, bytes).unwrap();
    let outcome = stage.run(&["apply", "--yes"], 4);
    assert_says(&outcome.stderr, "is damaged: the bytes of");
}

fn apply_takes_and_proves_a_backup_by_itself(stage: &Stage) {
    stage.add_migration();
    policy(stage, "backup = \"take\"");
    let before = stage.state();
    stage.run(&["apply", "--yes"], 0);
    assert_eq!(
        stage.listed(),
        ["stale"],
        "the migration changed the schema"
    );
    let new = stage.beside("restored");
    stage.run(&["restore", "--into", &new], 0);
    assert_eq!(stage.state_of(&new).unwrap(), before);
    // Nothing is pending, so nothing is asked for.
    stage.run(&["apply", "--yes"], 0);
    assert_eq!(stage.listed().len(), 1);
}

fn apply_refuses_while_a_drill_is_overdue(stage: &Stage) {
    stage.add_migration();
    policy(stage, "drills = true");
    stage.backup();
    assert_says(
        &stage.run(&["apply", "--yes"], 4).stderr,
        "restoring was never practised",
    );
    stage.run(&["drill", "restore"], 0);
    stage.run(&["apply", "--yes"], 0);
}

fn plan_shows_what_the_backup_gives(stage: &Stage) {
    stage.add_migration();
    assert_says(
        &stage.run(&["plan"], 2).stdout,
        "restore a backup of your own not open",
    );
    policy(stage, "strict = false");
    let way = || {
        let plan = stage.run(&["plan", "--json"], 2).json();
        let ways = plan["migrations"][0]["ways_back"]
            .as_array()
            .unwrap()
            .clone();
        ways.into_iter().find(|way| way["way"] == "d").unwrap()
    };
    assert_eq!(way()["open"], false);
    stage.backup();
    assert_eq!(
        (&way()["open"], &way()["proven"]),
        (&true.into(), &"no".into())
    );
    stage.run(&["backup", "prove"], 0);
    assert_says(
        way()["source"].as_str().unwrap(),
        "measured when the backup was proven",
    );
    assert_says(way()["proven"].as_str().unwrap(), "by restoring it");
    stage.run(&["drill", "restore"], 0);
    assert_says(way()["source"].as_str().unwrap(), "measured in drills");
    assert!(way()["milliseconds"].as_u64().unwrap() > 0);
    assert_says(
        &stage.run(&["plan"], 2).stdout,
        "time measured in drills, at today's size",
    );
}
