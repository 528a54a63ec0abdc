//! Taken, proven, restored.

use crate::on_both_engines;
use crate::stage::{Stage, assert_says, overwriting};

on_both_engines!(
    a_backup_is_taken_proven_and_restored,
    a_restore_leaves_what_is_there_alone_unless_its_name_is_said,
    what_is_overwritten_is_kept,
    a_backup_holds_tightrope_s_own_tables,
    without_checksums_there_is_no_proof,
    verify_queries_have_to_hold,
    what_is_in_the_way_is_said,
    old_backups_go_and_what_is_needed_stays,
    what_is_damaged_or_failed_keeps_no_place,
);

fn a_backup_is_taken_proven_and_restored(stage: &Stage) {
    let before = stage.state();
    let taken = stage
        .run(&["backup", "--to", "backups", "--json"], 0)
        .json();
    assert_eq!(taken["manifest"]["tables"].as_array().unwrap().len(), 2);
    assert_eq!(taken["proof"], serde_json::Value::Null);
    assert!(
        taken["warnings"][0]
            .as_str()
            .unwrap()
            .contains("on the same disk as the data")
    );
    assert_eq!(stage.listed(), ["unproven"]);
    stage.run(&["backup", "list", "--to", "backups"], 3);

    let proven = stage
        .run(&["backup", "prove", "--to", "backups", "--json"], 0)
        .json();
    assert_eq!(proven["proof"]["tables"], 2);
    assert_eq!(proven["proof"]["rows"], 3500);
    assert_eq!(stage.listed(), ["proven"]);
    let list = stage.run(&["backup", "list", "--to", "backups"], 0);
    assert_says(&list.stdout, "proven");

    // What is written since is not in it.
    stage.sql("delete from orders where id > 10");
    let new = stage.beside("restored");
    let restored = stage.run(&["restore", "--into", &new, "--to", "backups"], 0);
    assert_says(&restored.stdout, "what was written since is not in it");
    assert_eq!(stage.state_of(&new).unwrap(), before);
    assert_ne!(stage.state(), before);
    if !stage.is_sqlite() {
        // The identity goes on where it was.
        stage.sql_on(&new, "insert into orders (customer) values (1)");
    }
}

fn a_restore_leaves_what_is_there_alone_unless_its_name_is_said(stage: &Stage) {
    stage.backup();
    stage.sql("delete from orders");
    let now = stage.state();
    let there = stage.url.clone();
    let restore = ["restore", "--to", "backups", "--yes", "--into", &there];
    let outcome = stage.run(&restore, 4);
    assert_says(&outcome.stderr, "is there already");
    assert_says(&outcome.stderr, &format!("--overwrite {}", stage.name()));
    let wrong = [&restore[..], &["--overwrite", "something_else"]].concat();
    assert_says(
        &stage.run(&wrong, 4).stderr,
        "`something_else` was confirmed",
    );
    let new = stage.beside("nowhere");
    let nothing = overwriting(&new, "x");
    assert_says(&stage.run(&nothing, 4).stderr, "is not there");
    assert_eq!(stage.state(), now);
}

fn what_is_overwritten_is_kept(stage: &Stage) {
    let before = stage.state();
    stage.backup();
    stage.sql("delete from orders; insert into customers values (9999, 'late')");
    let now = stage.state();
    let name = stage.name();
    let arguments = [
        "restore",
        "--to",
        "backups",
        "--into",
        &stage.url,
        "--overwrite",
        &name,
    ];
    assert_says(
        &stage.run(&arguments, 4).stderr,
        "nobody is there to say yes",
    );
    let sure = [&arguments[..], &["--yes", "--json"]].concat();
    let restored = stage.run(&sure, 0).json();
    assert_eq!(stage.state(), before);
    let kept = stage.kept(restored["kept"].as_str().unwrap());
    assert_eq!(stage.state_of(&kept).unwrap(), now);
    if !stage.is_sqlite() {
        let drop = format!("drop database {}", kept.rsplit('/').next().unwrap());
        stage.sql_on(
            &stage.beside("x").replace(&format!("{name}_x"), "postgres"),
            &drop,
        );
    }
}

fn a_backup_holds_tightrope_s_own_tables(stage: &Stage) {
    stage.write(
        "migrations/0001_note/up.sql",
        "alter table customers add column age integer;",
    );
    stage.write(
        "migrations/0001_note/down.sql",
        "alter table customers drop column age;",
    );
    let before = stage.state();
    stage.run(&["apply", "--yes"], 0);
    let after = stage.state();
    stage.run(&["backup", "--to", "backups", "--prove"], 0);
    let log = stage.run(&["log"], 0).stdout;
    assert_says(&log, "backup-taken");
    assert_says(&log, "backup-proven");
    let new = stage.beside("restored");
    stage.run(&["restore", "--into", &new, "--to", "backups"], 0);
    assert_eq!(stage.state_of(&new).unwrap(), after);
    assert_says(&stage.run(&["log", "--url", &new], 0).stdout, "restored");
    // The way back through the net travels with the backup.
    stage.sql_on(
        &new,
        "insert into customers (id, name, age) values (501, 'new', 4)",
    );
    stage.run(&["rollback", "--yes", "--url", &new], 0);
    assert_eq!(stage.state_of(&new).unwrap().0.logical, before.0.logical);
}

