//! `[fill]` in a migration's metadata.toml: names that nothing has, and expressions that fail.

use crate::scene::{Scene, assert_says};

/// Two migrations, the second of which drops a column that must not be null.
fn split(fill: &str) -> Scene {
    let scene = Scene::new();
    scene.write(
        "migrations/0001_users/up.sql",
        "create table users (id integer primary key, name text not null);\ninsert into users values (1, 'ana');\n",
    );
    scene.write(
        "migrations/0002_split/up.sql",
        "alter table users add first text;\nupdate users set first = name;\nalter table users drop name;\n",
    );
    scene.write(
        "migrations/0002_split/metadata.toml",
        &format!("[fill]\n{fill}\n"),
    );
    scene
}

const APPLY: [&str; 5] = ["apply", "--yes", "--unrehearsed", "--reason", "x"];

fn applied(scene: &Scene) -> usize {
    let status = scene.run(&["status", "--json"], 0).json();
    status["applied"].as_array().unwrap().len()
}

#[test]
fn a_name_that_no_column_has_is_refused_before_anything_runs() {
    let scene = split("\"usres.name\" = \"first\"");
    let first = [&APPLY[..], &["--to", "1"]].concat();
    scene.run(&first, 0);
    for arguments in [&["plan"][..], &["rehearse"], &["apply", "--yes"], &APPLY] {
        let outcome = scene.run(arguments, 1);
        for says in [
            "0002_split/metadata.toml:2:2",
            "`usres.name` under [fill] of `0002_split` is no column of the schema before it",
            "did you mean `users.name`?",
            "nothing was changed",
        ] {
            assert_says(&outcome.stderr, says);
        }
        let json = scene.tightrope(arguments).arg("--json").run().json();
        assert_eq!(json["error"]["exit"], 1, "{json:#}");
        assert_eq!(json["error"]["findings"][0]["rule"], "unknown-fill");
        assert_eq!(applied(&scene), 1);
    }
    scene.write(
        "migrations/0002_split/metadata.toml",
        "[fill]\n\"users.name\" = \"first\"\n",
    );
    scene.run(&["plan"], 2);
    scene.run(&["apply", "--yes"], 0);
}

#[test]
fn a_name_that_only_the_new_schema_has_is_none_of_before() {
    let scene = split("\"users.first\" = \"'x'\"");
    let first = [&APPLY[..], &["--to", "1"]].concat();
    scene.run(&first, 0);
    let outcome = scene.run(&["plan"], 1);
    assert_says(&outcome.stderr, "`users.first` under [fill]");
}

#[test]
fn of_a_later_migration_the_names_are_known_once_it_is_its_turn() {
    let scene = split("\"usres.name\" = \"first\"");
    scene.run(&["plan"], 2);
    let outcome = scene.run(&["rehearse"], 1);
    assert_says(&outcome.stderr, "did you mean `users.name`?");
    let outcome = scene.run(&APPLY, 1);
    for says in [
        "migration `0002_split` cannot be filled as its metadata.toml says",
        "did you mean `users.name`?",
        "1 migration before it is applied and stays",
    ] {
        assert_says(&outcome.stderr, says);
    }
    assert_eq!(applied(&scene), 1);
}

#[test]
fn an_expression_that_means_nothing_is_refused_before_the_commit() {
    let scene = split("\"users.name\" = \"frist\"");
    let outcome = scene.run(&APPLY, 1);
    for says in [
        "0002_split/metadata.toml:2:2",
        "the expression for `users.name` under [fill] of `0002_split` cannot be understood: no such column: frist",
        "1 migration before it is applied and stays",
    ] {
        assert_says(&outcome.stderr, says);
    }
    assert_eq!(applied(&scene), 1);
    scene.run(&["rehearse"], 3);
}

#[test]
fn an_expression_that_fails_in_a_row_does_not_break_the_gauge() {
    let scene = split("\"users.name\" = \"first ->> 'name'\"");
    scene.run(&APPLY, 0);
    scene.sql("insert into users values (2, 'no json'), (3, '{\"name\": \"eve\"}')");
    let status = scene.run(&["status"], 0);
    for says in [
        "1 row in conflict",
        "the expression under [fill] for column `name` fails: malformed JSON",
        "id = 2",
    ] {
        assert_says(&status.stdout, says);
    }
    let outcome = scene.run(&["rollback", "--yes", "--conflicts", "stop"], 4);
    assert_says(&outcome.stderr, "fails: malformed JSON");
    let rolled_back = scene.run(&["rollback", "--yes", "--to", "1"], 0);
    assert_says(&rolled_back.stdout, "fails: malformed JSON");
    assert_eq!(
        scene.rows("select id, name = 'eve' from users order by id"),
        ["1|0", "3|1"]
    );
}
