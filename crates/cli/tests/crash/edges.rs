//! Killed at every edge: before and after everything that `apply` and `rollback` make durable, the process is stopped, killed
//! for real (SIGKILL), and the next command must find the state before or the state after, and finish or undo by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine};
use tightrope_model::{Fingerprint, TableChecksum};
use tightrope_postgres::PostgresEngine;
use tightrope_sqlite::SqliteEngine;
use tightrope_testkit::process::{Outcome, Tightrope};
use tightrope_testkit::servers;

use crate::killed::killed_at;

/// More edges than any run here has: the loop ends by itself long before.
pub(crate) const MOST_EDGES: usize = 200;

pub(crate) type State = (Fingerprint, Vec<TableChecksum>);

struct Database {
    engine: Box<dyn Engine>,
    url: String,
    _guard: Box<dyn std::any::Any>,
}

impl Database {
    fn state(&self) -> State {
        let mut session = self
            .engine
            .connect(
                &DatabaseUrl::new(self.url.as_str()),
                &ConnectOptions::default(),
            )
            .expect("the database answers");
        let catalog = session.catalog().expect("the schema is read");
        let sums = session
            .checksums(catalog.tables())
            .expect("the rows are read");
        (catalog.fingerprint(), sums)
    }
}

struct Bench {
    make: Box<dyn Fn() -> Database>,
    folder: PathBuf,
    _guard: tempfile::TempDir,
}

impl Bench {
    fn new(migrations: &[(&str, &str, &str)], make: impl Fn() -> Database + 'static) -> Self {
        let guard = tempfile::tempdir().expect("a folder is made");
        for (name, up, down) in migrations {
            let home = guard.path().join(name);
            fs::create_dir(&home).expect("a folder is made");
            fs::write(home.join("up.sql"), up).expect("a script is written");
            fs::write(home.join("down.sql"), down).expect("a script is written");
        }
        Self {
            make: Box::new(make),
            folder: guard.path().to_owned(),
            _guard: guard,
        }
    }

    fn run(&self, database: &Database, arguments: &[&str]) -> Outcome {
        Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
            .args(arguments)
            .args(["--url", &database.url, "--yes", "--dir"])
            .arg(&self.folder)
            .run()
    }

    fn apply(&self, database: &Database) -> Outcome {
        self.run(
            database,
            &["apply", "--unrehearsed", "--reason", "a crash test"],
        )
    }

    /// Runs a command until its N-th edge and kills it there; false if it ended before.
    fn killed_at(&self, database: &Database, edge: usize, arguments: &[&str]) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tightrope"));
        command
            .args(arguments)
            .args(["--url", &database.url, "--yes", "--dir"])
            .arg(&self.folder);
        killed_at(&mut command, edge)
    }

    /// The states that may be found between the migrations, first to last.
    fn states(&self) -> Vec<State> {
        let database = (self.make)();
        let mut states = vec![database.state()];
        let mut names: Vec<_> = fs::read_dir(&self.folder)
            .expect("the folder is read")
            .flatten()
            .collect();
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name.split('_').next().unwrap_or_default().to_owned();
            self.run(
                &database,
                &[
                    "apply",
                    "--unrehearsed",
                    "--reason",
                    "a crash test",
                    "--to",
                    &version,
                ],
            )
            .expect_code(0);
            states.push(database.state());
        }
        states
    }

    fn every_edge_of_apply(&self) -> usize {
        let states = self.states();
        let arguments = ["apply", "--unrehearsed", "--reason", "a crash test"];
        for edge in 1..MOST_EDGES {
            let database = (self.make)();
            if !self.killed_at(&database, edge, &arguments) {
                return edge - 1;
            }
            self.can_be_looked_at(&database);
            // One half goes on, the other goes back.
            if edge % 2 == 0 {
                self.apply(&database).expect_code(0);
                assert_eq!(
                    database.state(),
                    states[states.len() - 1],
                    "after edge {edge}"
                );
            } else {
                self.back_to_a_state(&database, &states, edge);
            }
            self.nothing_is_open(&database, edge);
        }
        panic!("more than {MOST_EDGES} edges");
    }

    /// After one `rollback` the database is in a state between two migrations; after all, in the first.
    fn back_to_a_state(&self, database: &Database, states: &[State], edge: usize) {
        self.run(database, &["rollback"]).expect_code(0);
        let now = database.state();
        assert!(
            states.contains(&now),
            "after edge {edge}: neither before nor after a migration"
        );
        self.run(database, &["rollback", "--all"]).expect_code(0);
        assert_eq!(database.state(), states[0], "after edge {edge}");
    }

    fn every_edge_of_rollback(&self) -> usize {
        let states = self.states();
        for edge in 1..MOST_EDGES {
            let database = (self.make)();
            self.apply(&database).expect_code(0);
            if !self.killed_at(&database, edge, &["rollback", "--all"]) {
                return edge - 1;
            }
            self.can_be_looked_at(&database);
            self.run(&database, &["rollback", "--all"]).expect_code(0);
            assert_eq!(database.state(), states[0], "after edge {edge}");
            self.nothing_is_open(&database, edge);
        }
        panic!("more than {MOST_EDGES} edges");
    }

    /// `status` answers, and its exit code says whether a migration is half done.
    fn can_be_looked_at(&self, database: &Database) {
        let status = self.run(database, &["status", "--json"]);
        let half_done = !status.json()["open_run"]["half_done"].is_null();
        status.expect_code(if half_done { 7 } else { 0 });
    }

    fn nothing_is_open(&self, database: &Database, edge: usize) {
        let status = self
            .run(database, &["status", "--json"])
            .expect_code(0)
            .json();
        assert_eq!(
            status["open_run"],
            serde_json::Value::Null,
            "after edge {edge}"
        );
        assert_eq!(
            status["at_work"],
            serde_json::Value::Null,
            "after edge {edge}"
        );
        assert_eq!(
            status["ledger_break"],
            serde_json::Value::Null,
            "after edge {edge}"
        );
    }
}

