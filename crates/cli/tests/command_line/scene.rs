//! A folder of one test's own, in which `tightrope` runs.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use tightrope_testkit::process::{Outcome, Tightrope};

/// The folder.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
}

impl Scene {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// One with two migrations whose way back works.
    pub(crate) fn shop() -> Self {
        let scene = Self::new();
        scene.migration(
            "0001_users",
            "create table users (id integer primary key, name text);\n",
            "drop table users;\n",
        );
        scene.migration(
            "0002_orders",
            "create table orders (id integer primary key, total integer);\ninsert into orders values (1, 5), (2, 7);\n",
            "drop table orders;\n",
        );
        scene
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a migration in the native format.
    pub(crate) fn migration(&self, name: &str, up: &str, down: &str) {
        self.write(&format!("migrations/{name}/up.sql"), up);
        self.write(&format!("migrations/{name}/down.sql"), down);
    }

    /// The command in this folder, on no database.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Tightrope {
        Tightrope::new(env!("CARGO_BIN_EXE_tightrope"))
            .cwd(self.folder.path())
            .args(arguments)
    }

    /// The command in this folder, on its SQLite file.
    pub(crate) fn tightrope(&self, arguments: &[&str]) -> Tightrope {
        self.bare(arguments)
            .env("TIGHTROPE_URL", "sqlite://shop.db")
    }

    /// Writes to the database as an application would.
    pub(crate) fn sql(&self, statements: &str) {
        let connection = rusqlite::Connection::open(self.path("shop.db")).unwrap();
        connection.execute_batch(statements).unwrap();
    }

    /// Rows of two columns as `1|a`; a NULL is empty.
    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
        let connection = rusqlite::Connection::open(self.path("shop.db")).unwrap();
        let mut statement = connection.prepare(query).unwrap();
        let rows = statement.query_map((), |row| {
            let (first, second): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
            let second = second.map(|number| number.to_string());
            Ok(format!("{first}|{}", second.unwrap_or_default()))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Runs it and requires an exit code.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> Outcome {
        self.tightrope(arguments).run().expect_code(code)
    }
}

/// Requires that a text holds another, wherever its lines are broken.
#[track_caller]
pub(crate) fn assert_says(text: &str, needle: &str) {
    let joined = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        joined(text).contains(&joined(needle)),
        "expected {needle:?} in\n{text}"
    );
}
