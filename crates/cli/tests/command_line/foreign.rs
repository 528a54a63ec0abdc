//! What others make in the window: it is noticed, and a rollback takes none of it away.

use tightrope_testkit::servers;

use crate::scene::{Scene, assert_says};

const APPLY: [&str; 5] = ["apply", "--yes", "--unrehearsed", "--reason", "x"];
const BACK: [&str; 4] = ["rollback", "--yes", "--to", "1"];
const ACCEPT: [&str; 6] = [
    "rollback",
    "--yes",
    "--to",
    "1",
    "--accept-drift",
    "made by hand",
];

#[test]
fn a_partition_that_others_add_in_the_window() {
    for major in servers::postgres_majors() {
        let server = servers::postgres(major).unwrap();
        let database = server.create_database().unwrap();
        let scene = Scene::new();
        scene.write(
            "migrations/0001_events/up.sql",
            "create table event (id int, day int, note text, primary key (id, day)) partition by range (day);\n\
             create table event_1 partition of event for values from (0) to (10);\n\
             insert into event values (1, 1, 'one');\n",
        );
        scene.write(
            "migrations/0002_drop/up.sql",
            "alter table event drop note;\n",
        );
        let url = database.url();
        let run = |arguments: &[&str], code| {
            let command = scene.bare(arguments).env("TIGHTROPE_URL", &url);
            command.run().expect_code(code)
        };
        run(&APPLY, 0);
        let others = "create table event_2 partition of event for values from (10) to (20);
            insert into event values (2, 2), (3, 13)";
        database.execute(others).unwrap();

        assert_says(
            &run(&["status"], 0).stdout,
            "table event_2 was not there before",
        );
        let refused = run(&BACK, 4).stderr;
        assert_says(&refused, "table event_2 was not there before");
        assert_says(&refused, "nothing was changed");
        let refused = run(&ACCEPT, 4).stderr;
        assert_says(
            &refused,
            "the rollback of `0002_drop` would drop what others have made since: table event_2",
        );
        assert_says(&refused, "detach a partition");

        database
            .execute("alter table event detach partition event_2")
            .unwrap();
        let back = run(&ACCEPT, 0).stdout;
        assert_says(&back, "schema exact");
        assert_says(&back, "stays event_2, made by others since");
        let mut client = database.connect().unwrap();
        let rows = "select string_agg(id || coalesce(note, '-'), ' ' order by id) from event";
        let rows: String = client.query_one(rows, &[]).unwrap().get(0);
        assert_eq!(rows, "1one 2-");
        let rows: i64 = client
            .query_one("select count(*) from event_2 where id = 3", &[])
            .unwrap()
            .get(0);
        assert_eq!(rows, 1);
        let status = run(&["status", "--json"], 0).json();
        assert!(status["drift"].is_null(), "{status:#}");
        run(&APPLY, 0);
        run(&BACK, 0);
    }
}

/// A table, and a migration that drops a column of it; both are applied.
fn dropped() -> Scene {
    let scene = Scene::new();
    scene.write(
        "migrations/0001_users/up.sql",
        "create table users (id integer primary key, name text);\ninsert into users values (1, 'ana');\n",
    );
    scene.write(
        "migrations/0002_drop/up.sql",
        "alter table users drop name;\ncreate table log (id integer primary key);\n",
    );
    scene.run(&APPLY, 0);
    scene
}

#[test]
fn a_table_that_others_make_is_left_alone() {
    let scene = dropped();
    scene.sql(
        "create table theirs (id integer primary key, of integer references users, said text);
         create index theirs_said on theirs (said);
         create trigger theirs_grow after insert on theirs begin update theirs set said = new.id where id = new.id; end;
         insert into theirs (id, of) values (7, 1)",
    );
    scene.run(&BACK, 4);
    let back = scene.run(&ACCEPT, 0).stdout;
    assert_says(&back, "schema exact");
    assert_says(&back, "stays theirs, made by others since");
    assert_eq!(
        scene.rows("select id, cast(said as integer) from theirs"),
        ["7|7"]
    );
    assert_eq!(scene.rows("select id, name = 'ana' from users"), ["1|1"]);
    assert_eq!(
        scene.rows("select count(*), 0 from sqlite_schema where name = 'log'"),
        ["0|0"]
    );
    scene.run(&APPLY, 0);
    scene.run(&BACK, 0);
}

#[test]
fn a_column_that_others_add_is_not_taken_away() {
    let scene = dropped();
    scene.sql("alter table users add mail integer; update users set mail = 5");
    scene.run(&BACK, 4);
    let refused = scene.run(&ACCEPT, 4).stderr;
    assert_says(
        &refused,
        "would drop what others have made since: column users.mail",
    );
    assert_says(&refused, "nothing was changed");
    assert_eq!(scene.rows("select id, mail from users"), ["1|5"]);
}
