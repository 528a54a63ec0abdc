//! Counting the rows that a script changes, by the library's hooks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{Action, AuthAction, AuthContext, Authorization};
use tightrope_model::{TableChange, TableName};

use crate::catalog::is_own_or_internal;
use crate::definition::{Statement, first_word};
use crate::quote::quote_identifier;
use crate::run::writes_rows;

type Counts = Arc<Mutex<BTreeMap<String, TableChange>>>;

/// Counts rows per table from the time it is made.
///
/// What the library does not tell is made up for: a DELETE of all rows is made to go row by row; the rows of a WITHOUT ROWID
/// table that a statement names are taken from its count of changes; rows that REPLACE removes are found by counting the
/// table before and after; CREATE TABLE AS by counting after. Rows follow a table that is renamed, and go with one that is dropped. Not
/// seen: what triggers and cascades write into WITHOUT ROWID tables (in the catalog they have the fact `unseen_writes`), and what an `ON CONFLICT REPLACE` in a table's definition
/// removes; an upsert into a WITHOUT ROWID table counts as inserts.
pub(crate) struct RowCounter {
    counts: Counts,
    told: Arc<Mutex<Told>>,
}

/// What the library says of statements when it compiles them, those of triggers and of foreign keys' actions included; all
/// names in lower case.
#[derive(Default)]
struct Told {
    /// Tables into which they may insert.
    inserts: BTreeSet<String>,
    /// Tables from which they may delete. Rows that REPLACE deletes are not told.
    deletes: BTreeSet<String>,
    /// Columns that they may set, with their tables.
    sets: BTreeSet<(String, String)>,
    /// There were statements that do more than to write rows.
    more: bool,
}

/// What the statements that were told could do to the rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Foreseen {
    Nothing,
    /// Give these columns other values, named in lower case; and delete rows that REPLACE finds in the way.
    Sets(BTreeSet<String>),
    More,
}

/// What has to be remembered from before a statement.
pub(crate) struct Before {
    tables: Option<BTreeMap<String, i64>>,
    target: Option<Target>,
    /// The table of which the statement updates rows, and does nothing else: the library counts them, and no hook is called for each.
    updates: Option<String>,
}

/// The one table that a statement names as the one it writes to.
struct Target {
    table: String,
    without_rowid: bool,
    replaces: bool,
    rows: i64,
    change: TableChange,
}

impl RowCounter {
    /// Starts counting.
    pub(crate) fn start(connection: &mut Connection) -> rusqlite::Result<Self> {
        let counter = Self {
            counts: Counts::default(),
            told: Arc::default(),
        };
        counter.wake(connection)?;
        Ok(counter)
    }

    /// Counts no rows until [`Self::wake`].
    pub(crate) fn sleep(connection: &mut Connection) -> rusqlite::Result<()> {
        connection.update_hook(None::<fn(Action, &str, &str, i64)>)
    }

    /// Counts rows from now on.
    pub(crate) fn wake(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let shared = Arc::clone(&self.counts);
        connection.update_hook(Some(
            move |action: Action, database: &str, table: &str, _: i64| {
                if database != "main" {
                    return;
                }
                let mut counts = lock(&shared);
                let change = match counts.get_mut(table) {
                    Some(change) => change,
                    None => counts.entry(table.to_owned()).or_default(),
                };
                match action {
                    Action::SQLITE_INSERT => change.inserted += 1,
                    Action::SQLITE_UPDATE => change.updated += 1,
                    Action::SQLITE_DELETE => change.deleted += 1,
                    _ => {}
                }
            },
        ))
    }

    /// Lets the library tell what a statement could do, before it runs.
    pub(crate) fn foresee(&self, connection: &mut Connection, sql: &str) -> rusqlite::Result<()> {
        if !writes_rows(sql) {
            lock(&self.told).more |= !only_reads(sql);
            return Ok(());
        }
        tell(connection, sql, &self.told)
    }

