//! The life of migrations from the command line, on SQLite.

use crate::scene::{Scene, assert_says};

#[test]
fn from_nothing_to_applied_and_back() {
    let scene = Scene::new();
    scene
        .bare(&["init", "--url", "sqlite://shop.db"])
        .run()
        .expect_code(0);
    let made = scene
        .bare(&["new", "add users", "--json"])
        .run()
        .expect_code(0)
        .json();
    let files: Vec<&str> = made["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|file| file.as_str())
        .collect();
    assert_eq!(files.len(), 2);
    scene.write(files[0], "create table users (id integer primary key);");
    scene.write(files[1], "drop table users;");

    let plan = scene.bare(&["plan"]).run().expect_code(2);
    assert_says(&plan.stdout, "create table users");
    let rehearsal = scene.bare(&["rehearse"]).run().expect_code(0);
    assert_says(&rehearsal.stdout, "1 migration rehearsed, 1 certificate.");
    let applied = scene.bare(&["apply", "--yes"]).run().expect_code(0);
    assert_says(&applied.stdout, "1 migration applied.");
    assert_eq!(applied.stderr, "", "nobody watches");
    scene.bare(&["plan"]).run().expect_code(0);
    let status = scene.bare(&["status"]).run().expect_code(0);
    assert_says(&status.stdout, "Up to date.");
    let back = scene.bare(&["rollback", "--yes"]).run().expect_code(0);
    assert_says(&back.stdout, "schema exact");
    let log = scene.bare(&["log", "--json"]).run().expect_code(0).json();
    let actions: Vec<&str> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    assert_eq!(
        (actions, log["intact"].as_bool()),
        (vec!["applied", "rolled-back"], Some(true))
    );
}

#[test]
fn a_certificate_lies_beside_its_migration_and_counts() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes", "--to", "1"], 0);
    scene.run(&["rehearse"], 0);
    assert!(
        scene
            .path("migrations/0002_orders/certificate.json")
            .is_file()
    );
    let plan = scene.run(&["plan", "--json"], 2).json();
    assert_eq!(plan["migrations"][0]["proof"]["standing"], "fresh");
    scene.write(
        "migrations/0002_orders/down.sql",
        "drop table orders; -- edited\n",
    );
    let plan = scene.run(&["plan"], 2);
    assert_says(&plan.stdout, "not proven: its certificate has expired");
}

#[test]
fn what_is_destroyed_comes_back_and_what_was_written_since_stays() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes"], 0);
    scene.write(
        "migrations/0003_no_total/up.sql",
        "alter table orders drop column total;\n",
    );
    let shown = scene.run(&["plan", "0003", "--derived"], 0);
    assert_says(&shown.stdout, "-- derived rollback");
    scene.run(&["rehearse"], 0);
    let plan = scene.run(&["plan"], 2);
    assert_says(&plan.stdout, "keeps orders: total of 2 rows");
    assert_says(&plan.stdout, "derived rollback and net");
    scene.run(&["apply", "--yes"], 0);
    scene.sql("insert into orders (id) values (3); delete from orders where id = 1;");
    let status = scene.run(&["status"], 0);
    assert_says(&status.stdout, "way back: c");
    assert_says(&status.stdout, "0 rows in conflict");
    let dry = scene.run(&["rollback", "--dry-run", "--json"], 0).json();
    assert_eq!(dry["migrations"][0]["derived"], true);
    assert_eq!(dry["migrations"][0]["readiness"]["in_conflict"], 0);
    let back = scene.run(&["rollback", "--yes", "--json"], 0).json();
    assert_eq!(back["migrations"][0]["schema"], "exact");
    assert_eq!(back["migrations"][0]["net"]["way"], "derived");
    assert_eq!(scene.rows("select id, total from orders"), ["2|7", "3|"]);
    assert_says(&scene.run(&["quarantine", "list"], 0).stdout, "empty");
    scene.run(&["quarantine", "show", "7"], 1);
}

