//! A shop with a migration that destroys a bit of everything and has no rollback script, and an application that goes on
//! writing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine};
use tightrope_postgres::PostgresEngine;
use tightrope_sqlite::SqliteEngine;
use tightrope_testkit::process::{Outcome, Tightrope};
use tightrope_testkit::servers::{self, PostgresOptions, TestDatabase};

use crate::edges::State;
use crate::killed::killed_at;

/// How many rows the application's writes leave, each with a text of its own: `app-1.` and so on.
const WRITES: usize = 8;

/// What the application does in the window.
const APPLICATION: &str = "
    insert into item (id, name) values (10, 'app-1.');
    insert into part values (10, 10, 'app-2.');
    update item set name = 'app-3.' where id = 2;
    delete from item where id = 3;
    insert into account (id, owner, balance) values (10, 'app-4.', 7);
    update account set balance = 5, owner = 'app-5.' where id = 1;
    insert into entry values (5, 50, 'app-6.');
    insert into entry values (300, 1, 'app-7.');
    update entry set said = 'app-8.' where id = 1;
    delete from entry where id = 7;";

/// Columns of a table without writes and of one with them, a table, few rows of many, a constraint or an index.
fn lossy(last: &str) -> String {
    format!(
        "alter table item drop column note;\ndrop table old_log;\nupdate account set balance = 0;\n\
         alter table account drop column kind;\nupdate entry set amount = -1 where id <= 3;\n\
         delete from entry where id between 4 and 6;\n{last};\n"
    )
}

fn base(numbers: &str) -> String {
    format!(
        "create table item (id bigint primary key, name text, note text not null);
         create table part (id bigint primary key, item_id bigint not null references item (id), said text);
         create table account (id bigint primary key, owner text, balance bigint, kind text);
         create table entry (id bigint primary key, amount bigint, said text);
         create table old_log (id bigint primary key, line text);
         insert into item values (1, 'one', 'first'), (2, 'two', 'second'), (3, 'three', 'third');
         insert into part values (1, 1, 'wheel'), (2, 2, 'door');
         insert into account values (1, 'ana', 100, 'a'), (2, 'bob', 200, 'b'), (3, 'cy', 300, 'c');
         insert into old_log values (1, 'a line'), (2, 'another');
         insert into entry select n, n * 10, 'entry' from {numbers};"
    )
}

/// A database, and how to look at it past `tightrope`.
pub(crate) enum Place {
    Sqlite { file: PathBuf, _folder: TempDir },
    Postgres(TestDatabase),
}