    /// What all statements that were told so far could do to the rows of a table.
    pub(crate) fn foreseen(&self, table: &str) -> Foreseen {
        let told = lock(&self.told);
        let table = table.to_lowercase();
        if told.more || told.inserts.contains(&table) || told.deletes.contains(&table) {
            return Foreseen::More;
        }
        let sets = told.sets.iter().filter(|(of, _)| *of == table);
        let sets: BTreeSet<String> = sets.map(|(_, column)| column.clone()).collect();
        match sets.is_empty() {
            true => Foreseen::Nothing,
            false => Foreseen::Sets(sets),
        }
    }

    /// The counts so far, by table; tables without a change, the library's own and tightrope's own left out.
    pub(crate) fn counts(&self) -> Vec<(TableName, TableChange)> {
        lock(&self.counts)
            .iter()
            .filter(|(table, change)| !change.is_empty() && !is_own_or_internal(table))
            .map(|(table, change)| (TableName::new("", table.as_str()), *change))
            .collect()
    }

    /// Whether no statement could insert a row into the table, or give a row another rowid; `alias` is the column that is
    /// another name of it. Rows may have been deleted.
    pub(crate) fn leaves_rowids(&self, table: &str, alias: &str) -> bool {
        let told = lock(&self.told);
        let table = table.to_lowercase();
        let sets = |column: &str| told.sets.contains(&(table.clone(), column.to_lowercase()));
        !told.more && !told.inserts.contains(&table) && !sets(alias) && !sets("rowid")
    }

    /// Forgets what was counted: the transaction was undone.
    pub(crate) fn forget(&self) {
        lock(&self.counts).clear();
        *lock(&self.told) = Told::default();
    }

    /// Prepares for a statement.
    pub(crate) fn before(
        &self,
        connection: &mut Connection,
        sql: &str,
    ) -> rusqlite::Result<Before> {
        let mut before = Before {
            tables: None,
            target: None,
            updates: None,
        };
        if writes_rows(sql) {
            if let Some(written) = Statement::read(sql).target()
                && let Some(found) = Found::of(connection, &written.table)?
            {
                if found.without_rowid || written.replaces {
                    before.target = Some(self.target(connection, found, written.replaces)?);
                } else if found.is_alone
                    && first_word(sql) == "update"
                    && only_updates(connection, sql, &found.table)?
                {
                    Self::sleep(connection)?;
                    before.updates = Some(found.table);
                }
            }
            row_by_row(connection, &self.told)?;
            return Ok(before);
        }
        lock(&self.told).more |= !only_reads(sql);
        if matches!(first_word(sql).as_str(), "create" | "alter" | "drop") {
            before.tables = Some(tables(connection)?);
        }
        Ok(before)
    }

    /// Takes stock after a statement that ran.
    pub(crate) fn after(
        &self,
        connection: &mut Connection,
        sql: &str,
        before: Before,
    ) -> rusqlite::Result<()> {
        if writes_rows(sql) {
            at_once(connection)?;
        }
        if let Some(table) = before.updates {
            let changed = connection.changes();
            lock(&self.counts).entry(table).or_default().updated += changed;
            self.wake(connection)?;
        }
        if let Some(target) = before.target {
            self.make_up(connection, sql, &target)?;
        }
        if let Some(old) = before.tables {
            self.follow_tables(connection, &old)?;
        }
        Ok(())
    }

    fn target(
        &self,
        connection: &Connection,
        found: Found,
        replaces: bool,
    ) -> rusqlite::Result<Target> {
        let Found {
            table,
            without_rowid,
            ..
        } = found;
        Ok(Target {
            rows: if replaces {
                count(connection, &table)?
            } else {
                0
            },
            change: lock(&self.counts).get(&table).copied().unwrap_or_default(),
            table,
            without_rowid,
            replaces,
        })
    }

    fn make_up(&self, connection: &Connection, sql: &str, target: &Target) -> rusqlite::Result<()> {
        let rows = if target.replaces {
            count(connection, &target.table)?
        } else {
            0
        };
        let mut counts = lock(&self.counts);
        let change = counts.entry(target.table.clone()).or_default();
        if target.without_rowid {
            let changed = connection.changes();
            match first_word(sql).as_str() {
                "update" => change.updated += changed,
                "delete" => change.deleted += changed,
                "with" => match Statement::read(sql).verb() {
                    Some("update") => change.updated += changed,
                    Some("delete") => change.deleted += changed,
                    _ => change.inserted += changed,
                },
                _ => change.inserted += changed,
            }
        }
        if target.replaces {
            let expected = i128::from(target.rows)
                + i128::from(change.inserted - target.change.inserted)
                - i128::from(change.deleted - target.change.deleted);
            let replaced = expected - i128::from(rows);
            change.deleted += u64::try_from(replaced).unwrap_or(0);
        }
        Ok(())
    }

