//! `tightrope demo` tells its story with real commands: what it says of itself must be so.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tightrope_testkit::process::{Outcome, Tightrope};
use tightrope_testkit::servers::{self, PostgresServer};

fn demo(arguments: &[&str]) -> Outcome {
    Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
        .arg("demo")
        .args(arguments)
        .run()
}

/// The demo, with a temporary folder of its own; and what it left there.
fn demo_in(folder: &Path, arguments: &[&str]) -> (Outcome, usize) {
    let outcome = Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
        .arg("demo")
        .args(arguments)
        .env("TMPDIR", folder)
        .run();
    let left = fs::read_dir(folder).expect("the folder is read").count();
    (outcome, left)
}

fn step<'a>(story: &'a Value, name: &str) -> &'a Value {
    let steps = story["steps"].as_array().expect("there are steps");
    let found = steps.iter().find(|step| step["step"] == name);
    found.unwrap_or_else(|| panic!("no step is called {name}: {story:#}"))
}

fn facts<'a>(story: &'a Value, name: &str, command: usize) -> &'a Value {
    &step(story, name)["commands"][command]["facts"]
}

/// The whole story, as JSON tells it, on either engine.
fn is_told(story: &Value) {
    assert_eq!(story["equal"], true);

    let shop = &step(story, "shop")["facts"];
    assert_eq!(shop["orders"], 100_000);
    let all = shop["customers"].as_u64().expect("customers are counted");

    let wrong = facts(story, "wrong-way-back", 0);
    assert_eq!(wrong["verdict"], "data-differs");
    assert_eq!(wrong["certified"], false);
    let lost = wrong["rows_differ"].as_u64().expect("rows are counted");
    assert!(0 < lost && lost < all, "{lost} of {all} names are lost");
    let sample = &wrong["samples"][0];
    let name = |row: &Value| row[0][1].as_str().unwrap_or_default().to_owned();
    assert_eq!(name(&sample["before"]), "Ana María Núñez");
    assert_eq!(name(&sample["after"]), "Ana Núñez");
    assert_eq!(facts(story, "wrong-way-back", 1)["refused"], "not-proven");

    let derived = facts(story, "derived", 0);
    assert_eq!(derived["verdict"], "exact");
    assert_eq!(derived["certified"], true);
    assert_eq!(facts(story, "derived", 1)["derived"], true);

    let killed = &step(story, "killed-half-way")["commands"];
    assert_eq!(killed[0]["exit"], Value::Null);
    assert_eq!(killed[0]["signal"], 9);
    assert_eq!(killed[0]["facts"]["edge"], "script run");
    assert_eq!(killed[1]["facts"]["interrupted"], true);
    assert_eq!(killed[2]["facts"]["recovered"], true);

    let selling = &step(story, "selling")["facts"];
    let back = &step(story, "rolled-back")["facts"];
    assert_eq!(back["shop"], back["twin"]);
    assert_eq!(
        back["shop"]["fingerprint"], shop["state"]["fingerprint"],
        "the schema is the one of before"
    );
    assert_eq!(back["kept"]["customers"], selling["names"]);
    assert_eq!(back["kept"]["orders"], selling["orders"]);
    let rolled_back = facts(story, "rolled-back", 0);
    assert_eq!(rolled_back["schema"], "exact");
    assert_eq!(rolled_back["way"], "derived");
    assert_eq!(facts(story, "selling", 0)["in_conflict"], 0);
}

#[test]
fn the_story_comes_true_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let (outcome, left) = demo_in(folder.path(), &["--json"]);
    let story = outcome.expect_code(0).json();
    is_told(&story);
    assert_eq!(story["folder"], Value::Null);
    assert_eq!(left, 0, "the demo tidies up");
}

#[test]
fn the_text_shows_commands_and_what_they_say() {
    let outcome = demo(&[]).expect_code(0);
    assert_eq!(outcome.stderr, "");
    let text = outcome.stdout;
    let mut rest = text.as_str();
    for next in [
        "$ tightrope init",
        "$ tightrope apply --yes",
        "100 000 orders",
        "$ tightrope rehearse",
        "'Ana María Núñez'",
        "data-differs",
        "0 certificates",
        "$ tightrope apply --yes",
        "error: `0003_split_name` is not proven: the schema comes back, but rows do not",
        "$ rm migrations/0003_split_name/down.sql",
        "[fill]",
        "$ tightrope rehearse",
        "exact: no rollback is written",
        "$ tightrope plan",
        "derived rollback and net",
        "$ TIGHTROPE_PAUSE_AT='script run' tightrope apply --yes",
        "paused at edge",
        "$ kill -9",
        "$ tightrope status",
        "Nothing is half done",
        "An interrupted run was cleared up",
        "0 rows in conflict",
        "$ tightrope rollback --yes",
        "schema exact",
        "the derived rollback and the net",
        "the twin",
        "equal",
        "Noémie Béranger",
        "what happened",
        "am I safe",
        "next",
    ] {
        let at = rest.find(next);
        let at = at.unwrap_or_else(|| panic!("{next:?} does not follow in\n{text}"));
        rest = &rest[at + next.len()..];
    }
}

