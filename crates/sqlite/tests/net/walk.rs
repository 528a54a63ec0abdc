//! One migration there and back with the net: the lifecycle's part is done by hand.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use tempfile::TempDir;
use tightrope_engine::{
    ConnectOptions, DatabaseUrl, Engine, Fill, Gauge, KeptNet, Merged, Quarantined, RunStatement,
    Session, Window,
};
use tightrope_inverse::{Change, Inverse, Phase, Sources, derive};
use tightrope_model::{Catalog, EngineKind, Keep, TableName};
use tightrope_script::{Script, TransactionMode};
use tightrope_sqlite::{SqliteEngine, quote_identifier};

use crate::plan::{plan, told};

/// What is to be walked.
#[derive(Clone, Default)]
pub(crate) struct Walk<'a> {
    /// The schema and rows of before.
    pub(crate) setup: &'a str,
    pub(crate) forward: &'a str,
    /// What the application writes in the window; the twin gets it, too.
    pub(crate) writes: &'a str,
    /// What the twin gets instead, if it means something else there.
    pub(crate) twin_writes: Option<&'a str>,
    /// A written rollback script, if there is one.
    pub(crate) rollback: Option<&'a str>,
    /// How rows are kept, if it is not what the plan would say.
    pub(crate) keep: Option<Keep>,
    pub(crate) fill: &'a [(&'a str, &'a str, &'a str)],
    pub(crate) foreign_keys: bool,
    /// Whether the plan says that keys change.
    pub(crate) key_changes: bool,
    /// Whether rowids count in the comparison with the twin.
    pub(crate) rowids: bool,
}

/// The rows of each table as text.
pub(crate) type Contents = BTreeMap<String, Vec<String>>;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) gauge: Gauge,
    pub(crate) merged: Merged,
    pub(crate) quarantined: Vec<Quarantined>,
    pub(crate) rows: Contents,
    pub(crate) twin: Contents,
}

impl Walked {
    /// The state is that of the twin, and nothing was put aside.
    pub(crate) fn like_twin(self) -> Self {
        assert_eq!(self.rows, self.twin);
        assert_eq!(self.quarantined, []);
        self
    }
}

/// A database file in a folder of its own.
pub(crate) struct Database {
    pub(crate) folder: TempDir,
    pub(crate) foreign_keys: bool,
}

impl Database {
    pub(crate) fn new(setup: &str, foreign_keys: bool) -> Self {
        let database = Self {
            folder: tempfile::tempdir().unwrap(),
            foreign_keys,
        };
        database.write(setup);
        database
    }

    pub(crate) fn session(&self) -> Box<dyn Session> {
        let on = if self.foreign_keys { "on" } else { "off" };
        let path = self.folder.path().join("shop.db");
        let url = DatabaseUrl::new(format!("sqlite://{}?foreign_keys={on}", path.display()));
        let options = ConnectOptions::default();
        SqliteEngine::new().connect(&url, &options).unwrap()
    }

    /// A connection of the application.
    pub(crate) fn plain(&self) -> rusqlite::Connection {
        let path = self.folder.path().join("shop.db");
        let connection = rusqlite::Connection::open(path).unwrap();
        let on = if self.foreign_keys { "on" } else { "off" };
        let sql = format!("pragma foreign_keys = {on}");
        connection.execute_batch(&sql).unwrap();
        connection
    }

    pub(crate) fn write(&self, sql: &str) {
        let written = self.plain().execute_batch(sql);
        written.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// All rows of all tables but the net's.
    pub(crate) fn contents(&self, rowids: bool) -> Contents {
        let connection = self.plain();
        let names = texts(
            &connection,
            "select name from pragma_table_list where schema = 'main' and type in ('table', 'virtual')
             and name not like 'tightrope%' and name not like 'sqlite%'",
        );
        let rows = names.into_iter().map(|name| {
            let quoted = quote_identifier(&name);
            let with = dump(
                &connection,
                &format!("select rowid as \"the rowid\", * from {quoted}"),
            );
            let rows = match with {
                Ok(rows) if rowids => rows,
                _ => dump(&connection, &format!("select * from {quoted}")).unwrap(),
            };
            (name, rows)
        });
        rows.collect()
    }
}

/// The first column of all rows.
pub(crate) fn texts(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn dump(connection: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values = (0..width).map(|index| row.get::<_, Value>(index));
        Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
    })?;
    let mut rows: Vec<String> = rows.collect::<Result<_, _>>()?;
    rows.sort();
    Ok(rows)
}

/// A database in which the window is open.
pub(crate) struct InWindow {
    pub(crate) database: Database,
    pub(crate) session: Box<dyn Session>,
    pub(crate) kept: KeptNet,
    pub(crate) before: Catalog,
    pub(crate) after: Catalog,
    pub(crate) fill: Fill,
}

impl InWindow {
    pub(crate) fn gauge(&mut self) -> Gauge {
        let window = Window {
            before: &self.before,
            after: &self.after,
            fill: &self.fill,
        };
        self.session
            .net()
            .unwrap()
            .gauge(&self.kept, &window)
            .unwrap()
    }
}

