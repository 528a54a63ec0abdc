//! A database of one test's own with rows in it, and a folder for its backups.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine};
use tightrope_model::{Fingerprint, TableChecksum};
use tightrope_postgres::PostgresEngine;
use tightrope_sqlite::SqliteEngine;
use tightrope_testkit::process::{Outcome, Tightrope};
use tightrope_testkit::servers::{
    PostgresServer, TestDatabase, client_bin_dir, postgres, postgres_majors,
};

/// What a database is: its schema and the rows of every table.
pub(crate) type State = (Fingerprint, Vec<TableChecksum>);

pub(crate) struct Stage {
    folder: TempDir,
    pub(crate) url: String,
    database: Option<TestDatabase>,
    engine: Box<dyn Engine>,
}

const SQLITE: &str = "
    create table customers (id integer primary key, name text not null);
    create table orders (id integer primary key, customer integer references customers, total real, note blob);
    create index orders_by_customer on orders (customer);
    create view big as select * from orders where total > 100;
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
    insert into customers select i, 'customer ' || i from n;
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
    insert into orders select i, 1 + i % 500, i * 1.5, zeroblob(i % 7) from n;";

const POSTGRES: &str = "
    create table customers (id integer primary key, name text not null);
    create table orders (id bigint generated always as identity primary key, customer integer references customers,
        total numeric, note bytea);
    create index orders_by_customer on orders (customer);
    create view big as select * from orders where total > 100;
    insert into customers select i, 'customer ' || i from generate_series(1, 500) i;
    insert into orders (customer, total, note)
        select 1 + i % 500, i * 1.5, decode(repeat('ab', i % 7), 'hex') from generate_series(1, 3000) i;";

/// The command that restores the newest backup over a database, by its name.
pub(crate) fn overwriting<'a>(into: &'a str, name: &'a str) -> [&'a str; 8] {
    [
        "restore",
        "--to",
        "backups",
        "--yes",
        "--into",
        into,
        "--overwrite",
        name,
    ]
}

