//! `tightrope.toml` from the command line.

use crate::scene::{Scene, assert_says};

const TARGETS: &str = "
dir = 'db/migrations'
target = 'staging'
[targets.staging]
url = { env = 'SHOP_URL' }
[targets.file]
url = { file = 'url.txt' }
[targets.command]
url = { command = ['echo', 'sqlite://command.db'] }
[targets.plain]
url = 'sqlite://plain.db'
";

fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("tightrope.toml", TARGETS);
    scene.write("url.txt", "sqlite://file.db\n");
    scene.write("db/migrations/1_a/up.sql", "create table a (x);");
    scene.write("db/migrations/1_a/down.sql", "drop table a;");
    scene.write("below/keep", "");
    scene
}

#[test]
fn a_url_comes_from_wherever_the_file_says() {
    let scene = scene();
    let check = |arguments: &[&str], file: &str| {
        let command = scene
            .bare(&["apply", "--yes"])
            .args(arguments)
            .env("SHOP_URL", "sqlite://environment.db");
        command.run().expect_code(0);
        assert!(scene.path(file).is_file(), "{file}");
    };
    check(&[], "environment.db");
    check(&["--target", "file"], "file.db");
    check(&["--target", "command"], "command.db");
    check(&["--target", "plain"], "plain.db");
    check(&["--url", "sqlite://argument.db"], "argument.db");
}

#[test]
fn the_file_is_found_from_below_and_its_paths_start_at_it() {
    let scene = scene();
    let below = scene.path("below");
    scene
        .bare(&["apply", "--yes", "--target", "plain"])
        .cwd(&below)
        .run()
        .expect_code(0);
    assert!(scene.path("plain.db").is_file());
}

#[test]
fn what_is_missing_is_named() {
    let scene = scene();
    let outcome = scene.bare(&["status"]).run().expect_code(1);
    assert_says(
        &outcome.stderr,
        "the environment variable SHOP_URL, which is not set",
    );
    let outcome = scene
        .bare(&["status", "--target", "nope"])
        .run()
        .expect_code(1);
    assert_says(
        &outcome.stderr,
        "known targets: command, file, plain, staging",
    );
}

#[test]
fn an_unknown_key_has_its_place() {
    let scene = scene();
    scene.write("tightrope.toml", "[policy]\nlock_trys = 3\n");
    let outcome = scene.run(&["plan"], 1);
    assert_says(&outcome.stderr, "tightrope.toml:2:1");
    assert_says(&outcome.stderr, "did you mean `lock_tries`?");
}
