//! Wrong input: a clear message, a hint, an exit code, and nothing changed.

use crate::scene::{Scene, assert_says};
use tightrope_testkit::process::Outcome;

/// Everybody who fails says so in text and in JSON alike.
#[track_caller]
fn refused(scene: &Scene, arguments: &[&str], code: i32, needles: &[&str]) -> Outcome {
    let outcome = scene.run(arguments, code);
    for needle in needles {
        assert_says(&outcome.stderr, needle);
    }
    let json = scene
        .tightrope(arguments)
        .arg("--json")
        .run()
        .expect_code(code)
        .json();
    assert_eq!(json["error"]["exit"], code, "{json:#}");
    assert!(!json["error"]["message"].as_str().unwrap().is_empty());
    assert!(
        !json["error"]["hints"].as_array().unwrap().is_empty(),
        "{json:#}"
    );
    outcome
}

#[test]
fn bad_sql_comes_back_with_file_line_and_column() {
    let scene = Scene::shop();
    scene.write(
        "migrations/0002_orders/up.sql",
        "-- orders\ncreate table orders (\n  id integer primary kye\n);\n",
    );
    let says = [
        "fails in rehearsal",
        "migrations/0002_orders/up.sql:3:22",
        "  3 |   id integer primary kye",
        "nothing was changed.",
    ];
    refused(&scene, &["apply", "--yes"], 1, &says);
}

#[test]
fn what_was_applied_before_the_failure_stays_and_is_said() {
    let scene = Scene::shop();
    scene.write(
        "migrations/0002_orders/up.sql",
        "create table orders (id integer);\nselect nope();\n",
    );
    let outcome = scene.run(&["apply", "--yes", "--unrehearsed", "--reason", "x"], 1);
    assert_says(
        &outcome.stderr,
        "failed to apply migration `0002_orders`: no such function: nope",
    );
    assert_says(&outcome.stderr, "migrations/0002_orders/up.sql:2:8");
    assert_says(
        &outcome.stderr,
        "1 migration before it is applied and stays.",
    );
    assert_says(
        &scene.run(&["log"], 0).stdout,
        "failed           0002_orders",
    );
    assert_eq!(
        scene.run(&["status", "--json"], 0).json()["pending"],
        serde_json::json!(["0002_orders"])
    );
}

#[test]
fn folders_that_cannot_be_used() {
    let scene = Scene::new();
    refused(
        &scene,
        &["plan"],
        1,
        &["cannot read the folder migrations", "--dir FOLDER"],
    );
    scene.write("migrations/readme.txt", "nothing\n");
    refused_findings(&scene, "unknown-format");
    std::fs::remove_file(scene.path("migrations/readme.txt")).unwrap();
    refused_findings(&scene, "no-migrations");
}

#[track_caller]
fn refused_findings(scene: &Scene, rule: &str) {
    let outcome = scene.run(&["apply", "--yes"], 1);
    assert_says(&outcome.stderr, &format!("error[{rule}]"));
    let json = scene.run(&["apply", "--yes", "--json"], 1).json();
    assert_eq!(json["error"]["findings"][0]["rule"], rule);
}

#[test]
fn a_script_that_was_changed_after_it_was_applied() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes"], 0);
    scene.write(
        "migrations/0001_users/up.sql",
        "create table users (id integer primary key, other text);\n",
    );
    refused(
        &scene,
        &["apply", "--yes"],
        4,
        &[
            "changed after it was applied: 0001_users",
            "`tightrope new NAME`",
        ],
    );
    let check = scene.run(&["check", "--url", "sqlite://shop.db"], 3);
    assert_says(&check.stdout, "error[changed-after-apply]");
    scene.write(
        "migrations/0001_users/up.sql",
        "-- why\ncreate table users (id integer primary key,  name text);\n",
    );
    scene.run(&["apply", "--yes"], 0);
}

#[test]
fn a_database_that_drifted() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes", "--to", "1"], 0);
    execute(&scene, "alter table users add column hand text");
    let says = [
        "the database drifted",
        "column users.hand was not there before",
        "--accept-drift REASON",
    ];
    refused(&scene, &["apply", "--yes"], 4, &says);
    refused(&scene, &["rollback", "--yes"], 4, &says);
    assert_says(
        &scene.run(&["status"], 0).stdout,
        "column users.hand was not there before",
    );
    scene.run(
        &["apply", "--yes", "--accept-drift", "hotfix of yesterday"],
        0,
    );
    assert_says(
        &scene.run(&["log"], 0).stdout,
        "drift accepted: hotfix of yesterday",
    );
}

