//! Bringing together what was before and what the application has written since, in tables that have their old shape again.

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet, KeptTable, Merged};
use tightrope_model::TableName;

use super::key::Key;
use super::live::{Live, keeps_rowids};
use super::names::{all, any, differ, list, of, sql};
use super::quiet::Quiet;
use super::terms::{COMES_BACK, Shape, Terms};
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Merges all tables but the rebuilt ones.
pub(super) fn merge(
    connection: &Connection,
    kept: &KeptNet,
    rebuilt: &[TableName],
) -> Result<Merged, EngineError> {
    let mut merged = Merged::default();
    // Rows come back in the order of the tables, and a key may point to a later one.
    batch(connection, "pragma defer_foreign_keys = on")?;
    let quiet = Quiet::make(connection)?;
    for table in &kept.tables {
        let key = Key::read(connection, kept.number, table)?;
        let terms = Terms::of(table, &key, Shape::Before);
        count_kept(connection, table, &key, &mut merged)?;
        let Some(live) = Live::read(connection, &table.plan.before).map_err(from_sqlite)? else {
            continue;
        };
        let merge = TableMerge {
            connection,
            table,
            live: &live,
        };
        if table.plan.after.is_none() {
            if !rebuilt.contains(&table.plan.before) {
                merged.returned += merge.bring_all_back()?;
            } else {
                merged.returned += merge.count_all()?;
            }
        } else if let Some(terms) = terms.filter(|_| key.is_known()) {
            if rebuilt.contains(&table.plan.before) {
                merge.count(&terms, &mut merged)?;
            } else {
                merged.removed += merge.remove(&terms)?;
                merged.given_back += merge.give_back(&terms)?;
                merged.returned += merge.bring_back(&terms)?;
            }
        }
    }
    quiet.end(connection)?;
    counters(connection, kept)?;
    Ok(merged)
}

fn batch(connection: &Connection, sql: &str) -> Result<(), EngineError> {
    connection.execute_batch(sql).map_err(from_sqlite)
}

fn change(connection: &Connection, sql: &str) -> Result<u64, EngineError> {
    let changed = connection.execute(sql, []).map_err(from_sqlite)?;
    Ok(u64::try_from(changed).unwrap_or_default())
}

fn counted(connection: &Connection, sql: &str) -> Result<u64, EngineError> {
    connection
        .query_row(sql, [], |row| row.get::<_, i64>(0))
        .map(|count| u64::try_from(count).unwrap_or_default())
        .map_err(from_sqlite)
}

fn count_kept(
    connection: &Connection,
    table: &KeptTable,
    key: &Key,
    merged: &mut Merged,
) -> Result<(), EngineError> {
    if let Some(log) = &table.touched {
        let there = all(key.own("", "k").iter().map(|k| format!("{k} is not null")));
        let sql = format!("select count(*) from {} where {there}", sql(log));
        merged.kept += counted(connection, &sql)?;
    }
    Ok(())
}

/// The counter of a table that was dropped goes on where it was.
fn counters(connection: &Connection, kept: &KeptNet) -> Result<(), EngineError> {
    for table in kept
        .tables
        .iter()
        .filter(|table| table.plan.after.is_none())
    {
        let counter = super::about::read(connection, kept.number, &table.plan, "counter");
        let Some(counter) = counter.map_err(from_sqlite)? else {
            continue;
        };
        let name = super::names::literal(&table.plan.before.name);
        let counts = "select count(*) from main.sqlite_schema where name = 'sqlite_sequence'";
        if counted(connection, counts)? == 0 {
            continue;
        }
        batch(
            connection,
            &format!(
                "delete from main.sqlite_sequence where name = {name};
                 insert into main.sqlite_sequence (name, seq) select {name}, cast({} as integer)",
                super::names::literal(&counter)
            ),
        )?;
    }
    Ok(())
}

struct TableMerge<'a> {
    connection: &'a Connection,
    table: &'a KeptTable,
    live: &'a Live,
}