#[test]
fn every_line_fits_into_80_columns_without_colours() {
    let text = demo(&[]).expect_code(0).stdout;
    assert!(!text.contains('\u{1b}'), "{text}");
    // Where the temporary folder is, is not ours to say.
    let long = text
        .lines()
        .filter(|line| line.chars().count() > 80 && !line.contains("tightrope-demo-"));
    assert_eq!(long.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn what_is_kept_can_be_played_with() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let (outcome, left) = demo_in(folder.path(), &["--keep"]);
    let text = outcome.expect_code(0).stdout;
    assert_eq!(left, 1);
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("cd "));
    let home = line.expect("it says where the shop is").to_owned();
    let run = |arguments: &[&str]| {
        Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
            .args(arguments)
            .cwd(&home)
            .run()
    };
    run(&["log"]).expect_code(0);
    let plan = run(&["plan", "--json"]).expect_code(2).json();
    assert_eq!(plan["migrations"].as_array().map(Vec::len), Some(1));
    run(&["apply", "--yes"]).expect_code(0);
    run(&["rollback", "--yes"]).expect_code(0);
}

#[test]
fn nothing_of_the_environment_or_of_ones_own_is_touched() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let mine = folder.path().join("mine.db");
    let outcome = Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
        .args(["demo", "--json"])
        .env("TIGHTROPE_URL", format!("sqlite://{}", mine.display()))
        .env("TIGHTROPE_PAUSE_AT", "1")
        .cwd(folder.path())
        .run();
    is_told(&outcome.expect_code(0).json());
    assert_eq!(
        fs::read_dir(folder.path()).map(Iterator::count).ok(),
        Some(0)
    );
}

#[test]
fn options_without_a_meaning_are_refused() {
    for option in ["--dir", "--target", "--config"] {
        let outcome = demo(&[option, "mine"]).expect_code(64);
        assert!(outcome.stderr.contains(option), "{outcome}");
    }
}

#[test]
fn another_database_file_is_not_taken_for_the_shop() {
    let outcome = demo(&["--url", "sqlite://mine.db"]).expect_code(64);
    assert!(outcome.stderr.contains("makes its own"), "{outcome}");
}

#[test]
fn a_server_that_is_not_there_is_said_to_be() {
    let url = "postgres://postgres@127.0.0.1:1/postgres";
    let outcome = demo(&["--url", url, "--json"]).expect_code(6);
    assert_eq!(outcome.json()["error"]["kind"], "unreachable");
    assert!(outcome.stderr.contains("needs no server"), "{outcome}");
}

/// The first of the servers to test with.
fn server() -> PostgresServer {
    servers::postgres(servers::postgres_majors()[0]).expect("the server starts")
}

#[test]
fn the_story_comes_true_on_postgres() {
    for major in servers::postgres_majors() {
        let server = servers::postgres(major).expect("the server starts");
        let outcome = demo(&["--json", "--url", &server.url("postgres")]);
        let story = outcome.expect_code(0).json();
        is_told(&story);
        let engine = story["engine"].as_str().unwrap_or_default();
        assert!(
            engine.starts_with(&format!("PostgreSQL {major}.")),
            "{engine}"
        );
        assert_eq!(story["database"], Value::Null);
    }
}

#[test]
fn a_database_on_a_server_is_kept_on_request() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let server = server();
    let url = server.url("postgres");
    let (outcome, _) = demo_in(folder.path(), &["--json", "--keep", "--url", &url]);
    let story = outcome.expect_code(0).json();
    let database = story["database"].as_str().expect("it says where it is");
    let home = story["folder"].as_str().expect("it says where it is");
    Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
        .arg("plan")
        .env("DATABASE_URL", database)
        .cwd(home)
        .run()
        .expect_code(2);
    let name = database
        .rsplit('/')
        .next()
        .expect("the URL names a database");
    let mut client = server.connect("postgres").expect("the server answers");
    client
        .batch_execute(&format!("drop database {name}"))
        .expect("it is dropped");
}

#[test]
fn who_may_not_make_databases_is_told_so() {
    let server = server();
    let role = format!("demo_without_rights_{}", std::process::id());
    let mut client = server.connect("postgres").expect("the server answers");
    let make = format!("create role {role} login");
    client.batch_execute(&make).expect("the role is made");
    let url = format!("postgres://{role}@127.0.0.1:{}/postgres", server.port);
    let outcome = demo(&["--url", &url]);
    let drop = format!("drop role {role}");
    client.batch_execute(&drop).expect("the role is dropped");
    let outcome = outcome.expect_code(1);
    assert!(outcome.stderr.contains("createdb"), "{outcome}");
}