#[test]
fn what_does_not_fit_waits_in_quarantine_for_a_person() {
    let scene = Scene::new();
    scene.migration(
        "0001_users",
        "create table users (id integer primary key, age integer);
         create unique index users_age on users (age);
         insert into users values (1, 40), (2, 50);",
        "drop table users;",
    );
    scene.write("migrations/0002_free/up.sql", "drop index users_age;\n");
    scene.run(&["apply", "--yes"], 0);
    scene.sql("insert into users values (3, 40), (4, 60)");
    let status = scene.run(&["status"], 0);
    assert_says(&status.stdout, "way back: c");
    assert_says(&status.stdout, "1 row in conflict");
    assert_says(&status.stdout, "2 rows written since (users 2)");
    assert_says(&status.stdout, "id = 3");
    let stopped = scene.run(&["rollback", "--yes", "--conflicts", "stop"], 4);
    assert_says(&stopped.stderr, "users: 1 row breaks");
    assert_says(&stopped.stderr, "nothing was changed");
    let back = scene.run(&["rollback", "--yes"], 0);
    assert_says(&back.stdout, "quarantine 1 row");
    let all = "select id, age from users";
    assert_eq!(scene.rows(all), ["1|40", "2|50", "4|60"]);
    let list = scene.run(&["quarantine", "list", "--json"], 0).json();
    assert_eq!(list["rows"][0]["migration"], "0002_free");
    let number = list["rows"][0]["number"].to_string();
    let shown = scene.run(&["quarantine", "show", &number], 0);
    assert_says(&shown.stdout, "age  40");
    let unfit = scene.run(&["quarantine", "restore", &number], 4);
    assert_says(&unfit.stderr, "stays in quarantine, whole");
    scene.run(&["quarantine", "discard", &number], 4);
    scene.sql("update users set age = 41 where id = 1");
    scene.run(&["quarantine", "restore", &number], 0);
    assert_eq!(scene.rows(all), ["1|41", "2|50", "3|40", "4|60"]);
    assert_says(&scene.run(&["quarantine", "list"], 0).stdout, "empty");
    assert_says(&scene.run(&["log"], 0).stdout, "quarantine-restored");
}

#[test]
fn sealing_ends_the_way_back() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes"], 0);
    let asked = scene.run(&["seal"], 4);
    assert_says(&asked.stderr, "Sealing 2 migrations");
    scene.run(&["seal", "--to", "0099", "--yes"], 1);
    let dry = scene.run(&["seal", "--dry-run", "--json"], 0).json();
    assert_eq!(dry["migrations"].as_array().map(Vec::len), Some(2));
    let sealed = scene.run(&["seal", "--to", "0001", "--yes"], 0);
    assert_says(&sealed.stdout, "1 migration sealed");
    scene.run(&["seal", "--yes"], 0);
    assert_says(&scene.run(&["seal", "--yes"], 0).stdout, "Nothing to seal");
    let refused = scene.run(&["rollback", "--yes"], 4);
    assert_says(&refused.stderr, "its way back has ended");
    assert_says(&scene.run(&["status"], 0).stdout, "sealed just now");
}

#[test]
fn derived_rollbacks_are_written_beside_the_forward_scripts() {
    let scene = Scene::shop();
    scene.write(
        "migrations/0003_note/up.sql",
        "alter table users add note text;\n",
    );
    scene.run(&["new", "--derive"], 64);
    let refused = scene.run(&["new", "--derive", "0002"], 4);
    assert_says(&refused.stderr, "is not overwritten");
    let written = scene.run(&["new", "--derive", "--all"], 0);
    assert_says(&written.stdout, "wrote migrations/0003_note/down.sql");
    let text = std::fs::read_to_string(scene.path("migrations/0003_note/down.sql")).unwrap();
    assert!(text.starts_with("-- derived rollback"), "{text}");
    scene.run(&["new", "--derive", "0002", "--force"], 0);
    let rehearsed = scene.run(&["rehearse", "--json"], 0).json();
    assert_eq!(rehearsed["migrations"][2]["verdict"], "exact");
    assert_says(
        &scene.run(&["new", "--derive", "--all"], 0).stdout,
        "Nothing to derive",
    );
}