/// Changes the database behind tightrope's back.
fn execute(scene: &Scene, sql: &str) {
    let connection = rusqlite::Connection::open(scene.path("shop.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn a_lock_that_somebody_else_holds() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes", "--to", "1"], 0);
    scene.run(&["rehearse"], 0);
    scene.write(
        "tightrope.toml",
        "[policy]\nlock_timeout_ms = 50\nlock_tries = 2\nlease_wait_s = 0\n",
    );
    let other = rusqlite::Connection::open(scene.path("shop.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let says = ["held by  pid", "nothing was changed.", "hint:"];
    refused(&scene, &["apply", "--yes"], 5, &says);
    other.execute_batch("rollback").unwrap();
    scene.run(&["apply", "--yes"], 0);
}

#[test]
fn versions_that_are_not_there() {
    let scene = Scene::shop();
    scene.run(&["apply", "--yes"], 0);
    refused(
        &scene,
        &["apply", "--yes", "--to", "99"],
        1,
        &[
            "the folder has no migration of version 99",
            "the nearest is `0002_orders`",
        ],
    );
    for arguments in [
        &["plan", "--to", "1"][..],
        &["rehearse", "--to", "1"],
        &["apply", "--yes", "--to", "1"],
    ] {
        let says = [
            "no migration of version 1 is pending: `0001_users` is applied already",
            "tightrope status",
        ];
        refused(&scene, arguments, 1, &says);
    }
    refused(
        &scene,
        &["rollback", "--yes", "--to", "99"],
        1,
        &["the version 99 is not applied", "tightrope status"],
    );
}

#[test]
fn versions_that_nothing_can_be_derived_for() {
    let scene = Scene::shop();
    scene.migration("0005_later", "select 1;\n", "select 1;\n");
    scene.run(&["apply", "--yes"], 0);
    std::fs::remove_dir_all(scene.path("migrations/0005_later")).unwrap();
    let derive = |version: &str, says: &[&str]| {
        for arguments in [
            &["new", "--derive", version][..],
            &["plan", version, "--derived"],
        ] {
            refused(&scene, arguments, 1, says);
        }
    };
    derive(
        "1.5",
        &[
            "the folder has no migration of version 1.5",
            "the nearest are `0001_users` and `0002_orders`",
        ],
    );
    derive(
        "5",
        &[
            "the folder has no migration of version 5: `0005_later` is applied, and its files are not here",
            "`tightrope rollback --dry-run`",
        ],
    );
    for arguments in [
        &["new", "--derive", "2", "--force"][..],
        &["plan", "2", "--derived"],
    ] {
        scene.run(arguments, 0);
    }
}

#[test]
fn nobody_says_yes() {
    let scene = Scene::shop();
    refused(
        &scene,
        &["apply"],
        4,
        &["create table users", "stdin is no terminal", "`--yes`"],
    );
    assert!(!scene.path("shop.db").exists());
    scene.run(&["apply", "--yes"], 0);
    refused(&scene, &["rollback"], 4, &["drop table orders;", "`--yes`"]);
    scene.run(&["apply"], 0);
}

#[test]
fn no_database_or_an_unknown_one() {
    let scene = Scene::shop();
    let outcome = scene.bare(&["status"]).run().expect_code(1);
    assert_says(&outcome.stderr, "no database is named");
    refused(
        &scene,
        &["status", "--url", "mysql://x/y"],
        1,
        &["no engine is known", "sqlite://"],
    );
    let outcome = scene
        .bare(&["plan", "--url", "postgres://x:hidden@127.0.0.1:1/y"])
        .run()
        .expect_code(1);
    assert!(
        !outcome
            .to_string()
            .replace(&outcome.command, "")
            .contains("hidden")
    );
}

#[test]
fn a_rollback_makes_no_database() {
    let scene = Scene::new();
    refused(&scene, &["rollback", "--yes"], 6, &["does not exist"]);
    refused(&scene, &["rollback", "--dry-run"], 6, &["does not exist"]);
    assert!(!scene.path("shop.db").exists());
}

#[test]
fn a_command_line_that_cannot_be_understood() {
    let scene = Scene::new();
    scene.run(&["aply"], 64);
    scene.run(&[], 64);
    scene.run(&["apply", "--unrehearsed"], 64);
    scene.run(&["apply", "--unrehearsed", "--reason", " "], 64);
    let json = scene.run(&["plan", "--nonsense", "--json"], 64).json();
    assert_eq!(json["error"]["kind"], "usage");
    scene.run(&["--help"], 0);
    scene.run(&["--version"], 0);
}

#[test]
fn a_verify_script_that_does_not_hold() {
    let scene = Scene::shop();
    scene.write(
        "migrations/0002_orders/verify.sql",
        "select count(*) = 3 as all_there from orders;\n",
    );
    let says = [
        "the verify query does not hold",
        "verify.sql:1:1",
        "all_there = 0",
    ];
    refused(
        &scene,
        &["apply", "--yes", "--unrehearsed", "--reason", "x"],
        3,
        &says,
    );
}

#[test]
fn what_a_written_rollback_leaves_behind_is_taken_away() {
    let scene = Scene::shop();
    scene.write(
        "migrations/0002_orders/down.sql",
        "drop table orders; create table leftover (x);\n",
    );
    scene.run(&["apply", "--yes", "--unrehearsed", "--reason", "x"], 0);
    let back = scene.run(&["rollback", "--yes"], 0);
    assert_says(&back.stdout, "schema exact");
    assert_says(&back.stdout, "the written rollback and the net");
}

#[test]
fn a_file_that_cannot_be_read() {
    let scene = Scene::shop();
    let script = scene.path("migrations/0002_orders/up.sql");
    std::fs::remove_file(&script).unwrap();
    std::os::unix::fs::symlink("nowhere", &script).unwrap();
    refused_findings(&scene, "unreadable-file");
}

#[test]
fn a_result_that_cannot_be_written_is_no_success() {
    let scene = Scene::new();
    scene.migration("0001_a", "create table a (id integer);", "drop table a;");
    for (command, code) in [("plan", 2), ("check", 0)] {
        scene.run(&[command, "--json"], code);
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_tightrope"))
            .args([command, "--json"])
            .env("TIGHTROPE_URL", "sqlite://shop.db")
            .current_dir(scene.path(""))
            .stdout(full)
            .stderr(std::process::Stdio::null())
            .status()
            .expect("tightrope runs");
        assert_eq!(status.code(), Some(1), "{command}");
    }
}
