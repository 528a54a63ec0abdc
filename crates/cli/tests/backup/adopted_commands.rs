//! The commands of another backup system that do not do what they are for, and what they restore that is not what was adopted.

use std::fs;

use crate::on_both_engines;
use crate::other_system::OtherSystem;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    what_latest_says_has_to_be_a_backup,
    restoring_that_does_not_work_says_so,
    what_says_nothing_about_the_backup_leaves_its_proof,
    the_target_itself_is_never_taken_for_a_copy,
    another_schema_is_another_database,
    another_ledger_is_another_database,
    tables_that_are_empty_are_missed,
    verify_queries_have_to_hold_on_it,
    what_cannot_be_removed_is_tried_again,
);

fn what_latest_says_has_to_be_a_backup(stage: &Stage) {
    let system = OtherSystem::new(stage);
    let check = |script: &str, code: i32, needle: &str| {
        system.script("latest", script);
        let said = system.run("backup adopt", code).stderr;
        assert_says(&said, needle);
        assert_says(&said, "`./latest`");
        assert!(!said.contains("hush"), "{said}");
    };
    check("exit 3", 1, "failed: exit status: 3");
    check("kill -9 $$", 1, "was ended from outside: signal: 9");
    check("exit 0", 4, "knows of no backup yet");
    check("echo '{\"id\": null}'", 4, "knows of no backup yet");
    check("echo hush", 1, "no time (`taken_at`) beside the identifier");
    check("echo b1 hush", 1, "a time that is none");
    check(
        "echo b1 2999-01-01T00:00:00Z",
        1,
        "a time that has not come yet",
    );
    check("echo '{hush'", 1, "no JSON");
    fs::remove_file(stage.path("latest")).unwrap();
    assert_says(&system.run("backup adopt", 1).stderr, "could not be run");
    let text = fs::read_to_string(stage.path("tightrope.toml")).unwrap();
    stage.write(
        "tightrope.toml",
        &text.replace("timeout_s = 20", "timeout_s = 1"),
    );
    system.script("latest", "exec sleep 600");
    let slow = system.run("backup adopt", 1).stderr;
    assert_says(&slow, "was not done after 1 s and was ended");
    assert_says(&slow, "`timeout_s` under [targets.NAME.backup.adopt]");
    assert!(system.listed().is_empty(), "nothing half adopted is left");
}

fn restoring_that_does_not_work_says_so(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    system.run("backup adopt", 0);
    let text = fs::read_to_string(stage.path("tightrope.toml")).unwrap();
    stage.write(
        "tightrope.toml",
        &text.replace("restore_timeout_s = 60", "restore_timeout_s = 1"),
    );
    let mut removed = 0;
    let mut check = |script: &str, code: i32, needle: &str| {
        system.script("restore", script);
        let said = system.run("backup prove", code).stderr;
        assert_says(&said, needle);
        assert_says(&said, "`./restore`");
        assert!(!said.contains("hush"), "{said}");
        assert_eq!(system.listed(), ["failed"], "{script}");
        // What it may have made is removed by its name; it is not known where it is.
        removed += 1;
        assert_eq!(system.removed().len(), removed, "{script}");
        assert_eq!(system.removed()[removed - 1].1, "");
        assert!(system.left().is_empty(), "{script}");
    };
    check("exit 3", 1, "failed: exit status: 3");
    check("echo done >&2", 1, "printed no URL");
    check(
        "echo all done, the password is hush",
        1,
        "something that is no URL of a database",
    );
    check(
        "echo mysql://me:hush@localhost/shop",
        1,
        "something that is no URL of a database",
    );
    check("exec sleep 600", 1, "was not done after 1 s and was ended");
    match stage.is_sqlite() {
        true => check("echo sqlite://nowhere.db", 3, "cannot open the database"),
        false => check(
            "echo postgres://me:hush@127.0.0.1:1/shop",
            3,
            "cannot open the database",
        ),
    }
    system.restores_well();
    stage.write("tightrope.toml", &text);
    system.run("backup prove", 0);
    assert_eq!(system.listed(), ["proven"]);
}

