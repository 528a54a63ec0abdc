//! Drills: held, recorded, overdue.

use std::fs;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    a_drill_is_held_and_recorded,
    a_drill_on_a_damaged_backup_fails_and_makes_the_next_due,
    a_rollback_is_practised_on_a_copy,
);

fn a_drill_is_held_and_recorded(stage: &Stage) {
    assert_says(
        &stage.run(&["drill", "status", "--to", "backups"], 3).stdout,
        "never passed",
    );
    stage.backup();
    stage.backup();
    let drill = stage
        .run(
            &["drill", "restore", "--random", "--to", "backups", "--json"],
            0,
        )
        .json();
    assert_eq!(drill["verdict"], "pass");
    assert_says(
        drill["findings"][0].as_str().unwrap(),
        "2 tables, 3500 rows are equal",
    );
    let status = stage
        .run(&["drill", "status", "--to", "backups", "--json"], 0)
        .json();
    assert_eq!(status["kinds"][0]["overdue"], false);
    assert_eq!(status["kinds"][0]["prediction"]["measurements"], 1);
    stage.write(
        "tightrope.toml",
        "[backup]\nto = \"backups\"\ndrill_days = 0\n",
    );
    assert_says(&stage.run(&["drill", "status"], 3).stdout, "overdue");
    // A record that somebody has changed is no record.
    let folder = stage.path("backups/drills");
    let file = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("\"pass\"", "\"fail\"");
    fs::write(&file, text).unwrap();
    assert_says(
        &stage.run(&["drill", "status"], 3).stdout,
        "is no record of a drill",
    );
}

fn a_drill_on_a_damaged_backup_fails_and_makes_the_next_due(stage: &Stage) {
    let backup = stage.backup();
    stage.run(&["drill", "restore", "--to", "backups"], 0);
    fs::remove_file(stage.largest_file(&backup)).unwrap();
    let outcome = stage.run(&["drill", "restore", "--to", "backups"], 3);
    assert_says(&outcome.stdout, "is missing");
    assert_says(&outcome.stdout, "The drill failed");
    stage.run(&["drill", "status", "--to", "backups"], 3);
    stage.backup();
    stage.run(&["drill", "restore", "--to", "backups"], 0);
    stage.run(&["drill", "status", "--to", "backups"], 0);
}

fn a_rollback_is_practised_on_a_copy(stage: &Stage) {
    let none = stage.run(&["drill", "rollback", "--to", "backups"], 1);
    assert_says(&none.stderr, "migrations");
    stage.add_migration();
    let before = stage.state();
    let drill = stage
        .run(&["drill", "rollback", "--to", "backups", "--json"], 0)
        .json();
    assert_eq!(
        (&drill["what"], &drill["verdict"]),
        (&"0001_age".into(), &"pass".into())
    );
    assert_says(
        drill["findings"][0].as_str().unwrap(),
        "schema and 3500 rows as before, 10 rows written since kept",
    );
    assert_eq!(stage.state(), before);
    stage.run(&["apply", "--yes"], 0);
    let after = stage.state();
    assert_says(
        &stage
            .run(&["drill", "rollback", "--to", "backups"], 0)
            .stdout,
        "0001_age",
    );
    assert_eq!(stage.state(), after);
    let status = stage
        .tightrope(&["drill", "status", "--to", "backups", "--json"])
        .run()
        .json();
    assert_eq!(status["kinds"][1]["kind"], "rollback");
    assert_eq!(status["kinds"][1]["overdue"], false);
}

#[test]
fn a_schedule_is_printed_for_cron_and_systemd() {
    let stage = Stage::sqlite();
    let outcome = stage.run(&["drill", "schedule", "--target", "production"], 0);
    assert_says(
        &outcome.stdout,
        "drill restore --random --quiet --target production",
    );
    assert_says(&outcome.stdout, "OnCalendar=monthly");
}
