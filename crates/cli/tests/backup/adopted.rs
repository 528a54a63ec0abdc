//! Backups of another system: adopted, proven, relied on.

use std::fs;

use crate::on_both_engines;
use crate::other_system::OtherSystem;
use crate::shop::Shop;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    a_backup_of_another_system_is_adopted_and_proven,
    its_proof_expires_as_others_do,
    apply_accepts_it_and_takes_it,
    one_that_is_too_old_is_not_even_restored,
    a_drill_is_held_on_it_and_plan_tells_of_it,
    copies_to_rehearse_on_are_made_of_it,
    only_its_own_system_lays_it_over_a_database,
    pruning_takes_the_record_alone,
    a_record_that_was_edited_is_damaged,
    its_record_goes_into_a_bucket,
    it_needs_commands_and_a_place,
);

fn a_backup_of_another_system_is_adopted_and_proven(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    // What is written between is no damage.
    stage.sql("insert into customers values (9001, 'late'); delete from orders where id > 2990");
    let adopted = system.run("backup adopt --json", 0).json();
    assert_eq!(
        (&adopted["already"], &adopted["proof"]),
        (&false.into(), &serde_json::Value::Null)
    );
    let told = &adopted["manifest"]["adopted"];
    assert_eq!(
        (&told["id"], &told["ledger"]),
        (&"b1".into(), &serde_json::Value::Null)
    );
    assert_eq!(told["rows"].as_array().unwrap().len(), 2);
    assert_eq!(system.listed(), ["unproven"]);
    let again = system.run("backup adopt --json", 0).json();
    assert_eq!(
        (&again["already"], &again["name"]),
        (&true.into(), &adopted["name"])
    );
    assert!(system.removed().is_empty(), "nothing was restored yet");

    let proven = system.run("backup prove --json", 0).json();
    let proof = &proven["proof"];
    assert_eq!(
        (&proof["counted"], &proof["tables"], &proof["rows"]),
        (&true.into(), &2.into(), &3500.into())
    );
    assert!(proof["restore_ms"].as_u64().unwrap() > 0);
    assert_says(
        proven["remarks"][0].as_str().unwrap(),
        "2 tables have other counts",
    );
    assert_eq!(system.listed(), ["proven"]);
    let list = system.run("backup list", 0).stdout;
    assert_says(&list, "adopted: `b1`");
    assert_says(&list, "schema equal, rows read and counted");
    assert_eq!(system.left(), Vec::<String>::new());
    let removed = system.removed();
    assert_eq!(removed.len(), 1);
    assert!(removed[0].1.contains(&removed[0].0), "{removed:?}");

    // The next one is another.
    system.take("b2");
    let text = system.run("backup adopt --prove", 0).stdout;
    assert_says(&text, "adopted: `b2`");
    assert_says(&text, "3491 rows in 2 tables, as they are now");
    assert_says(&text, "3491 rows in 2 tables read and counted");
    assert_eq!(system.listed(), ["proven", "proven"]);
}

