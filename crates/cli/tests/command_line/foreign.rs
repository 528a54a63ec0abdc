//! What others make in the window: it is noticed, and nobody loses it.

use tightrope_testkit::servers;

use crate::scene::Scene;

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
        let run = |arguments: &[&str]| {
            scene
                .bare(arguments)
                .env("TIGHTROPE_URL", &database.url())
                .run()
        };
        run(&["apply", "--yes", "--unrehearsed", "--reason", "x"]).expect_code(0);
        database
            .execute(
                "create table event_2 partition of event for values from (10) to (20);
                 insert into event values (2, 2), (3, 13)",
            )
            .unwrap();
        println!("{}", run(&["status"]).stdout);
        println!("{}", run(&["rollback", "--yes", "--to", "1"]).stderr);
        let o = run(&["rollback", "--yes", "--to", "1", "--accept-drift", "x"]);
        println!("{o}");
        println!("{}", run(&["status"]).stdout);
        panic!();
    }
}
