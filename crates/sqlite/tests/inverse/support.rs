//! Runs a migration on a file, derives its inverse, and looks at what came back.

use std::collections::BTreeMap;

use tempfile::TempDir;
use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine, RunStatement, Session};
use tightrope_inverse::{Change, Inverse, Rename, Sources, derive};
use tightrope_model::{Catalog, EngineKind, ObjectId, ObjectKind};
use tightrope_script::{Renamed, Script, TransactionMode, renames};
use tightrope_sqlite::{SqliteEngine, quote_identifier};

/// The rows of every table as text, rowids included where they can be had.
pub(crate) type Rows = BTreeMap<String, Vec<String>>;

/// A database file in a folder of its own.
pub(crate) struct Database {
    folder: TempDir,
    foreign_keys: bool,
}

impl Database {
    pub(crate) fn new(foreign_keys: bool) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            foreign_keys,
        }
    }

    pub(crate) fn session(&self) -> Box<dyn Session> {
        let path = self.folder.path().join("shop.db");
        let on = if self.foreign_keys { "on" } else { "off" };
        let url = DatabaseUrl::new(format!("sqlite://{}?foreign_keys={on}", path.display()));
        SqliteEngine::new()
            .connect(&url, &ConnectOptions::default())
            .unwrap()
    }

    /// A connection of the application; foreign keys play no part there.
    pub(crate) fn plain(&self) -> rusqlite::Connection {
        let path = self.folder.path().join("shop.db");
        let connection = rusqlite::Connection::open(path).unwrap();
        let on = if self.foreign_keys { "on" } else { "off" };
        connection
            .execute_batch(&format!("pragma foreign_keys = {on}"))
            .unwrap();
        connection
    }

    pub(crate) fn rows(&self) -> Rows {
        let connection = self.plain();
        let mut names = connection
            .prepare("select name from sqlite_schema where type = 'table' and rootpage > 0 and name not like 'tightrope%' and name not like 'sqlite_stat%' order by name")
            .unwrap();
        let names: Vec<String> = names
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let rows = names.iter().map(|name| {
            let quoted = quote_identifier(name);
            let rowid = match name.starts_with("sqlite_") {
                true => "",
                false => "rowid as \"the rowid\", ",
            };
            let all = dump(&connection, &format!("select {rowid}* from {quoted}"))
                .or_else(|_| dump(&connection, &format!("select * from {quoted}")));
            (name.clone(), all.unwrap())
        });
        rows.collect()
    }
}

/// All rows of a query as text, in their order by that text.
pub(crate) fn dump(connection: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values = (0..width).map(|index| row.get::<_, rusqlite::types::Value>(index));
        Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
    })?;
    let mut rows: Vec<String> = rows.collect::<Result<_, _>>()?;
    rows.sort();
    Ok(rows)
}

/// Runs each statement of a script.
pub(crate) fn run_script(session: &mut dyn Session, sql: &str) {
    let script = Script::whole("up.sql", sql, TransactionMode::Auto);
    for statement in &script.parse(EngineKind::Sqlite).statements {
        run(session, script.text_of(statement));
    }
}

pub(crate) fn run(session: &mut dyn Session, sql: &str) {
    let statement = RunStatement {
        sql,
        copy_data: None,
    };
    session
        .run(statement)
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// The renames of a script as the inverse wants them.
fn told(sql: &str) -> Vec<Rename> {
    let script = Script::whole("up.sql", sql, TransactionMode::Auto);
    let told = renames(&script.parse(EngineKind::Sqlite));
    let id = |path: &[String]| {
        let kind = match path.len() {
            1 => ObjectKind::Table,
            _ => ObjectKind::Column,
        };
        ObjectId::new(kind, path.to_vec())
    };
    told.iter()
        .map(|Renamed { before, after }| Rename {
            before: id(before),
            after: id(after),
        })
        .collect()
}

/// The way back from a script.
pub(crate) fn derived(
    before: &Catalog,
    now: &Catalog,
    forward: &str,
    sources: &Sources,
) -> Inverse {
    let change = Change {
        before,
        now,
        renames: &told(forward),
        sources,
    };
    derive(EngineKind::Sqlite, &change)
}

/// What a walk up and down gave.
pub(crate) struct Walk {
    pub(crate) before: (Catalog, Rows),
    pub(crate) after: (Catalog, Rows),
    pub(crate) inverse: Inverse,
}

/// Migrates in one transaction, walks back in another one, and compares the schema to the letter.
pub(crate) fn walk(foreign_keys: bool, setup: &str, forward: &str, sources: &Sources) -> Walk {
    let database = Database::new(foreign_keys);
    database.plain().execute_batch(setup).unwrap();
    let mut session = database.session();
    let before = (session.catalog().unwrap(), database.rows());
    session.begin().unwrap();
    run_script(session.as_mut(), forward);
    session.commit().unwrap();
    session.reset().unwrap();
    let now = session.catalog().unwrap();
    let inverse = derived(&before.0, &now, forward, sources);
    session.begin().unwrap();
    for step in &inverse.steps {
        run(session.as_mut(), &step.sql);
    }
    session
        .commit()
        .unwrap_or_else(|error| panic!("{error:?}\n{}", inverse.script()));
    let after = (session.catalog().unwrap(), database.rows());
    let broken = dump(&database.plain(), "pragma integrity_check").unwrap();
    assert_eq!(broken, ["[Text(\"ok\")]"]);
    Walk {
        before,
        after,
        inverse,
    }
}

/// The schema comes back to the letter, with foreign keys off and on.
pub(crate) fn check_schema(setup: &str, forward: &str) -> Vec<Walk> {
    [false, true]
        .map(|on| check_with(on, setup, forward))
        .into()
}

/// The schema comes back to the letter.
pub(crate) fn check_with(on: bool, setup: &str, forward: &str) -> Walk {
    let walk = walk(on, setup, forward, &Sources::default());
    let differences = walk.before.0.differences(&walk.after.0).in_words();
    let script = walk.inverse.script();
    assert!(differences.is_empty(), "{on} {differences:#?}\n{script}");
    assert_eq!(walk.before.0.fingerprint(), walk.after.0.fingerprint());
    walk
}

/// The schema comes back to the letter, and the rows with their rowids, for nothing of them was lost.
pub(crate) fn check(setup: &str, forward: &str) {
    for walk in check_schema(setup, forward) {
        assert_eq!(walk.before.1, walk.after.1, "{}", walk.inverse.script());
    }
}