fn its_proof_expires_as_others_do(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    system.run("backup adopt --prove", 0);
    stage.sql("create table later (id integer primary key)");
    system.run("backup list", 3);
    assert_eq!(system.listed(), ["stale"]);
    stage.sql("drop table later");
    assert_eq!(system.listed(), ["proven"]);
    system.configure("max_age_h = 0", "");
    assert_eq!(system.listed(), ["stale"]);
    // One that was taken before the last migration is told by then, and found out.
    system.configure("", "");
    stage.add_migration();
    system.run("apply --yes", 0);
    system.tells_hours_ago("b1", 1);
    let adopted = system.run("backup adopt", 0).stdout;
    assert_says(&adopted, "was applied after it was taken");
    let name = system.run("backup adopt --json", 0).json()["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let failed = system.run(&format!("backup prove {name}"), 3);
    assert_says(&failed.stderr, "the schema has the fingerprint");
    let log = system.run("log", 0).stdout;
    assert_says(&log, "backup-adopted");
    assert_says(&log, "backup-not-equal");
}

fn apply_accepts_it_and_takes_it(stage: &Stage) {
    let system = OtherSystem::new(stage);
    stage.add_migration();
    system.configure("", "[policy]\nbackup = 'proven'\n");
    system.take("b1");
    let refused = system.run("apply --yes", 4).stderr;
    assert_says(&refused, "there is none");
    assert_says(&refused, "tightrope backup adopt --prove");
    system.run("backup adopt", 0);
    assert_says(
        &system.run("apply --yes", 4).stderr,
        "was never restored to prove it",
    );
    system.run("backup prove", 0);
    system.run("apply --yes", 0);

    // The next migration finds it stale, and has the newest one adopted and proven by itself.
    stage.write(
        "migrations/0002_size/up.sql",
        "alter table customers add column size integer;",
    );
    stage.write(
        "migrations/0002_size/down.sql",
        "alter table customers drop column size;",
    );
    assert_says(
        &system.run("apply --yes", 4).stderr,
        "the schema was changed",
    );
    system.configure("", "[policy]\nbackup = 'take'\n");
    let before = stage.state();
    let refused = system.run("apply --yes", 4).stderr;
    assert_says(
        &refused,
        "`b1`, does not count: the schema was changed since it was taken",
    );
    assert_eq!(
        stage.state().0,
        before.0,
        "its newest is from before the migration"
    );
    system.take("b2");
    system.run("apply --yes", 0);
    assert_ne!(stage.state().0, before.0);
    assert_eq!(system.removed().len(), 2);
    assert_eq!(system.left(), Vec::<String>::new());
}

fn one_that_is_too_old_is_not_even_restored(stage: &Stage) {
    let system = OtherSystem::new(stage);
    stage.add_migration();
    system.take("b1");
    system.tells_hours_ago("b1", 30);
    assert_says(
        &system.run("backup adopt", 0).stdout,
        "is older than 26 h already",
    );
    system.configure("", "[policy]\nbackup = 'take'\n");
    let state = stage.state();
    let refused = system.run("apply --yes", 4).stderr;
    assert_says(&refused, "`b1`, does not count: it is older than 26 h");
    assert_says(&refused, "take a fresh one with that system");
    assert!(system.removed().is_empty());
    assert_eq!(stage.state(), state);
    // Proven all the same, it counts for no policy.
    system.run("backup prove", 0);
    assert_eq!(system.listed(), ["stale"]);
}

fn a_drill_is_held_on_it_and_plan_tells_of_it(stage: &Stage) {
    let system = OtherSystem::new(stage);
    stage.add_migration();
    system.take("b1");
    system.run("backup adopt --prove", 0);
    let drill = system.run("drill restore --json", 0).json();
    assert_eq!(drill["verdict"], "pass");
    assert_says(
        drill["findings"][0].as_str().unwrap(),
        "3500 rows were read and counted",
    );
    system.run("drill status", 0);
    let plan = system.run("plan --json", 2).json();
    let ways = plan["migrations"][0]["ways_back"]
        .as_array()
        .unwrap()
        .clone();
    let way = ways.into_iter().find(|way| way["way"] == "d").unwrap();
    assert_eq!(way["what"], "restore the adopted backup");
    assert_says(
        way["loses"].as_str().unwrap(),
        "unless the system that keeps it has the server's log",
    );
    assert_says(way["source"].as_str().unwrap(), "measured in drills");
    system.script("restore", "exit 7");
    let drill = system.run("drill restore", 3);
    assert_says(&drill.stdout, "failed: exit status: 7");
    assert_eq!(system.listed(), ["failed"]);
    system.run("drill status", 3);
}

fn copies_to_rehearse_on_are_made_of_it(stage: &Stage) {
    let system = OtherSystem::new(stage);
    stage.add_migration();
    system.configure("", "");
    let text = fs::read_to_string(stage.path("tightrope.toml")).unwrap();
    stage.write(
        "tightrope.toml",
        &format!("{text}[targets.shop.rehearse]\nfrom = 'backup'\n"),
    );
    system.take("b1");
    system.run("backup adopt", 0);
    system.run("rehearse", 4);
    system.run("backup prove", 0);
    let planned = system.run("plan --json", 2).json()["copies"].clone();
    assert_says(
        planned["room"][0]["at"].as_str().unwrap(),
        "its own system restores it",
    );
    assert_says(planned["source"].as_str().unwrap(), "predicted from proofs");
    let rehearsed = system.run("rehearse --json", 0).json();
    let name = rehearsed["copy"]["method"].as_str().unwrap();
    assert_says(name, "of the restored backup");
    assert_eq!(system.removed().len(), 2);
    assert_eq!(system.left(), Vec::<String>::new());
    system.run("drill rollback", 0);
    system.run("apply --yes", 0);
    assert_eq!(system.left(), Vec::<String>::new());
}

fn only_its_own_system_lays_it_over_a_database(stage: &Stage) {
    let system = OtherSystem::new(stage);
    stage.run(&["backup", "--target", "shop"], 0);
    system.take("b1");
    system.run("backup adopt --prove", 0);
    let state = stage.state();
    let new = stage.beside("restored");
    for more in ["", " --replay", " --table orders"] {
        let refused = system.run(&format!("restore --into {new}{more}"), 4).stderr;
        assert_says(
            &refused,
            "is an adopted backup: `b1`, of which only the record is here",
        );
        assert_says(&refused, "restore it with the system that keeps it");
    }
    assert!(stage.state_of(&new).is_none());
    // One of ours is restored by its name.
    let listed = stage
        .tightrope(&["backup", "list", "--json", "--target", "shop"])
        .run()
        .json();
    let backups = listed["backups"].as_array().unwrap();
    let own = backups
        .iter()
        .find(|one| one["manifest"]["adopted"].is_null())
        .unwrap();
    let own = own["name"].as_str().unwrap();
    system.run(&format!("restore {own} --into {new}"), 0);
    assert_eq!(stage.state_of(&new).unwrap(), state);
}

fn pruning_takes_the_record_alone(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.configure("keep_last = 1\nkeep_daily = 0\nkeep_weekly = 0", "");
    system.take("b1");
    system.tells_hours_ago("b1", 2);
    system.run("backup adopt", 0);
    stage.run(&["backup", "--target", "shop"], 0);
    system.take("b2");
    system.run("backup adopt --prove", 0);
    let calls = system.removed();
    let pruned = system.run("backup prune --yes --json", 0).json();
    assert_eq!(pruned["removed"].as_array().unwrap().len(), 1, "{pruned}");
    assert_eq!(pruned["records"].as_array().unwrap().len(), 1);
    // One of ours stays, too: neither takes the other's place.
    assert_eq!(system.listed(), ["unproven", "proven"]);
    assert_eq!(system.removed(), calls);
    assert!(stage.path("store/b1").exists() && stage.path("store/b2").exists());
    // It can be adopted again.
    system.tells_hours_ago("b1", 2);
    system.run("backup adopt", 0);
    assert_says(
        &system.run("backup prune --dry-run", 0).stdout,
        "its record: the backup is adopted, and stays where it is",
    );
}

fn a_record_that_was_edited_is_damaged(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    let adopted = system.run("backup adopt --prove --json", 0).json();
    let manifest = stage
        .path("backups")
        .join(adopted["name"].as_str().unwrap())
        .join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"id\": \"b1\"", "\"id\": \"b0\"")).unwrap();
    assert_eq!(system.listed(), ["damaged"]);
    let refused = system.run("backup prove", 4).stderr;
    assert_says(&refused, "the manifest was changed after it was written");
    assert_eq!(system.removed().len(), 1, "what was edited is not restored");
    fs::write(&manifest, &text).unwrap();
    assert_eq!(system.listed(), ["proven"]);
    // With a key, only what is signed counts.
    stage.write("key", "geheim");
    system.configure("key = { file = 'key' }", "");
    assert_eq!(system.listed(), ["damaged"]);
    system.take("b2");
    let signed = system.run("backup adopt --prove --json", 0).json();
    assert_eq!(signed["signed"], true);
    assert_eq!(system.listed(), ["damaged", "proven"]);
}

