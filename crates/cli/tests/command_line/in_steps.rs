//! Migrations in steps on PostgreSQL: they have no net. Where no row is touched the derived rollback leads back all the same.

use tightrope_testkit::process::Outcome;
use tightrope_testkit::servers::{TestDatabase, postgres, postgres_majors};

use crate::scene::{Scene, assert_says};

struct Steps {
    scene: Scene,
    database: TestDatabase,
}

impl Steps {
    /// A table is there, and a migration is pending that is written like this.
    fn new(major: u32, forward: &str) -> Self {
        let database = postgres(major).unwrap().create_database().unwrap();
        let scene = Scene::new();
        scene.write(
            "migrations/0001_orders/up.sql",
            "create type mood as enum ('sad', 'ok');\n\
             create table orders (id int primary key, total int not null, mood mood, check (total > 0) not valid);\n\
             create index orders_total on orders (total);\n\
             insert into orders values (1, 5, 'ok'), (2, 7, 'sad');\n",
        );
        let this = Self { scene, database };
        this.run(&["apply", "--yes"], 0);
        this.scene.write("migrations/0002_steps/up.sql", forward);
        this
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> Outcome {
        let url = self.database.url();
        let command = self.scene.bare(arguments).env("TIGHTROPE_URL", &url);
        command.run().expect_code(code)
    }

    fn orders(&self) -> String {
        let mut client = self.database.connect().unwrap();
        let rows = "select string_agg(id || ':' || total, ' ' order by id) from orders";
        client.query_one(rows, &[]).unwrap().get(0)
    }
}

/// Steps that touch no row.
const HARMLESS: [&str; 4] = [
    "create index concurrently orders_mood on orders (mood);\n",
    "drop index concurrently orders_total;\n",
    "alter table orders validate constraint orders_total_check;\ncreate unique index concurrently orders_both on orders (id, total);\n",
    "alter type mood add value 'happy';\ncreate index concurrently orders_mood on orders (mood);\n",
];

#[test]
fn steps_that_touch_no_row_are_led_back_by_derivation() {
    for major in postgres_majors() {
        for forward in HARMLESS {
            let steps = Steps::new(major, forward);
            let planned = steps.run(&["plan"], 2).stdout;
            assert_says(&planned, "it runs in steps");
            steps.run(&["rehearse"], 0);
            let planned = steps.run(&["plan"], 2).stdout;
            assert_says(&planned, "derived rollback");
            assert_says(&planned, "nothing: no row is touched, forward or back");
            steps.run(&["apply", "--yes"], 0);
            let writes =
                "insert into orders values (3, 9, 'ok'); update orders set total = 6 where id = 1;
                delete from orders where id = 2";
            steps.database.execute(writes).unwrap();
            let back = steps.run(&["rollback", "--yes", "--to", "1"], 0).stdout;
            assert_says(&back, "schema exact");
            assert_eq!(steps.orders(), "1:6 3:9", "{forward}");
            steps.run(&["apply", "--yes"], 0);
        }
    }
}

#[test]
fn a_new_label_in_use_stops_the_rollback_and_nothing_is_lost() {
    for major in postgres_majors() {
        let steps = Steps::new(major, HARMLESS[3]);
        steps.run(&["apply", "--yes"], 0);
        let happy = "insert into orders values (3, 9, 'happy')";
        steps.database.execute(happy).unwrap();
        let refused = steps.run(&["rollback", "--yes", "--to", "1"], 1).stderr;
        assert_says(&refused, "happy");
        assert_says(&refused, "nothing was changed");
        steps
            .database
            .execute("update orders set mood = 'ok' where id = 3")
            .unwrap();
        steps.run(&["rollback", "--yes", "--to", "1"], 0);
        assert_eq!(steps.orders(), "1:5 2:7 3:9");
    }
}

#[test]
fn steps_that_destroy_rows_are_said_to_have_no_net() {
    for major in postgres_majors() {
        let forward = "alter table orders drop column total;\ncreate index concurrently orders_mood on orders (mood);\n";
        let steps = Steps::new(major, forward);
        let planned = steps.run(&["plan"], 2).stdout;
        for says in [
            "no net it runs in steps, for `create index concurrently` cannot be in a transaction",
            "what it destroys is kept nowhere",
            "0002_steps/up.sql:2:1",
            "split it in two",
        ] {
            assert_says(&planned, says);
        }
        let refused = steps.run(&["rehearse"], 3).stdout;
        assert_says(&refused, "column orders.total is gone with its values");
        let json = steps.run(&["plan", "--json"], 2).json();
        assert!(
            json["migrations"][0]["no_net"]["hint"].is_string(),
            "{json:#}"
        );
        // A column that is new would go with what the application writes into it.
        steps.scene.write(
            "migrations/0002_steps/up.sql",
            "alter table orders add column note text;\ncreate index concurrently orders_note on orders (note);\n",
        );
        let refused = steps.run(&["rehearse"], 3).stdout;
        assert_says(
            &refused,
            "column orders.note is new, and would go with what is written there",
        );
        steps.run(&["apply", "--yes"], 3);
    }
}