fn what_says_nothing_about_the_backup_leaves_its_proof(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    system.run("backup adopt --prove", 0);
    system.script("restore", "kill -9 $$");
    assert_says(
        &system.run("backup prove", 1).stderr,
        "was ended from outside",
    );
    fs::remove_file(stage.path("restore")).unwrap();
    assert_says(&system.run("backup prove", 1).stderr, "could not be run");
    assert_eq!(system.listed(), ["proven"]);
    // A drill that cannot be held is none.
    system.run("drill restore", 1);
    assert!(!stage.path("backups/drills").exists());
}

fn the_target_itself_is_never_taken_for_a_copy(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    system.run("backup adopt", 0);
    let state = stage.state();
    let mut urls = vec![stage.url.clone()];
    if stage.is_sqlite() {
        let link = stage.path("link.db");
        std::os::unix::fs::symlink(stage.path("shop.db"), &link).unwrap();
        urls.push(format!("sqlite://{}", link.display()));
    } else {
        urls.push(stage.url.replace("127.0.0.1", "localhost"));
    }
    for url in urls {
        system.script("restore", &format!("echo '{url}'"));
        let refused = system.run("backup prove", 4).stderr;
        assert_says(&refused, "printed the URL of the target itself");
        // Whatever `remove` does with a URL, it does not do it to the target.
        assert_eq!(system.removed().pop().unwrap().1, "");
    }
    assert_eq!(system.listed(), ["unproven"]);
    assert_eq!(stage.state(), state);
}

fn another_schema_is_another_database(stage: &Stage) {
    let system = OtherSystem::new(stage);
    let another = make_another(stage, "create table other (id integer primary key);");
    system.take_of(&another, "b1", "");
    system.run("backup adopt", 0);
    let failed = system.run("backup prove", 3).stderr;
    assert_says(&failed, "the schema has the fingerprint");
    assert_says(&failed, "`orders` is not there, and had 3000 rows");
    assert_eq!(system.listed(), ["failed"]);
    assert!(system.left().is_empty());
    drop_another(stage, &another);
}

fn another_ledger_is_another_database(stage: &Stage) {
    let system = OtherSystem::new(stage);
    stage.add_migration();
    system.run("apply --yes", 0);
    // The same schema with as many rows, and a history of its own.
    let another = make_another(stage, Stage::schema(stage.is_sqlite()));
    stage.run(&["apply", "--yes", "--url", &another], 0);
    system.take_of(&another, "b1", "");
    system.run("backup adopt", 0);
    let failed = system.run("backup prove", 3).stderr;
    assert_says(
        &failed,
        "it is another database: its ledger begins otherwise than that of the target",
    );
    system.take("b2");
    system.run("backup adopt --prove", 0);
    assert_eq!(system.listed(), ["failed", "proven"]);
    drop_another(stage, &another);
}

fn make_another(stage: &Stage, schema: &str) -> String {
    let another = stage.beside("another");
    if !stage.is_sqlite() {
        let name = another.rsplit('/').next().unwrap();
        let admin = stage.server().url("postgres");
        stage.sql_on(&admin, &format!("create database {name}"));
    }
    stage.sql_on(&another, schema);
    another
}

fn drop_another(stage: &Stage, another: &str) {
    if !stage.is_sqlite() {
        let name = another.rsplit('/').next().unwrap();
        let admin = stage.server().url("postgres");
        stage.sql_on(&admin, &format!("drop database {name} with (force)"));
    }
}