const SQLITE: [(&str, &str, &str); 3] = [
    (
        "0001_orders",
        "create table orders (id integer primary key, total integer);",
        "drop table orders;",
    ),
    (
        "0002_rows",
        "insert into orders values (1, 10), (2, 20); alter table orders add column paid integer;",
        "alter table orders drop column paid; delete from orders;",
    ),
    (
        "0003_index",
        "create index orders_total on orders (total);",
        "drop index orders_total;",
    ),
];

fn sqlite(migrations: &[(&str, &str, &str)]) -> Bench {
    Bench::new(migrations, || {
        let folder = tempfile::tempdir().expect("a folder is made");
        let url = format!("sqlite://{}", folder.path().join("shop.db").display());
        Database {
            engine: Box::new(SqliteEngine::new()),
            url,
            _guard: Box::new(folder),
        }
    })
}

fn sqlite_in_steps() -> Bench {
    let bench = sqlite(&SQLITE);
    fs::write(
        bench.folder.join("0002_rows/metadata.toml"),
        "run_in_transaction = false\n",
    )
    .expect("it is written");
    bench
}

const POSTGRES: [(&str, &str, &str); 3] = [
    ("0001_orders", "create table orders (id bigint primary key, total bigint); insert into orders values (1, 10), (2, 20);",
     "drop table orders;"),
    ("0002_index", "alter table orders add column paid boolean; create index concurrently orders_total on orders (total);
      insert into orders values (3, 30);",
     "delete from orders where id = 3; drop index concurrently orders_total; alter table orders drop column paid;"),
    ("0003_view", "create view big as select * from orders where total > 15;", "drop view big;"),
];

fn postgres(major: u32) -> Bench {
    Bench::new(&POSTGRES, move || {
        let server = servers::postgres(major).expect("the server starts");
        let database = server.create_database().expect("a database is made");
        Database {
            engine: Box::new(PostgresEngine::new()),
            url: database.url(),
            _guard: Box::new(database),
        }
    })
}

/// Fewer edges than this, and the loop has not seen the run.
pub(crate) fn enough(edges: usize, least: usize) {
    assert!(edges >= least, "only {edges} edges were seen");
}

#[test]
fn sqlite_apply_killed_at_every_edge() {
    enough(sqlite(&SQLITE).every_edge_of_apply(), 15);
}

#[test]
fn sqlite_apply_in_steps_killed_at_every_edge() {
    enough(sqlite_in_steps().every_edge_of_apply(), 20);
}

#[test]
fn sqlite_rollback_killed_at_every_edge() {
    enough(sqlite(&SQLITE).every_edge_of_rollback(), 8);
}

#[test]
fn postgres_apply_killed_at_every_edge() {
    enough(postgres(15).every_edge_of_apply(), 20);
}

#[test]
fn postgres_18_apply_killed_at_every_edge() {
    enough(postgres(18).every_edge_of_apply(), 20);
}

#[test]
fn postgres_rollback_killed_at_every_edge() {
    enough(postgres(15).every_edge_of_rollback(), 15);
}

/// The journal outlives the folder: what was interrupted is undone from what the database itself keeps.
#[test]
fn an_interrupted_migration_is_undone_without_its_folder() {
    let bench = postgres(15);
    let states = bench.states();
    let arguments = [
        "apply",
        "--unrehearsed",
        "--reason",
        "a crash test",
        "--to",
        "0002",
    ];
    let database = (bench.make)();
    let edge = (1..MOST_EDGES)
        .find(|edge| {
            let database = (bench.make)();
            bench.killed_at(&database, *edge, &arguments)
                && bench.run(&database, &["status", "--json"]).json()["open_run"]["half_done"]["steps"][0]["standing"]
                    == "done and recorded"
        })
        .expect("an edge after the first step");
    assert!(bench.killed_at(&database, edge, &arguments));
    let empty = tempfile::tempdir().expect("a folder is made");
    let nowhere: &Path = empty.path();
    Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
        .args(["rollback", "--yes", "--url", &database.url, "--dir"])
        .arg(nowhere.join("gone"))
        .run()
        .expect_code(0);
    assert_eq!(database.state(), states[1]);
}
