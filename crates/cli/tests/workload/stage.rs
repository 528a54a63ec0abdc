//! A shop with a folder of migrations and a file of queries.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use tightrope_testkit::process::{Outcome, Tightrope};
use tightrope_testkit::servers::{TestDatabase, postgres, postgres_majors};

/// What the shop's database holds.
const SHOP: &str = "create table customers (id int primary key, name text not null, email text);
create table orders (id int primary key, customer int not null references customers, amount numeric(10, 2) not null, note text);
create index orders_by_customer on orders (customer);";

pub(crate) struct Stage {
    folder: TempDir,
    pub(crate) url: String,
    /// None where the shop is a file.
    database: Option<TestDatabase>,
}

impl Stage {
    pub(crate) fn postgres() -> Self {
        Self::on(postgres_majors()[0])
    }

    /// On a server of that major.
    pub(crate) fn on(major: u32) -> Self {
        let rows = "insert into customers select n, case n % 3 when 0 then 'Ana' when 1 then 'bo' else 'ANA' end || n / 3, null \
             from generate_series(1, 300) n;
            insert into orders select n, (n - 1) / 67 + 1, n % 97, 'n' || n from generate_series(1, 20000) n;
            analyze;";
        Self::with(major, &format!("{SHOP}{rows}"))
    }

    /// On a database with that schema instead of the shop's.
    pub(crate) fn empty(schema: &str) -> Self {
        Self::with(postgres_majors()[0], schema)
    }

    fn with(major: u32, schema: &str) -> Self {
        let database = postgres(major).unwrap().create_database().unwrap();
        database.execute(schema).unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            url: database.url(),
            database: Some(database),
        }
    }

    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.db");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.execute_batch(SHOP).unwrap();
        let rows = "insert into customers values (1, 'Ana', null); insert into orders values (1, 1, 10, 'x');";
        connection.execute_batch(rows).unwrap();
        Self {
            url: format!("sqlite://{}", file.display()),
            folder,
            database: None,
        }
    }

    /// Runs statements on the file, as an application would.
    pub(crate) fn sqlite_execute(&self, statements: &str) {
        let connection = rusqlite::Connection::open(self.path("shop.db")).unwrap();
        connection.execute_batch(statements).unwrap();
    }

    pub(crate) fn database(&self) -> &TestDatabase {
        self.database.as_ref().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The one migration; its rollback is derived.
    pub(crate) fn migration(&self, up: &str) {
        self.write("migrations/0001_change/up.sql", up);
    }

    /// Captures these queries with their literals as samples.
    pub(crate) fn queries(&self, queries: &str) {
        self.write("queries.sql", queries);
        let capture =
            "workload capture --parameters --from file queries.sql --output workload.toml";
        self.run(capture, 0);
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &str, code: i32) -> Outcome {
        self.tightrope(arguments).run().expect_code(code)
    }

    pub(crate) fn tightrope(&self, arguments: &str) -> Tightrope {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
            .cwd(self.folder.path())
            .env("TIGHTROPE_URL", &self.url)
            .args(&arguments)
    }

    /// What the rehearsal of the one migration says, as JSON.
    #[track_caller]
    pub(crate) fn rehearse(&self, code: i32) -> Value {
        let outcome = self.run("rehearse --workload workload.toml --json", code);
        outcome.json()["migrations"][0].clone()
    }
}

/// The texts of the queries in a list of a report.
pub(crate) fn queries_in(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one["sql"].as_str().unwrap()).collect()
}