fn tables_that_are_empty_are_missed(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    system.run("backup adopt", 0);
    system.script("after", "");
    let spoil = |sql: &str| {
        // The same backup, restored badly.
        let well = fs::read_to_string(stage.path("restore")).unwrap();
        let spoilt = match stage.is_sqlite() {
            true => format!(
                "{well}\n./spoil \"$TIGHTROPE_RESTORE_NAME.db\" >&2\necho \"sqlite://$PWD/$TIGHTROPE_RESTORE_NAME.db\""
            ),
            false => {
                let url = well
                    .lines()
                    .last()
                    .unwrap()
                    .trim_start_matches("echo ")
                    .to_owned();
                format!("{well}\n./spoil {url} >&2\necho {url}")
            }
        };
        system.script("spoil", &spoiler(stage, sql));
        system.script("restore", spoilt.trim_start_matches("#!/bin/sh\nset -eu\n"));
        let said = system.tightrope_prove();
        system.restores_well();
        said
    };
    let (code, said) = spoil("delete from orders; delete from customers");
    assert_eq!(code, 3, "{said}");
    assert_says(&said, "every table is empty, and they had 3500 rows");
    assert_eq!(system.listed(), ["failed"]);
    let (code, said) = spoil("delete from orders");
    assert_eq!(code, 3, "{said}");
    assert_says(
        &said,
        "`orders` is empty, and had 3000 rows when it was adopted",
    );
    let (code, said) = spoil("delete from orders where id > 100");
    assert_eq!(code, 0, "{said}");
    assert_says(&said, "`orders` has 100 rows, and had 3000 rows");
    assert_eq!(system.listed(), ["proven"]);
}

/// A script that spoils a database by some SQL.
fn spoiler(stage: &Stage, sql: &str) -> String {
    match stage.is_sqlite() {
        true => {
            let spoilt = stage.path("spoilt.db");
            let _ = fs::remove_file(&spoilt);
            stage.sql(&format!("vacuum into '{}'", spoilt.display()));
            stage.sql_on(&format!("sqlite://{}", spoilt.display()), sql);
            "cp spoilt.db \"$1\"".to_owned()
        }
        false => {
            let bin = tightrope_testkit::servers::client_bin_dir(stage.server().major).unwrap();
            format!("{}/psql -qd \"$1\" -c '{sql}'", bin.display())
        }
    }
}

#[test]
fn sqlite_a_file_that_is_damaged_inside_is_found() {
    let stage = Stage::sqlite();
    let system = OtherSystem::new(&stage);
    system.take("b1");
    system.run("backup adopt --prove", 0);
    let file = stage.path("store/b1");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle - 5_000..middle + 5_000].fill(7);
    fs::write(&file, bytes).unwrap();
    let failed = system.run("backup prove", 3).stderr;
    assert_says(&failed, "the restored file is unsound");
    assert_eq!(system.listed(), ["failed"]);
    fs::write(&file, "no database at all, whoever opens it").unwrap();
    let failed = system.run("backup prove", 3).stderr;
    assert_says(&failed, "cannot open the database");
    fs::write(&file, "").unwrap();
    let failed = system.run("backup prove", 3).stderr;
    assert_says(&failed, "`orders` is not there, and had 3000 rows");
}

#[test]
fn postgres_a_dump_that_was_cut_is_found() {
    let stage = Stage::postgres();
    let system = OtherSystem::new(&stage);
    system.take("b1");
    system.run("backup adopt --prove", 0);
    let file = stage.path("store/b1");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert_says(&system.run("backup prove", 1).stderr, "failed: exit status");
    assert_eq!(system.listed(), ["failed"]);
    // A dump without rows is restored without an error.
    system.take_of(&stage.url, "b2", "--schema-only");
    system.run("backup adopt", 0);
    assert_says(
        &system.run("backup prove", 3).stderr,
        "every table is empty",
    );
}

fn verify_queries_have_to_hold_on_it(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    system.configure("verify = 'verify.sql'", "");
    stage.write("verify.sql", "select count(*) > 5000 from orders;\n");
    system.run("backup adopt", 0);
    assert_says(&system.run("backup prove", 3).stderr, "verify.sql:1");
    stage.write("verify.sql", "select count(*) = 3000 from orders;\n");
    let proven = system.run("backup prove --json", 0).json();
    assert_eq!(proven["proof"]["queries"], 1);
}

fn what_cannot_be_removed_is_tried_again(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    system.run("backup adopt", 0);
    let well = fs::read_to_string(stage.path("remove")).unwrap();
    system.script("remove", "exit 5");
    let proven = system.run("backup prove --json", 0).json();
    let remarks = proven["remarks"].to_string();
    assert_says(
        &remarks,
        "could not be removed, which the next command tries again",
    );
    assert_says(&remarks, "failed: exit status: 5");
    stage.write("remove", &well);
    system.run("backup adopt", 0);
    assert_eq!(system.removed().len(), 1);
    assert!(system.left().is_empty());
}
