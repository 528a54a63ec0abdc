//! A shop with a load: a folder, a database, and writers that do not stop.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::proxy::Proxy;
use tempfile::TempDir;
use tightrope_testkit::process::{Outcome, Running, Tightrope};
use tightrope_testkit::servers::{OwnServer, TestDatabase, postgres, postgres_majors};

/// How long is waited for a line.
pub(crate) const LONG: Duration = Duration::from_secs(100);

/// A migration that does no harm, up and down.
pub(crate) const EXTRA: (&str, &str) = (
    "alter table orders add column extra text;",
    "alter table orders drop column extra;",
);

/// Where the shop's data are.
enum Place {
    Postgres(TestDatabase),
    Sqlite(PathBuf),
}

pub(crate) struct Stage {
    folder: TempDir,
    place: Place,
    /// Where the test has a server of its own, which outlives its database.
    own: Option<OwnServer>,
}

const SHOP: &str = "create table orders (id integer primary key, customer integer not null, amount integer not null, note text);
create index orders_by_customer on orders (customer);
create table app_errors (id integer primary key, message text not null);
";

/// What every test watches by, beside its own criteria.
const PROBES: &str = "
[watch.probes.errors]
table = \"app_errors\"
[watch.probes.odd]
sql = \"select count(*) from orders where amount < 0\"
";

impl Stage {
    pub(crate) fn postgres() -> Self {
        let database = postgres(postgres_majors()[0])
            .unwrap()
            .create_database()
            .unwrap();
        Self::on(database, None)
    }

    /// The same on a server that the test may stop and start.
    pub(crate) fn own_postgres(settings: &str) -> Self {
        let own = OwnServer::start(postgres_majors()[0], settings).unwrap();
        let database = own.server().create_database().unwrap();
        Self::on(database, Some(own))
    }

    fn on(database: TestDatabase, own: Option<OwnServer>) -> Self {
        database
            .execute("create extension pg_stat_statements")
            .unwrap();
        let place = Place::Postgres(database);
        Self::with(tempfile::tempdir().unwrap(), place, own)
    }

    /// A line to the server that can be broken, and how to reach the database through it.
    pub(crate) fn proxy(&self) -> (Proxy, String) {
        let Place::Postgres(database) = &self.place else {
            panic!("SQLite has no server");
        };
        let port = database.server().port;
        let proxy = Proxy::to(port);
        let (there, here) = (format!(":{port}/"), format!(":{}/", proxy.port()));
        let url = database.url().replacen(&there, &here, 1);
        (proxy, url)
    }

    pub(crate) fn server(&self) -> &OwnServer {
        self.own
            .as_ref()
            .expect("the stage has a server of its own")
    }