/// The record goes where backups go, encrypted or not: there is nothing in it to encrypt.
fn its_record_goes_into_a_bucket(stage: &Stage) {
    let system = OtherSystem::new(stage);
    let shop = Shop::new(stage);
    system.take("b1");
    let run = |command: &str, code: i32| {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--target", "shop"]);
        let tightrope = shop.tightrope(&arguments);
        let key = ("TIGHTROPE_BACKUP_ENCRYPTION_KEY", "geheim");
        tightrope.env(key.0, key.1).run().expect_code(code)
    };
    let adopted = run("backup adopt --prove --json", 0).json();
    assert_eq!(adopted["proof"]["rows"], 3500);
    assert_eq!(adopted["manifest"].get("encryption"), None, "{adopted}");
    let again = run("backup adopt --json", 0).json();
    assert_eq!(again["already"], true);
    run("backup list", 0);
    run("drill restore", 0);
    assert_eq!(shop.left_here(), Vec::<String>::new());
    assert_eq!(system.removed().len(), 2);
}

fn it_needs_commands_and_a_place(stage: &Stage) {
    stage.write("tightrope.toml", "[backup]\nto = 'backups'\n");
    let none = stage.run(&["backup", "adopt"], 1).stderr;
    assert_says(&none, "no commands are named by which a backup is adopted");
    let check = |adopt: &str, needle: &str| {
        stage.write("tightrope.toml", &format!("[backup.adopt]\n{adopt}\n"));
        assert_says(&stage.run(&["backup", "adopt"], 1).stderr, needle);
    };
    let whole = "latest = ['true']\nrestore = ['true']\nremove = ['true']";
    check(whole, "no place for backups is named");
    check(
        "latest = ['true']\nrestore = ['true']",
        "missing field `remove`",
    );
    check(
        "latest = []\nrestore = ['true']\nremove = ['true']",
        "`latest` under [backup.adopt] names no program",
    );
    check(&format!("{whole}\ntimeout = 5"), "unknown field `timeout`");
}