fn without_checksums_there_is_no_proof(stage: &Stage) {
    stage.run(&["backup", "--to", "backups", "--no-checksums"], 0);
    let outcome = stage.run(&["backup", "prove", "--to", "backups"], 3);
    assert_says(&outcome.stderr, "was taken without checksums");
    let new = stage.beside("restored");
    let restored = stage.run(&["restore", "--into", &new, "--to", "backups"], 0);
    assert_says(&restored.stdout, "only its schema was compared");
    assert_says(&restored.stdout, "rows were not compared");
    assert!(!restored.stdout.contains("equal"), "{}", restored.stdout);
    assert_eq!(stage.state_of(&new).unwrap(), stage.state());
}

fn verify_queries_have_to_hold(stage: &Stage) {
    stage.write(
        "tightrope.toml",
        "[backup]\nto = \"backups\"\nverify = \"verify.sql\"\n",
    );
    stage.write(
        "verify.sql",
        "select count(*) = 500 from customers;\nselect count(*) > 5000 from orders;\n",
    );
    let outcome = stage.run(&["backup", "--prove"], 3);
    assert_says(&outcome.stderr, "verify.sql:2");
    assert_eq!(stage.listed(), ["failed"]);
    stage.write("verify.sql", "select count(*) = 500 from customers;\n");
    assert_says(
        &stage.run(&["backup", "prove"], 0).stdout,
        "1 verify query holds",
    );
    stage.write("verify.sql", "-- nothing\n");
    assert_says(&stage.run(&["backup", "prove"], 3).stderr, "holds no query");
}

fn what_is_in_the_way_is_said(stage: &Stage) {
    assert_says(
        &stage.run(&["backup"], 1).stderr,
        "no place for backups is named",
    );
    stage.write("a_file", "");
    assert_says(
        &stage.run(&["backup", "--to", "a_file"], 1).stderr,
        "a_file",
    );
    std::fs::create_dir(stage.path("empty")).unwrap();
    assert_says(
        &stage.run(&["backup", "prove", "--to", "empty"], 1).stderr,
        "there is no backup of",
    );
    let backup = stage.backup();
    let name = backup.file_name().unwrap().to_str().unwrap();
    let almost = format!("{}x", &name[..name.len() - 1]);
    let outcome = stage.run(&["backup", "prove", &almost, "--to", "backups"], 1);
    assert_says(&outcome.stderr, &format!("did you mean `{name}`?"));
    stage.write("tightrope.toml", "[backup]\nkey = \"written down\"\n");
    let outcome = stage.run(&["backup", "--to", "backups"], 1);
    assert_says(&outcome.stderr, "stands in tightrope.toml itself");
    assert!(!outcome.stderr.contains("written down"));
}

/// A proof is of the files as they were: what is relied on is read whole before anything is removed.
fn what_is_damaged_or_failed_keeps_no_place(stage: &Stage) {
    stage.write(
        "tightrope.toml",
        "[backup]\nto = \"backups\"\nverify = \"verify.sql\"\nkeep_last = 1\nkeep_daily = 0\nkeep_weekly = 0\n",
    );
    stage.write("verify.sql", "select true;\n");
    stage.run(&["backup", "--prove"], 0);
    stage.run(&["backup", "--prove"], 0);
    stage.backup();
    let names = stage.names();
    let file = stage.largest_file(&stage.path("backups").join(&names[1]));
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    stage.write("verify.sql", "select count(*) = 0 from orders;\n");
    stage.run(&["backup", "--prove"], 3);
    let pruned = stage.run(&["backup", "prune", "--yes", "--json"], 0).json();
    assert_eq!(pruned["removed"].as_array().unwrap().len(), 0, "{pruned}");
    assert_eq!(stage.names().len(), 4);
    let untouched = pruned["untouched"].as_array().unwrap();
    assert_eq!(untouched.len(), 2, "{pruned}");
    let kept = pruned["kept"].as_array().unwrap();
    let because = |at: usize| kept[at]["because"][0].as_str().unwrap();
    assert_eq!(
        (kept[0]["name"].as_str().unwrap(), because(0)),
        (&*names[2], "one of the last")
    );
    assert_eq!(
        (kept[1]["name"].as_str().unwrap(), because(1)),
        (&*names[0], "the newest that is proven")
    );
}

fn old_backups_go_and_what_is_needed_stays(stage: &Stage) {
    stage.write(
        "tightrope.toml",
        "[backup]\nto = \"backups\"\nkeep_last = 1\nkeep_daily = 0\nkeep_weekly = 0\n",
    );
    stage.run(&["backup", "--prove"], 0);
    stage.backup();
    stage.backup();
    let look = stage
        .run(&["backup", "prune", "--dry-run", "--json"], 0)
        .json();
    assert_eq!(look["removed"].as_array().unwrap().len(), 1);
    assert_eq!(stage.listed().len(), 3);
    stage.run(&["backup", "prune", "--yes"], 0);
    assert_eq!(stage.listed(), ["proven", "unproven"]);
    assert_says(
        &stage.run(&["backup", "prune", "--yes"], 0).stdout,
        "Nothing to remove.",
    );
}