    /// A session of the application's.
    pub(crate) fn client(&self) -> ::postgres::Client {
        match &self.place {
            Place::Postgres(database) => database.connect().unwrap(),
            Place::Sqlite(_) => panic!("SQLite has no server"),
        }
    }

    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.db");
        let stage = Self::with(folder, Place::Sqlite(file), None);
        stage.sql("pragma journal_mode = wal");
        stage
    }

    fn with(folder: TempDir, place: Place, own: Option<OwnServer>) -> Self {
        let stage = Self { folder, place, own };
        stage.migration(
            "0001_shop",
            SHOP,
            "drop table app_errors; drop table orders;",
        );
        stage.run(&["apply", "--yes"], 0);
        stage.sql(match &stage.place {
            Place::Postgres(_) => "insert into orders select n, n % 1000, 10, 'n' || n from generate_series(1, 30000) n; analyze orders",
            Place::Sqlite(_) => "with recursive n (n) as (select 1 union all select n + 1 from n where n < 2000) \
                 insert into orders select n, n % 100, 10, 'n' || n from n",
        });
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a migration; without a rollback script it is derived.
    pub(crate) fn migration(&self, name: &str, up: &str, down: &str) {
        self.write(&format!("migrations/{name}/up.sql"), up);
        if !down.is_empty() {
            self.write(&format!("migrations/{name}/down.sql"), down);
        }
    }

    /// Writes the criteria; `more` are further lines.
    pub(crate) fn criteria(&self, sentences: &[&str], more: &str) {
        let sentences: Vec<String> = sentences
            .iter()
            .map(|sentence| format!("{sentence:?}"))
            .collect();
        let own = format!(
            "[watch]\nbaseline = \"1s\"\ninterval = \"200ms\"\ncriteria = [{}]\n",
            sentences.join(", ")
        );
        self.write("tightrope.toml", &format!("{own}{more}\n{PROBES}"));
    }

    /// The same by the blocks that a statement of the load touches, after four seconds of baseline.
    pub(crate) fn blocks_per_call(&self) {
        self.criteria(
            &["blocks per call of by_customer up by more than 100 %"],
            "[watch.probes.by_customer]\nstatement = \"select note from orders where customer = $1\"",
        );
        let text = fs::read_to_string(self.path("tightrope.toml")).unwrap();
        self.write(
            "tightrope.toml",
            &text.replace("baseline = \"1s\"", "baseline = \"4s\""),
        );
    }

    /// Adds a migration and earns its certificate before anybody writes.
    pub(crate) fn rehearsed(&self, name: &str, up: &str, down: &str) {
        self.migration(name, up, down);
        self.run(&["rehearse"], 0);
    }

    fn url(&self) -> String {
        match &self.place {
            Place::Postgres(database) => database.url(),
            Place::Sqlite(file) => format!("sqlite://{}", file.display()),
        }
    }

    /// Starts a command that watches, and waits until it does.
    pub(crate) fn watching(&self, migration: &str, arguments: &[&str]) -> Running {
        let mut running = self.tightrope(arguments).spawn();
        running.wait_for_stderr_line(&format!("watching {migration}"), LONG);
        running
    }

    pub(crate) fn tightrope(&self, arguments: &[&str]) -> Tightrope {
        Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
            .cwd(self.folder.path())
            .env("TIGHTROPE_URL", self.url())
            .args(arguments)
            .limit(Duration::from_secs(240))
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> Outcome {
        self.tightrope(arguments).run().expect_code(code)
    }

    /// Runs statements as an application would.
    pub(crate) fn sql(&self, statements: &str) {
        match &self.place {
            Place::Postgres(database) => database.execute(statements).unwrap(),
            Place::Sqlite(file) => sqlite(file).execute_batch(statements).unwrap(),
        }
    }

    /// Writes so many errors, as an application would.
    pub(crate) fn errors(&self, number: usize) {
        self.errors_from(0, number);
    }

    /// The same after so many others.
    pub(crate) fn errors_from(&self, first: usize, number: usize) {
        for id in first..first + number {
            self.sql(&format!(
                "insert into app_errors values ({}, 'by hand')",
                1_000_000_000 + id
            ));
        }
    }

    /// One number.
    pub(crate) fn number(&self, query: &str) -> i64 {
        match &self.place {
            Place::Postgres(database) => {
                let row = database.connect().unwrap().query_one(query, &[]).unwrap();
                row.get(0)
            }
            Place::Sqlite(file) => sqlite(file).query_row(query, (), |row| row.get(0)).unwrap(),
        }
    }

    /// The actions in the ledger, oldest first.
    pub(crate) fn ledger(&self) -> Vec<String> {
        let log = self.run(&["log", "--json"], 0).json();
        let entries = log["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| entry["action"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn count_in_ledger(&self, action: &str) -> usize {
        self.ledger()
            .iter()
            .filter(|found| *found == action)
            .count()
    }

    /// Starts writers that go on until they are stopped.
    pub(crate) fn load(&self, writers: usize) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let writers = (0..writers).map(|writer| {
            let (stop, first) = (Arc::clone(&stop), 1_000_000 * (writer as i64 + 1));
            match &self.place {
                Place::Postgres(database) => {
                    let mut client = database.connect().unwrap();
                    std::thread::spawn(move || {
                        let mut log = Vec::new();
                        for id in first.. {
                            if stop.load(Ordering::Relaxed) {
                                break;
                            }
                            let written = client.execute(&format!("insert into orders (id, customer, amount) values ({id}, {}, 10)", id % 1000), &[]);
                            if written.is_ok() {
                                log.push(id);
                            }
                            let read = client.query("select note from orders where customer = $1", &[&((id % 1000) as i32)]);
                            if let Err(error) = written.map(drop).and(read.map(drop)) {
                                let message = error.to_string().replace('\'', "");
                                client.batch_execute(&format!("insert into app_errors values ({id}, '{message}')")).unwrap();
                            }
                            std::thread::sleep(Duration::from_millis(20));
                        }
                        log
                    })
                }
                Place::Sqlite(file) => {
                    let connection = sqlite(file);
                    std::thread::spawn(move || {
                        let mut log = Vec::new();
                        for id in first.. {
                            if stop.load(Ordering::Relaxed) {
                                break;
                            }
                            let sql = format!("insert into orders (id, customer, amount) values ({id}, {}, 10)", id % 100);
                            let written = connection.execute_batch(&sql);
                            if written.is_ok() {
                                log.push(id);
                            }
                            let read = connection.prepare("select note from orders where customer = 7").map(drop);
                            if written.and(read).is_err() {
                                let sql = format!("insert into app_errors values ({id}, 'failed')");
                                connection.execute_batch(&sql).unwrap();
                            }
                            std::thread::sleep(Duration::from_millis(20));
                        }
                        log
                    })
                }
            }
        });
        Load {
            writers: writers.collect(),
            stop,
        }
    }

    /// Requires that every acknowledged write is there.
    #[track_caller]
    pub(crate) fn has_all(&self, log: &[i64]) {
        assert!(!log.is_empty(), "the load has written nothing");
        let there = self.number("select count(*) from orders where id >= 1000000");
        assert_eq!(there, log.len() as i64);
        for ids in log.chunks(500) {
            let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let found = self.number(&format!(
                "select count(*) from orders where id in ({})",
                list.join(", ")
            ));
            assert_eq!(found, ids.len() as i64);
        }
    }
}

fn sqlite(file: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(60)).unwrap();
    connection
}

/// Writers at work.
pub(crate) struct Load {
    writers: Vec<JoinHandle<Vec<i64>>>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Stops them, and gives what the database has acknowledged.
    pub(crate) fn stop(mut self) -> Vec<i64> {
        self.stop.store(true, Ordering::Relaxed);
        self.writers
            .drain(..)
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