    /// A table keeps its root page when it is renamed; a new one with rows was filled by CREATE TABLE AS.
    fn follow_tables(
        &self,
        connection: &Connection,
        old: &BTreeMap<String, i64>,
    ) -> rusqlite::Result<()> {
        let new = tables(connection)?;
        let mut moved = BTreeMap::new();
        for (name, root) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
            let change = lock(&self.counts).remove(name);
            moved.insert(*root, change);
        }
        for (name, root) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            let change = match moved.remove(root) {
                Some(change) => change.unwrap_or_default(),
                None => TableChange {
                    inserted: u64::try_from(count(connection, name)?).unwrap_or(0),
                    ..TableChange::default()
                },
            };
            lock(&self.counts).insert(name.clone(), change);
        }
        Ok(())
    }
}

/// The table that a statement names.
struct Found {
    table: String,
    without_rowid: bool,
    /// It has no trigger and no reference to itself, and no temporary table has its name.
    is_alone: bool,
}

impl Found {
    fn of(connection: &Connection, name: &str) -> rusqlite::Result<Option<Self>> {
        let mut statement = connection.prepare_cached(
            "select t.name, t.wr, not exists (select 1 from main.sqlite_schema g where g.type = 'trigger' and lower(g.tbl_name) = lower(?1))
             and not exists (select 1 from temp.sqlite_schema g where lower(?1) in (lower(g.name), lower(g.tbl_name)))
             and not exists (select 1 from pragma_foreign_key_list(t.name) f where lower(f.\"table\") = lower(?1))
             from pragma_table_list t where t.schema = 'main' and lower(t.name) = lower(?1) and t.type = 'table'",
        )?;
        let found = statement.query_row([name], |row| {
            Ok(Self {
                table: row.get(0)?,
                without_rowid: row.get(1)?,
                is_alone: row.get(2)?,
            })
        });
        match found {
            Ok(found) => Ok(Some(found)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether an UPDATE can do nothing but set columns of that table.
fn only_updates(connection: &mut Connection, sql: &str, table: &str) -> rusqlite::Result<bool> {
    let told = Arc::default();
    tell(connection, sql, &told)?;
    let (told, table) = (lock(&told), table.to_lowercase());
    let sets_it = !told.sets.is_empty() && told.sets.iter().all(|(of, _)| *of == table);
    Ok(sets_it && told.inserts.is_empty() && told.deletes.is_empty())
}

/// Lets the library tell what a statement could do.
fn tell(connection: &mut Connection, sql: &str, told: &Arc<Mutex<Told>>) -> rusqlite::Result<()> {
    row_by_row(connection, told)?;
    // What cannot be compiled does nothing, and says why when it is run.
    drop(connection.prepare(sql));
    at_once(connection)
}

/// Whether a statement can do nothing but read.
fn only_reads(sql: &str) -> bool {
    matches!(first_word(sql).as_str(), "select" | "values")
}

/// Makes the library delete row by row, also where it could empty the table at once.
///
/// Only around statements that write rows: for others "ignore" means that a DROP silently does nothing.
fn row_by_row(connection: &mut Connection, told: &Arc<Mutex<Told>>) -> rusqlite::Result<()> {
    let told = Arc::clone(told);
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        match context.action {
            AuthAction::Delete { table_name } if !is_own_or_internal(table_name) => {
                lock(&told).deletes.insert(table_name.to_lowercase());
                return Authorization::Ignore;
            }
            AuthAction::Insert { table_name } => {
                lock(&told).inserts.insert(table_name.to_lowercase());
            }
            AuthAction::Update {
                table_name,
                column_name,
            } => {
                let set = (table_name.to_lowercase(), column_name.to_lowercase());
                lock(&told).sets.insert(set);
            }
            _ => {}
        }
        Authorization::Allow
    }))
}

/// Takes back [`row_by_row`].
pub(crate) fn at_once(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)
}

fn lock<T>(counts: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is whole at every step, so a panic elsewhere leaves nothing half done.
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tables that hold rows of their own, with their root pages.
fn tables(connection: &Connection) -> rusqlite::Result<BTreeMap<String, i64>> {
    let mut statement = connection.prepare_cached(
        "select name, rootpage from main.sqlite_schema where type = 'table' and rootpage > 0",
    )?;
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn count(connection: &Connection, table: &str) -> rusqlite::Result<i64> {
    let sql = format!("select count(*) from main.{}", quote_identifier(table));
    connection.query_row(&sql, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(setup: &str, statements: &[&str], expect: &[(&str, [u64; 3])]) {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(setup).unwrap();
        let counter = RowCounter::start(&mut connection).unwrap();
        for sql in statements {
            let before = counter.before(&mut connection, sql).unwrap();
            crate::run::statement(&connection, sql).unwrap();
            counter.after(&mut connection, sql, before).unwrap();
        }
        let counts = counter.counts();
        let counted: Vec<(&str, [u64; 3])> = counts
            .iter()
            .map(|(table, change)| {
                (
                    table.name.as_str(),
                    [change.inserted, change.updated, change.deleted],
                )
            })
            .collect();
        assert_eq!(counted, expect, "{statements:?}");
    }

    const T: &str = "create table t (id integer primary key, a unique); insert into t values (1, 1), (2, 2), (3, 3);";

    #[test]
    fn ordinary_writes() {
        check(
            T,
            &[
                "insert into t (a) values (4), (5)",
                "update t set a = a + 10 where id < 3",
                "delete from t where id = 3",
            ],
            &[("t", [2, 2, 1])],
        );
        check(T, &["select * from t", "create index i on t (a)"], &[]);
    }

    /// The library counts the rows of an UPDATE that can do nothing else; with a trigger, a reference to itself or a table in the way the hook
    /// does.
    #[test]
    fn updates_of_one_table() {
        let both = ["update T set a = a + 10 where id < 3", "delete from t"];
        check(T, &both, &[("t", [0, 2, 3])]);
        check(T, &["update or ignore t set a = 2"], &[("t", [0, 1, 0])]);
        let with = |more: &str| format!("{T} {more}");
        check(
            &with(
                "create trigger g after update on t when new.id = 1 begin update t set a = 77 where id = 3; end",
            ),
            &both,
            &[("t", [0, 3, 3])],
        );
        check(
            &with(
                "create table u (id integer primary key); create trigger g after update on t begin insert into u values (null); end",
            ),
            &both,
            &[("t", [0, 2, 3]), ("u", [2, 0, 0])],
        );
        check(
            "pragma foreign_keys = on; create table t (id integer primary key, p references t on update cascade); insert into t values (1, 1), (2, 1)",
            &["update t set id = id + 10 where id = 1"],
            &[("t", [0, 3, 0])],
        );
        check(
            &with("create temp table t (a); insert into temp.t values (1)"),
            &["update t set a = 5", "update main.t set a = a + 10"],
            &[("t", [0, 3, 0])],
        );
    }

    #[test]
    fn deleting_everything_is_counted() {
        check(T, &["delete from t"], &[("t", [0, 0, 3])]);
        check(
            T,
            &["with x as (select 1) delete from t"],
            &[("t", [0, 0, 3])],
        );
        let trigger =
            "create table u (a); create trigger g after insert on u begin delete from t; end;";
        check(
            &format!("{T}{trigger}"),
            &["insert into u values (1)"],
            &[("t", [0, 0, 3]), ("u", [1, 0, 0])],
        );
    }

    #[test]
    fn replaced_rows_are_deleted_ones() {
        check(
            T,
            &["insert or replace into t values (1, 2)"],
            &[("t", [1, 0, 2])],
        );
        check(T, &["replace into t (a) values (9)"], &[("t", [1, 0, 0])]);
        check(
            T,
            &["update or replace t set a = 3 where id = 1"],
            &[("t", [0, 1, 1])],
        );
    }

    #[test]
    fn tables_without_rowid() {
        let table =
            "create table w (k primary key, v) without rowid; insert into w values (1, 1), (2, 2);";
        check(table, &["insert into w values (3, 3)"], &[("w", [1, 0, 0])]);
        check(table, &["update w set v = 0"], &[("w", [0, 2, 0])]);
        check(table, &["delete from \"W\""], &[("w", [0, 0, 2])]);
        check(
            table,
            &["replace into w values (1, 5), (7, 7)"],
            &[("w", [2, 0, 1])],
        );
    }

    #[test]
    fn cascades_are_counted() {
        let tables = "create table p (id integer primary key);
            create table c (id integer primary key, p references p on delete cascade);
            insert into p values (1), (2); insert into c values (1, 1), (2, 1), (3, 2);";
        check(
            tables,
            &["delete from p where id = 1"],
            &[("c", [0, 0, 2]), ("p", [0, 0, 1])],
        );
    }

    #[test]
    fn rows_follow_a_rebuilt_table() {
        check(
            T,
            &[
                "create table n (id integer primary key, a)",
                "insert into n select * from t",
                "drop table t",
                "alter table n rename to t",
            ],
            &[("t", [3, 0, 0])],
        );
        check(
            T,
            &["create table copy as select * from t"],
            &[("copy", [3, 0, 0])],
        );
        check(T, &["alter table t add column b default 5"], &[]);
    }

    #[test]
    fn a_drop_still_drops() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(T).unwrap();
        let counter = RowCounter::start(&mut connection).unwrap();
        let before = counter.before(&mut connection, "drop table t").unwrap();
        crate::run::statement(&connection, "drop table t").unwrap();
        counter
            .after(&mut connection, "drop table t", before)
            .unwrap();
        assert!(tables(&connection).unwrap().is_empty());
    }

    #[test]
    fn own_tables_are_left_out() {
        let tables = "create table tightrope_journal (a); create table t (id integer primary key autoincrement);";
        check(
            tables,
            &[
                "insert into tightrope_journal values (1)",
                "insert into t default values",
            ],
            &[("t", [1, 0, 0])],
        );
    }

    fn leaves(setup: &str, statement: &str) -> bool {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("pragma foreign_keys = on; create table t (Id integer primary key, n)")
            .unwrap();
        connection.execute_batch(setup).unwrap();
        let counter = RowCounter::start(&mut connection).unwrap();
        let before = counter.before(&mut connection, statement).unwrap();
        crate::run::statement(&connection, statement).unwrap();
        counter.after(&mut connection, statement, before).unwrap();
        counter.leaves_rowids("t", "Id")
    }

    #[test]
    fn whatever_could_move_or_insert_a_row_is_told() {
        assert!(leaves("", "update T set n = 1"));
        assert!(leaves("", "delete from t"));
        assert!(leaves("create table o (x)", "insert into o values (1)"));
        assert!(!leaves("", "insert into t values (1, 2)"));
        assert!(!leaves("", "replace into t values (1, 2)"));
        assert!(!leaves("", "update t set id = 1"));
        assert!(!leaves("", "update t set rowid = 1"));
        assert!(!leaves("", "update t set (n, _rowid_) = (1, 2)"));
        assert!(!leaves("", "with one as (select 1) update t set id = id"));
        assert!(!leaves("", "create index i on t (n)"));
        assert!(!leaves(
            "create table o (x); create trigger g after update on o begin update t set id = id + 1; end",
            "update o set x = 1"
        ));
        assert!(!leaves(
            "create table o (x); create trigger g after delete on o begin insert into t values (1, 2); end",
            "delete from o"
        ));
        assert!(!leaves(
            "drop table t; create table p (k unique);
             create table t (Id integer primary key references p (k) on update cascade, n)",
            "update p set k = 1"
        ));
        assert!(!leaves(
            "drop table t; create table p (k unique);
             create table t (Id integer primary key default 5 references p (k) on delete set default, n)",
            "delete from p"
        ));
    }
}