impl TableMerge<'_> {
    fn sql(&self) -> String {
        sql(&self.table.plan.before)
    }

    fn rows(&self) -> Option<String> {
        self.table.rows.as_ref().map(sql)
    }

    /// What the counts would be, of a table that was merged by being built anew.
    fn count(&self, terms: &Terms<'_>, merged: &mut Merged) -> Result<(), EngineError> {
        let Some(rows) = self.rows() else {
            return Ok(());
        };
        let of = |gone: u8| format!("select count(*) from {rows} p where p.gone$ = {gone}");
        merged.given_back += counted(self.connection, &of(0))?;
        merged.returned += counted(self.connection, &of(1))?;
        if let Some(inserted) = &self.table.inserted {
            let _ = terms;
            let sql = format!("select count(*) from {}", sql(inserted));
            merged.removed += counted(self.connection, &sql)?;
        }
        Ok(())
    }

    fn count_all(&self) -> Result<u64, EngineError> {
        match self.rows() {
            None => Ok(0),
            Some(rows) => counted(self.connection, &format!("select count(*) from {rows}")),
        }
    }

    /// Rows that only the migration made.
    fn remove(&self, terms: &Terms<'_>) -> Result<u64, EngineError> {
        match terms.only_the_migrations() {
            None => Ok(0),
            Some(own) => change(
                self.connection,
                &format!("delete from {} as t where {own}", self.sql()),
            ),
        }
    }

    /// Values that the application has not written are what they were.
    fn give_back(&self, terms: &Terms<'_>) -> Result<u64, EngineError> {
        if !terms.has_rows() {
            return Ok(0);
        }
        let place = terms.indexed("t");
        let places: Vec<String> = (1..=place.len()).map(|n| format!("i${n}")).collect();
        let (mut sets, mut values, mut differs) = (Vec::new(), Vec::new(), Vec::new());
        for (at, column) in self.table.plan.columns.iter().enumerate() {
            let name = quote_identifier(&column.before);
            let now = of("t", &column.before);
            let then = format!("v${}", at + 1);
            sets.push(format!("{name} = v.{then}"));
            values.push(format!("{} as {then}", terms.value(at, &now)));
            differs.push(differ(&now, &format!("v.{then}")));
        }
        let as_places = place
            .iter()
            .zip(&places)
            .map(|(value, name)| format!("{value} as {name}"));
        let found: Vec<String> = places.iter().map(|place| format!("v.{place}")).collect();
        change(
            self.connection,
            &format!(
                "update {table} as t set {sets} from (select {places}, {values} from {table} t {joins} where {was_there}) v
                 where {same} and {differs}",
                table = self.sql(),
                sets = list(sets),
                places = list(as_places),
                values = list(values),
                joins = terms.joins(),
                was_there = terms.was_there(),
                same = super::key::equal(&place, &found),
                differs = any(differs),
            ),
        )
    }

    /// Rows that the migration deleted.
    fn bring_back(&self, terms: &Terms<'_>) -> Result<u64, EngineError> {
        if !terms.has_rows() {
            return Ok(0);
        }
        self.insert(COMES_BACK)
    }

    /// Rows of a table that was dropped.
    fn bring_all_back(&self) -> Result<u64, EngineError> {
        self.insert("true")
    }

    fn insert(&self, filter: &str) -> Result<u64, EngineError> {
        let Some(rows) = self.rows() else {
            return Ok(0);
        };
        let columns = self.live.kept_columns(&self.table.plan);
        let mut names = list(columns.iter().map(|name| quote_identifier(name)));
        let mut values = list((1..=columns.len()).map(|n| format!("p.c${n}")));
        let has_rowids = keeps_rowids(self.connection, &rows).map_err(from_sqlite)?;
        if let Some(rowid) = self
            .live
            .rowid
            .filter(|_| has_rowids && self.live.alias.is_none())
        {
            names = format!("{rowid}, {names}");
            values = format!("p.r$, {values}");
        }
        change(
            self.connection,
            &format!(
                "insert into {} ({names}) select {values} from {rows} p where {filter}",
                self.sql()
            ),
        )
    }
}