#[test]
fn a_rollback_is_derived_for_a_database_that_something_else_has_made() {
    let scene = Scene::new();
    scene.sql("create table users (id integer primary key, name text); insert into users values (1, 'a');");
    scene.write(
        "migrations/0001_note/up.sql",
        "alter table users add note text;\n",
    );
    scene.run(&["new", "--derive", "0001"], 0);
    let text = std::fs::read_to_string(scene.path("migrations/0001_note/down.sql")).unwrap();
    assert_says(&text, "users");
    // The same folder's scripts, run by something else: there the history begins with nothing.
    scene.sql("alter table users add note text;");
    scene.write(
        "migrations/0000_users/up.sql",
        "create table users (id integer primary key, name text);\n",
    );
    scene.run(&["new", "--derive", "0001", "--force"], 0);
    scene.run(&["new", "--derive", "0000"], 0);
    let text = std::fs::read_to_string(scene.path("migrations/0000_users/down.sql")).unwrap();
    assert_says(&text, "drop table");
}

#[test]
fn a_rollback_that_loses_rows_is_caught_and_named() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes"], 0);
    scene.migration(
        "0003_clear",
        "update orders set total = 0;",
        "update orders set total = 5;",
    );
    let rehearsal = scene.run(&["rehearse"], 3);
    assert_says(
        &rehearsal.stdout,
        "table orders: 1 of 2 rows differs in `total`",
    );
    assert_says(
        &rehearsal.stdout,
        "\
           id 2  before          '7'
                 after rollback  '5'
",
    );
    assert_says(&rehearsal.stdout, "derived exact");
    assert_says(&rehearsal.stdout, "tightrope new --derive 0003");
    let refused = scene.run(&["apply", "--yes", "--json"], 3);
    assert_says(
        &refused.stderr,
        "error: `0003_clear` is not proven: the schema comes back, but rows do not",
    );
    let json = refused.json();
    assert_eq!(json["error"]["kind"], "not-proven");
    assert_eq!(
        json["rehearsal"]["migrations"][0]["verdict"],
        "data-differs"
    );
    let applied = scene.run(
        &["apply", "--yes", "--unrehearsed", "--reason", "known loss"],
        0,
    );
    assert_says(&applied.stdout, "unrehearsed");
    assert_says(&scene.run(&["log"], 0).stdout, "unrehearsed: known loss");
}

#[test]
fn rollback_goes_to_a_version_or_all_the_way_without_a_folder() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes"], 0);
    std::fs::remove_dir_all(scene.path("migrations")).unwrap();
    let dry = scene.run(&["rollback", "--all", "--dry-run"], 0);
    assert_says(&dry.stdout, "drop table users;");
    let back = scene
        .run(&["rollback", "--to", "1", "--yes", "--json"], 0)
        .json();
    assert_eq!(back["migrations"][0]["schema"], "exact");
    assert_eq!(back["migrations"].as_array().unwrap().len(), 1);
    scene.run(&["rollback", "--all", "--yes"], 0);
    assert_says(
        &scene.run(&["rollback", "--yes"], 0).stdout,
        "Nothing to roll back.",
    );
}

#[test]
fn review_gives_every_verdict_and_goes_on() {
    let scene = Scene::shop();
    scene.migration("0003_bad", "create table c (x);", "drop table d;");
    scene.migration("0004_empty", "create table e (x);", "-- nothing\n");
    scene.migration("0005_good", "create table f (x);", "drop table f;");
    let review = scene.run(&["review", "--json"], 3).json();
    assert_eq!(
        review["summary"],
        serde_json::json!({ "exact": 3, "rollback-fails": 1, "empty-rollback": 1 })
    );
    let verdicts: Vec<&str> = review["migrations"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["verdict"].as_str())
        .collect();
    assert_eq!(
        verdicts,
        [
            "exact",
            "exact",
            "rollback-fails",
            "empty-rollback",
            "exact"
        ]
    );
    let last = scene.run(&["review", "--last", "1"], 0);
    assert_says(&last.stdout, "1 of 1 have a way back that is proven.");
    let text = scene.run(&["review"], 3);
    assert_says(&text.stdout, "worst first\n  rollback-fails   0003_bad");
    assert!(!scene.path("shop.db").exists(), "the target is not written");
}