impl Place {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite { file, .. } => format!("sqlite://{}", file.display()),
            Self::Postgres(database) => database.url(),
        }
    }

    pub(crate) fn postgres(&self) -> &TestDatabase {
        match self {
            Self::Postgres(database) => database,
            Self::Sqlite { .. } => panic!("it is no PostgreSQL"),
        }
    }

    pub(crate) fn file(&self) -> &Path {
        match self {
            Self::Sqlite { file, .. } => file,
            Self::Postgres(_) => panic!("it is no file"),
        }
    }

    pub(crate) fn copy(&self) -> Self {
        match self {
            Self::Sqlite { file, .. } => {
                let copy = Self::sqlite();
                fs::copy(file, copy.file()).expect("the file is copied");
                copy
            }
            Self::Postgres(database) => Self::Postgres(database.copy().expect("it is copied")),
        }
    }

    fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        let file = folder.path().join("shop.db");
        fs::write(&file, "").expect("an empty database is made");
        Self::Sqlite {
            file,
            _folder: folder,
        }
    }

    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite { file, .. } => rusqlite::Connection::open(file)
                .and_then(|connection| connection.execute_batch(sql))
                .expect("the application writes"),
            Self::Postgres(database) => database.execute(sql).expect("the application writes"),
        }
    }

    /// The rows of a query with one column of text.
    pub(crate) fn texts(&self, query: &str) -> Vec<String> {
        match self {
            Self::Sqlite { file, .. } => {
                let connection = rusqlite::Connection::open(file).expect("it opens");
                let mut statement = connection.prepare(query).expect("the query is right");
                let rows = statement.query_map((), |row| row.get(0)).expect("it runs");
                rows.map(|row| row.expect("a text")).collect()
            }
            Self::Postgres(database) => {
                let mut client = database.connect().expect("the server answers");
                let rows = client.query(query, &[]).expect("the query runs");
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    pub(crate) fn state(&self) -> State {
        let engine: Box<dyn Engine> = match self {
            Self::Sqlite { .. } => Box::new(SqliteEngine::new()),
            Self::Postgres(_) => Box::new(PostgresEngine::new()),
        };
        let url = DatabaseUrl::new(self.url().as_str());
        let mut session = engine
            .connect(&url, &ConnectOptions::default())
            .expect("the database answers");
        let catalog = session.catalog().expect("the schema is read");
        let sums = session
            .checksums(catalog.tables())
            .expect("the rows are read");
        (catalog.fingerprint(), sums)
    }

    /// The tables, functions and triggers of nets.
    pub(crate) fn net_things(&self) -> Vec<String> {
        self.texts(match self {
            Self::Sqlite { .. } => {
                "select type || ' ' || name from sqlite_master where name like 'tightrope\\_net\\_%' escape '\\' order by 1"
            }
            Self::Postgres(_) => {
                "select 'table ' || relname::text from pg_class where relnamespace = 'tightrope'::regnamespace \
                   and relkind = 'r' and relname like 'net\\_%' \
                 union all select 'function ' || proname::text from pg_proc where pronamespace = 'tightrope'::regnamespace \
                 union all select 'trigger ' || tgname::text from pg_trigger where tgname like 'tightrope%' order by 1"
            }
        })
    }

    /// The rows in quarantine, without the times.
    pub(crate) fn quarantine(&self) -> Vec<String> {
        let table = match self {
            Self::Sqlite { .. } => "tightrope_quarantine",
            Self::Postgres(_) => "tightrope.quarantine",
        };
        self.texts(&format!(
            "select table_name || '|' || reason || '|' || row_values from {table} order by table_name, row_values"
        ))
    }

    /// Each text that the application wrote is there once, in its table or in quarantine.
    #[track_caller]
    pub(crate) fn nothing_is_lost(&self, when: &str) {
        let mut found = self.texts(
            "select name from item where name is not null union all select said from part \
             union all select owner from account union all select said from entry",
        );
        found.extend(self.quarantine());
        for number in 1..=WRITES {
            let text = format!("app-{number}.");
            let times = found.iter().filter(|row| row.contains(&text)).count();
            assert_eq!(times, 1, "{text} {when}: {found:#?}");
        }
    }
}

/// The migrations, and the database at each stage.
pub(crate) struct Shop {
    folder: TempDir,
    proven: bool,
    /// The first migration is applied.
    pub(crate) before: Place,
    /// The second one, too.
    pub(crate) after: Place,
    /// And the application has written.
    pub(crate) written: Place,
}

impl Shop {
    /// On SQLite, never rehearsed: what is kept is found out in the run.
    pub(crate) fn sqlite() -> Self {
        let numbers = "(with recursive c (n) as (select 1 union all select n + 1 from c where n < 200) select n from c)";
        let last = "create index entry_amount on entry (amount)";
        Self::new(Place::sqlite(), &base(numbers), &lossy(last), false)
    }

    /// On PostgreSQL, rehearsed: what is kept is what the certificate says.
    pub(crate) fn postgres() -> Self {
        Self::postgres_with("", true)
    }

    pub(crate) fn postgres_with(more: &str, proven: bool) -> Self {
        Self::postgres_on(PostgresOptions::default(), more, proven)
    }

    pub(crate) fn postgres_on(options: PostgresOptions, more: &str, proven: bool) -> Self {
        let server = servers::postgres_with(15, options).expect("the server starts");
        let database = server.create_database().expect("a database is made");
        let base = base("generate_series(1, 200) n") + more;
        let last = "alter table entry add constraint entry_amount check (amount > -5)";
        Self::new(Place::Postgres(database), &base, &lossy(last), proven)
    }

    fn new(place: Place, base: &str, lossy: &str, proven: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        for (name, up) in [("0001_shop", base), ("0002_lossy", lossy)] {
            let home = folder.path().join("migrations").join(name);
            fs::create_dir_all(&home).expect("a folder is made");
            fs::write(home.join("up.sql"), up).expect("a script is written");
        }
        let mut shop = Self {
            folder,
            proven,
            after: place.copy(),
            written: place.copy(),
            before: place,
        };
        let first = [
            "apply",
            "--to",
            "1",
            "--unrehearsed",
            "--reason",
            "a crash test",
        ];
        shop.run(&shop.before, &first).expect_code(0);
        if proven {
            shop.run(&shop.before, &["rehearse"]).expect_code(0);
        }
        shop.after = shop.before.copy();
        shop
    }

    /// Goes on to the later stages.
    pub(crate) fn into_the_window(mut self) -> Self {
        self.run(&self.after, self.apply()).expect_code(0);
        self.written = self.after.copy();
        self.written.execute(APPLICATION);
        self
    }

    /// The arguments that apply the second migration.
    pub(crate) fn apply(&self) -> &'static [&'static str] {
        match self.proven {
            true => &["apply"],
            false => &["apply", "--unrehearsed", "--reason", "a crash test"],
        }
    }

    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.folder.path().join("tightrope.toml"), text).expect("it is written");
    }

    pub(crate) fn command_at(&self, url: &str, arguments: &[&str]) -> Tightrope {
        Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
            .cwd(self.folder.path())
            .args(arguments)
            .args(["--url", url, "--yes"])
    }

    pub(crate) fn command(&self, place: &Place, arguments: &[&str]) -> Tightrope {
        self.command_at(&place.url(), arguments)
    }

    pub(crate) fn run(&self, place: &Place, arguments: &[&str]) -> Outcome {
        self.command(place, arguments).run()
    }

    /// `status` answers, and nothing is half done.
    pub(crate) fn can_be_looked_at(&self, place: &Place) {
        let status = self.command_at(&place.url(), &["status", "--json"]).run();
        assert!(status.clone().expect_code(0).json()["open_run"]["half_done"].is_null());
    }

    /// Runs a command until its N-th edge and kills it there; false if it ended before.
    pub(crate) fn killed_at(&self, place: &Place, edge: usize, arguments: &[&str]) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tightrope"));
        command
            .args(arguments)
            .args(["--url", &place.url(), "--yes"])
            .current_dir(self.folder.path());
        killed_at(&mut command, edge)
    }
}