impl Stage {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = Self {
            url: format!("sqlite://{}", folder.path().join("shop.db").display()),
            folder,
            database: None,
            engine: Box::new(SqliteEngine::new()),
        };
        stage.sql(SQLITE);
        stage
    }

    pub(crate) fn postgres() -> Self {
        Self::in_database_of(&postgres(postgres_majors()[0]).unwrap())
    }

    /// On a server of a test's own: others would be in a copy of all its files. Its folder is one that a server's account can enter.
    pub(crate) fn on(server: &PostgresServer) -> Self {
        let stage = Self::in_database_of(server);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let open = fs::Permissions::from_mode(0o711);
            fs::set_permissions(stage.path(""), open).unwrap();
        }
        stage
    }

    fn in_database_of(server: &PostgresServer) -> Self {
        let database = server.create_database().unwrap();
        let stage = Self {
            url: database.url(),
            folder: tempfile::tempdir().unwrap(),
            database: Some(database),
            engine: Box::new(PostgresEngine::new()),
        };
        stage.sql(POSTGRES);
        stage
    }

    /// What makes the tables of a stage, with their rows.
    pub(crate) fn schema(is_sqlite: bool) -> &'static str {
        if is_sqlite { SQLITE } else { POSTGRES }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.database.is_none()
    }

    /// The server that a PostgreSQL database is on.
    pub(crate) fn server(&self) -> &PostgresServer {
        self.database.as_ref().unwrap().server()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A migration that adds a column.
    pub(crate) fn add_migration(&self) {
        self.write(
            "migrations/0001_age/up.sql",
            "alter table customers add column age integer;",
        );
        self.write(
            "migrations/0001_age/down.sql",
            "alter table customers drop column age;",
        );
    }

    pub(crate) fn sql(&self, statements: &str) {
        self.sql_on(&self.url, statements);
    }

    pub(crate) fn sql_on(&self, url: &str, statements: &str) {
        match &self.database {
            None => rusqlite::Connection::open(url.trim_start_matches("sqlite://"))
                .unwrap()
                .execute_batch(statements)
                .unwrap(),
            Some(database) => {
                let name = url.rsplit('/').next().unwrap();
                let mut client = database.server().connect(name).unwrap();
                client.batch_execute(statements).unwrap();
            }
        }
    }

    /// The one value that a query gives, as text.
    pub(crate) fn one(&self, query: &str) -> String {
        self.one_on(&self.url, query)
    }

    pub(crate) fn one_on(&self, url: &str, query: &str) -> String {
        let mut session = self
            .engine
            .connect(&DatabaseUrl::new(url), &ConnectOptions::default())
            .unwrap();
        let rows = session.query(query, &[]).unwrap();
        rows[0][0].text().unwrap().to_owned()
    }

    pub(crate) fn state(&self) -> State {
        self.state_of(&self.url).unwrap()
    }

    /// None if no database is there.
    pub(crate) fn state_of(&self, url: &str) -> Option<State> {
        let options = ConnectOptions {
            must_exist: true,
            ..ConnectOptions::default()
        };
        let mut session = self.engine.connect(&DatabaseUrl::new(url), &options).ok()?;
        let catalog = session.catalog().unwrap();
        let sums = session.checksums(catalog.tables()).unwrap();
        Some((catalog.fingerprint(), sums))
    }

    /// The URL of a database beside this one that is not there.
    pub(crate) fn beside(&self, suffix: &str) -> String {
        match &self.database {
            None => format!("sqlite://{}", self.path(&format!("{suffix}.db")).display()),
            Some(_) => format!("{}_{suffix}", self.url),
        }
    }

    /// Loses the database.
    pub(crate) fn drop_database(&self) {
        match &self.database {
            None => fs::remove_file(self.url.trim_start_matches("sqlite://")).unwrap(),
            Some(database) => {
                let mut admin = database.server().connect("postgres").unwrap();
                let drop = format!("drop database \"{}\"", database.name);
                admin.batch_execute(&drop).unwrap();
            }
        }
    }

    /// What `--overwrite` has to say.
    pub(crate) fn name(&self) -> String {
        match &self.database {
            None => "shop.db".to_owned(),
            Some(database) => database.name.clone(),
        }
    }

    /// The URL of a database by what a restore says it was kept as.
    pub(crate) fn kept(&self, kept: &str) -> String {
        match &self.database {
            None => format!("sqlite://{kept}"),
            Some(_) => format!("{}/{kept}", self.url.rsplit_once('/').unwrap().0),
        }
    }

    /// What `pg_dump` says of a database.
    pub(crate) fn dump(&self, url: &str) -> String {
        let folder = client_bin_dir(postgres_majors()[0]);
        let program = folder.map_or_else(|| "pg_dump".into(), |folder| folder.join("pg_dump"));
        let output = Command::new(program).arg("--dbname").arg(url).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn tightrope(&self, arguments: &[&str]) -> Tightrope {
        Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
            .cwd(self.folder.path())
            .env("TIGHTROPE_URL", &self.url)
            .args(arguments)
    }

    /// The same as a command of the standard library, to be stopped at an edge.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tightrope"));
        command
            .current_dir(self.folder.path())
            .env("TIGHTROPE_URL", &self.url)
            .env_remove("TIGHTROPE_BACKUP_KEY")
            .args(arguments);
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> Outcome {
        self.tightrope(arguments).run().expect_code(code)
    }

    /// Takes a backup and gives its folder.
    #[track_caller]
    pub(crate) fn backup(&self) -> PathBuf {
        let taken = self.run(&["backup", "--to", "backups", "--json"], 0).json();
        PathBuf::from(taken["folder"].as_str().unwrap())
    }

    /// The largest file with data in a backup.
    pub(crate) fn largest_file(&self, backup: &Path) -> PathBuf {
        let mut files = Vec::new();
        collect(&backup.join("data"), &mut files);
        files.sort_by_key(|file| fs::metadata(file).unwrap().len());
        files.pop().unwrap()
    }

    /// The names of all backups, oldest first.
    pub(crate) fn names(&self) -> Vec<String> {
        let listed = self
            .tightrope(&["backup", "list", "--to", "backups", "--json"])
            .run();
        let backups = listed.json()["backups"].as_array().unwrap().clone();
        let name = |one: &serde_json::Value| one["name"].as_str().unwrap().to_owned();
        backups.iter().map(name).collect()
    }

    /// The states of all backups, as `list` says.
    pub(crate) fn listed(&self) -> Vec<String> {
        let listed = self
            .tightrope(&["backup", "list", "--to", "backups", "--json"])
            .run();
        let backups = listed.json()["backups"].as_array().unwrap().clone();
        let state = |one: &serde_json::Value| one["state"].as_str().unwrap().to_owned();
        backups.iter().map(state).collect()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}

/// Requires that a text holds another, wherever its lines are broken.
#[track_caller]
pub(crate) fn assert_says(text: &str, needle: &str) {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(needle), "{needle:?} is not in\n{text}");
}