#[test]
fn check_needs_no_database() {
    let scene = Scene::shop();
    scene
        .bare(&["check", "--engine", "sqlite"])
        .run()
        .expect_code(0);
    std::fs::remove_file(scene.path("migrations/0002_orders/down.sql")).unwrap();
    let outcome = scene.bare(&["check"]).run().expect_code(0);
    assert_says(&outcome.stderr, "note: no database is named");
    assert_says(
        &outcome.stdout,
        "migrations/0002_orders/up.sql:1:1: warning[no-rollback]",
    );
    let json = scene
        .bare(&["check", "--json", "--engine", "sqlite"])
        .run()
        .expect_code(0)
        .json();
    assert_eq!(json["warnings"], 1);
}

#[test]
fn new_follows_the_folder() {
    let check = |existing: &str, text: &str, expect: &[&str]| {
        let scene = Scene::new();
        scene.write(existing, text);
        let made = scene
            .bare(&["new", "next", "--json"])
            .run()
            .expect_code(0)
            .json();
        assert_eq!(made["files"], serde_json::json!(expect), "{existing}");
    };
    check(
        "migrations/0007_a/up.sql",
        "",
        &[
            "migrations/0008_next/up.sql",
            "migrations/0008_next/down.sql",
        ],
    );
    check(
        "migrations/9_a.up.sql",
        "",
        &["migrations/10_next.up.sql", "migrations/10_next.down.sql"],
    );
    check(
        "migrations/V1.9__a.sql",
        "",
        &["migrations/V1.10__next.sql", "migrations/U1.10__next.sql"],
    );
    check(
        "migrations/03_a.sql",
        "-- migrate:up\n",
        &["migrations/04_next.sql"],
    );
    check(
        "migrations/03_a.sql",
        "-- +migrate Up\n",
        &["migrations/04_next.sql"],
    );
}

#[test]
fn init_overwrites_nothing() {
    let scene = Scene::new();
    scene.bare(&["init"]).run().expect_code(0);
    let again = scene.bare(&["init"]).run().expect_code(4);
    assert_says(
        &again.stderr,
        "tightrope.toml is already there, and is not overwritten",
    );
}

#[test]
fn options_stand_before_and_after_the_command() {
    let scene = Scene::shop();
    let url = ["--url", "sqlite://shop.db"];
    scene
        .bare(&["--json", url[0], url[1], "plan"])
        .run()
        .expect_code(2)
        .json();
    scene
        .bare(&["plan", "--json", url[0], url[1], "--dir", "migrations"])
        .run()
        .expect_code(2)
        .json();
}

#[test]
fn what_only_the_new_schema_held_has_a_size_until_it_is_sealed() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes"], 0);
    scene.write(
        "migrations/0003_note/up.sql",
        "alter table users add note text;\n",
    );
    scene.run(&["apply", "--yes"], 0);
    scene.sql("insert into users (id, name, note) values (1, 'ana', 'hers')");
    scene.run(&["rollback", "--yes", "--to", "2"], 0);
    let sealed = scene.run(&["seal", "--dry-run", "--json"], 0).json();
    let image = sealed["migrations"].as_array().unwrap().last().unwrap();
    assert_eq!(image["label"], "0003_note, rolled back", "{sealed:#}");
    assert_eq!(
        image["frees"][0]["what"],
        "1 row of users, kept for applying it again"
    );
    assert!(
        image["frees"][0]["bytes"].as_u64().unwrap() > 0,
        "{sealed:#}"
    );
}
