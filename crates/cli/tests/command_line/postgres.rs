//! The command line on PostgreSQL: what SQLite cannot show.

use crate::scene::{Scene, assert_says};
use tightrope_testkit::servers::{OwnServer, TestDatabase, postgres, postgres_majors};

fn database() -> TestDatabase {
    postgres(postgres_majors()[0])
        .unwrap()
        .create_database()
        .unwrap()
}

#[test]
fn there_and_back() {
    let (scene, database) = (Scene::shop(), database());
    let url = database.url();
    let run = |arguments: &[&str], code| {
        scene
            .bare(arguments)
            .env("TIGHTROPE_URL", &url)
            .run()
            .expect_code(code)
    };
    assert_says(&run(&["rehearse"], 0).stdout, "2 certificates");
    run(&["apply", "--yes"], 0);
    assert_says(&run(&["status"], 0).stdout, "Up to date.");
    run(&["rollback", "--all", "--yes"], 0);
    let review = run(&["review", "--json"], 0).json();
    assert_eq!(review["summary"]["exact"], 2);
}

#[test]
fn a_lock_names_its_holder() {
    let (scene, database) = (Scene::shop(), database());
    let url = database.url();
    let run = |arguments: &[&str], code| {
        scene
            .bare(arguments)
            .env("TIGHTROPE_URL", &url)
            .run()
            .expect_code(code)
    };
    run(&["apply", "--yes"], 0);
    scene.migration(
        "0003_note",
        "alter table users add note text;",
        "alter table users drop note;",
    );
    run(&["rehearse"], 0);
    scene.write(
        "tightrope.toml",
        "[policy]\nlock_timeout_ms = 400\nlock_tries = 2\n",
    );
    let mut other = database.connect().unwrap();
    other
        .batch_execute("begin; select count(*) from users")
        .unwrap();
    let outcome = run(&["apply", "--yes"], 5);
    assert_says(&outcome.stderr, "the lock on `users` was not granted");
    assert_says(
        &outcome.stderr,
        "needs access exclusive on users; gave up after 2 tries in",
    );
    assert_says(&outcome.stderr, "user postgres");
    assert_says(&outcome.stderr, "idle in transaction");
    assert_says(&outcome.stderr, "nothing was changed.");
    other.batch_execute("rollback").unwrap();
    run(&["apply", "--yes"], 0);
}

#[test]
fn targets_that_cannot_be_reached() {
    let (scene, database) = (Scene::shop(), database());
    let port = database.server().port;
    let check = |url: String, needle: &str| {
        let outcome = scene
            .bare(&["status"])
            .env("TIGHTROPE_URL", url)
            .run()
            .expect_code(6);
        assert_says(&outcome.stderr, needle);
        assert_says(&outcome.stderr, "hint:");
    };
    check(
        "postgres://me@127.0.0.1:1/shop".to_owned(),
        "no server answers at 127.0.0.1:1",
    );
    check(
        format!("postgres://postgres@127.0.0.1:{port}/nope"),
        "database \"nope\" does not exist",
    );
    check(
        format!("postgres://nobody_at_all@127.0.0.1:{port}/postgres"),
        "nobody_at_all",
    );
}

#[test]
fn a_user_who_may_not_make_copies() {
    let (scene, database) = (Scene::shop(), database());
    let role = format!("{}_r", database.name);
    database.execute(&format!("create role {role} login; grant all on schema public to {role}; grant create on database {} to {role}", database.name)).unwrap();
    let url = database.url().replace("postgres@", &format!("{role}@"));
    let outcome = scene
        .bare(&["rehearse", "--url", &url])
        .run()
        .expect_code(1);
    assert_says(&outcome.stderr, "permission denied to create database");
    assert_says(&outcome.stderr, "[targets.NAME.rehearse]");
    database
        .execute(&format!("drop owned by {role}; drop role {role}"))
        .unwrap();
}

#[test]
fn a_copy_says_how_like_the_target_it_is() {
    let (scene, database) = (Scene::shop(), database());
    let other = OwnServer::start(postgres_majors()[0], "work_mem = '64MB'").unwrap();
    let place = other.server().create_database().unwrap();
    let configure = |policy: &str| {
        let (target, rehearse) = (database.url(), place.url());
        scene.write(
            "tightrope.toml",
            &format!(
                "[targets.shop]\nurl = \"{target}\"\n[targets.shop.rehearse]\nurl = \"{rehearse}\"\n[policy]\n{policy}\n"
            ),
        );
    };
    let run = |command: &str, code| {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--target", "shop"]);
        scene.bare(&arguments).run().expect_code(code)
    };
    configure("");
    run("apply --yes", 0);
    scene.migration(
        "0003_note",
        "alter table users add note text;",
        "alter table users drop note;",
    );
    let likeness = &run("rehearse --json", 0).json()["copy"]["likeness"];
    let percent = likeness["percent"].as_u64().unwrap();
    assert!((80..100).contains(&percent), "{likeness}");
    let differences = likeness["differences"].as_array().unwrap();
    let memory = differences
        .iter()
        .find(|one| one["what"] == "setting work_mem")
        .unwrap();
    assert_eq!(memory["copy"], "65536 kB");
    assert_says(&run("rehearse", 0).stdout, "% like the target: ");
    let certificate = std::fs::read_to_string(scene.path("migrations/0003_note/certificate.json"));
    assert_says(&certificate.unwrap(), "\"setting work_mem\"");
    // A certificate of such a copy does not count where more is asked for, and none is earned.
    configure("least_likeness = 100");
    for command in ["rehearse", "apply --yes"] {
        let outcome = run(command, 4);
        let said: Vec<&str> = outcome.stderr.split_whitespace().collect();
        let said = said.join(" ");
        assert_says(
            &said,
            &format!("the copy is {percent} % like the target, and the policy asks for 100 %"),
        );
        assert_says(&said, "setting work_mem (");
        assert_says(&said, "least_likeness");
    }
    configure(&format!("least_likeness = {percent}"));
    run("apply --yes", 0);
}