impl Walk<'_> {
    /// Migrates a new database.
    pub(crate) fn migrate(&self) -> InWindow {
        self.migrate_in(Database::new(self.setup, self.foreign_keys), 1)
    }

    pub(crate) fn migrate_in(&self, database: Database, number: i64) -> InWindow {
        let mut session = database.session();
        let mut plan = plan(session.as_mut(), self.forward, self.keep);
        for table in &mut plan.tables {
            table.key_changes = self.key_changes && table.rows.updated > 0;
        }
        session.begin().unwrap();
        let before = session.catalog().unwrap();
        let net = session.net().unwrap();
        let mut kept = net.spread(number, &plan, &before).unwrap();
        assert_eq!(session.catalog().unwrap(), before, "the net shows");
        script(session.as_mut(), self.forward);
        let after = session.catalog().unwrap();
        let net = session.net().unwrap();
        net.open_window(&mut kept, &before, &after).unwrap();
        assert_eq!(session.catalog().unwrap(), after, "the net shows");
        session.commit().unwrap();
        session.reset().unwrap();
        let fill = self.fill.iter().map(|(table, column, sql)| {
            let table = TableName::new("", *table);
            ((table, (*column).to_owned()), (*sql).to_owned())
        });
        InWindow {
            database,
            session,
            kept,
            before,
            after,
            fill: fill.collect(),
        }
    }

    /// Migrates, lets the application write, and goes back.
    pub(crate) fn there_and_back(&self) -> Walked {
        let mut there = self.migrate();
        there.database.write(self.writes);
        let twin = Database::new(self.setup, self.foreign_keys);
        twin.write(self.twin_writes.unwrap_or(self.writes));
        let gauge = there.gauge();
        let (merged, quarantined) = self.back(&mut there);
        Walked {
            gauge,
            merged,
            quarantined,
            rows: there.database.contents(self.rowids),
            twin: twin.contents(self.rowids),
        }
    }

    /// Goes back.
    pub(crate) fn back(&self, there: &mut InWindow) -> (Merged, Vec<Quarantined>) {
        self.back_then(there, |_, _| {})
    }

    /// Goes back, and does something more before the net is freed.
    pub(crate) fn back_then(
        &self,
        there: &mut InWindow,
        then: impl Fn(&mut dyn Session, &KeptNet),
    ) -> (Merged, Vec<Quarantined>) {
        let (session, kept) = (there.session.as_mut(), &there.kept);
        let window = Window {
            before: &there.before,
            after: &there.after,
            fill: &there.fill,
        };
        session.begin().unwrap();
        session.net().unwrap().close_window(kept).unwrap();
        let mut quarantined = session.net().unwrap().take_out(kept, &window).unwrap();
        let merged = if let Some(rollback) = self.rollback {
            script(session, rollback);
            let net = session.net().unwrap();
            let (merged, displaced) = net.merge(kept, &window, &[]).unwrap();
            quarantined.extend(displaced);
            let inverse = self.inverse(session, &there.before, &Sources::default());
            run_steps(
                session,
                &inverse,
                &[Phase::Clear, Phase::Reshape, Phase::Restore],
            );
            merged
        } else {
            let sources = session.net().unwrap().sources(kept, &window).unwrap();
            let inverse = self.inverse(session, &there.before, &sources);
            run_steps(session, &inverse, &[Phase::Clear, Phase::Reshape]);
            let net = session.net().unwrap();
            let (merged, displaced) = net.merge(kept, &window, &inverse.rebuilt).unwrap();
            quarantined.extend(displaced);
            run_steps(session, &inverse, &[Phase::Restore]);
            merged
        };
        let unlike = session.net().unwrap().unlike(kept).unwrap();
        assert!(
            unlike.is_empty(),
            "{unlike:?} {:?}",
            there.database.contents(true)
        );
        let now = session.catalog().unwrap();
        let differences = there.before.differences(&now).in_words();
        assert!(differences.is_empty(), "{differences:#?}");
        then(session, kept);
        session.net().unwrap().free(kept).unwrap();
        session.commit().unwrap();
        let prefix = format!("_net_{}_", kept.number);
        let left = "select name from sqlite_schema where name like 'tightrope%'";
        let left = texts(&there.database.plain(), left);
        assert!(left.iter().all(|name| !name.contains(&prefix)), "{left:?}");
        let check = texts(&there.database.plain(), "pragma integrity_check");
        assert_eq!(check, ["ok"]);
        (merged, quarantined)
    }

    fn inverse(&self, session: &mut dyn Session, before: &Catalog, sources: &Sources) -> Inverse {
        let now = session.catalog().unwrap();
        let renames = match self.rollback {
            None => told(self.forward),
            Some(_) => Vec::new(),
        };
        let change = Change {
            before,
            now: &now,
            renames: &renames,
            sources,
        };
        derive(EngineKind::Sqlite, &change)
    }
}

fn run_steps(session: &mut dyn Session, inverse: &Inverse, phases: &[Phase]) {
    for phase in phases {
        for step in inverse.phase(*phase) {
            run(session, &step.sql);
        }
    }
}

/// Runs each statement of a script.
pub(crate) fn script(session: &mut dyn Session, sql: &str) {
    let script = Script::whole("up.sql", sql, TransactionMode::Auto);
    for statement in &script.parse(EngineKind::Sqlite).statements {
        run(session, script.text_of(statement));
    }
}

fn run(session: &mut dyn Session, sql: &str) {
    let statement = RunStatement {
        sql,
        copy_data: None,
    };
    let outcome = session.run(statement);
    outcome.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}
