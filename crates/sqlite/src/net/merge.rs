//! Bringing together what was before and what the application has written since, in tables that have their old shape again.

use rusqlite::Connection;
use rusqlite::ffi::{
    SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE,
};
use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable, Merged};
use tightrope_model::TableName;

use super::about;
use super::key::Key;
use super::live::{Live, keeps_rowids};
use super::names::{all, any, differ, list, of, own, sql};
use super::quiet::Quiet;
use super::spread::COUNTER;
use super::terms::{COMES_BACK, Shape, Terms};
use super::virtual_rows;
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
            places: own(kept.number, &table.plan, "places"),
        };
        if table.plan.after.is_some() && !live.is_ordinary() {
            virtual_rows::merge(connection, kept.number, table, &live, &mut merged)?;
            continue;
        }
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
                merge.make_way(&key)?;
                merged.returned += merge.bring_back(&terms)?;
            }
        }
    }
    quiet.end(connection)?;
    virtual_rows::read_again(connection, kept)?;
    counters(connection, kept)?;
    Ok(merged)
}

fn batch(connection: &Connection, sql: &str) -> Result<(), EngineError> {
    connection.execute_batch(sql).map_err(from_sqlite)
}

pub(super) fn change(connection: &Connection, sql: &str) -> Result<u64, EngineError> {
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

/// The counter of a table goes on where it was, or where it has come to since.
fn counters(connection: &Connection, kept: &KeptNet) -> Result<(), EngineError> {
    for table in &kept.tables {
        let counter = about::read(connection, kept.number, &table.plan, COUNTER);
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
                "insert into main.sqlite_sequence (name, seq)
                   select {name}, max(cast({} as integer), coalesce(max(seq), 0))
                   from main.sqlite_sequence where name = {name};
                 delete from main.sqlite_sequence where name = {name}
                   and rowid < (select max(rowid) from main.sqlite_sequence where name = {name})",
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
    /// Where rows wait that change places.
    places: TableName,
}

fn is_unique(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(
            error.extended_code,
            SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_ROWID
        )
    })
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
            Some(rows) => counted(
                self.connection,
                &format!("select count(*) from {rows} p where {COMES_BACK}"),
            ),
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
        let wanted = format!(
            "select {places}, {values} from {table} t {joins} where {was_there}",
            table = self.sql(),
            places = list(as_places),
            values = list(values),
            joins = terms.joins(),
            was_there = terms.was_there(),
        );
        let update = |from: &str, more: &str| {
            format!(
                "update {} as t set {} from {from} v where {}{more}",
                self.sql(),
                list(&sets),
                super::key::equal(&place, &found)
            )
        };
        let at_once = update(&format!("({wanted})"), &format!(" and {}", any(&differs)));
        match self.connection.execute(&at_once, []) {
            Ok(changed) => Ok(u64::try_from(changed).unwrap_or_default()),
            Err(error) if is_unique(&error) => {
                self.change_places(&wanted, &place, &differs, &update)
            }
            Err(error) => Err(from_sqlite(error)),
        }
    }

    /// The same where rows have to change places, and one would meet the other on the way: row by row as long as some fit,
    /// then the rest is taken out and put in again.
    fn change_places(
        &self,
        wanted: &str,
        place: &[String],
        differs: &[String],
        update: &dyn Fn(&str, &str) -> String,
    ) -> Result<u64, EngineError> {
        let places = sql(&self.places);
        let found: Vec<String> = (1..=place.len()).map(|n| format!("v.i${n}")).collect();
        let same = super::key::equal(place, &found);
        batch(
            self.connection,
            &format!(
                "create table {places} as select v.* from {} t join ({wanted}) v on {same} where {}",
                self.sql(),
                any(differs)
            ),
        )?;
        let (mut changed, mut moved) = (0, true);
        while moved {
            moved = false;
            let rowids = || {
                let mut statement = self
                    .connection
                    .prepare(&format!("select rowid from {places}"))?;
                let rows = statement.query_map([], |row| row.get(0))?;
                rows.collect::<rusqlite::Result<Vec<i64>>>()
            };
            for rowid in rowids().map_err(from_sqlite)? {
                match self
                    .connection
                    .execute(&update(&places, &format!(" and v.rowid = {rowid}")), [])
                {
                    Ok(_) => {
                        let done = format!("delete from {places} where rowid = {rowid}");
                        batch(self.connection, &done)?;
                        (changed, moved) = (changed + 1, true);
                    }
                    Err(error) if is_unique(&error) => {}
                    Err(error) => return Err(from_sqlite(error)),
                }
            }
        }
        changed += self.put_in_again(&places, &same)?;
        batch(self.connection, &format!("drop table {places}"))?;
        Ok(changed)
    }

    /// Rows in a circle leave the table and come back changed. Where foreign keys are enforced their deletion would reach
    /// other tables, so it is not done there.
    fn put_in_again(&self, places: &str, same: &str) -> Result<u64, EngineError> {
        let left = counted(self.connection, &format!("select count(*) from {places}"))?;
        if left == 0 {
            return Ok(0);
        }
        let enforced = counted(
            self.connection,
            "select foreign_keys from pragma_foreign_keys",
        )?;
        let referred = super::references::all_keys(self.connection).map_err(from_sqlite)?;
        let is_parent = referred
            .iter()
            .any(|key| super::references::is(&key.parent, &self.table.plan.before));
        if enforced > 0 && is_parent {
            return Err(EngineError::new(
                ErrorKind::DataViolation,
                format!(
                    "{left} rows of {} have to change places in a circle, and other tables refer to it",
                    self.table.plan.before
                ),
            )
            .hint("run the rollback with foreign keys off: `?foreign_keys=off` in the URL"));
        }
        let columns = &self.table.plan.columns;
        let mut names: Vec<String> = columns
            .iter()
            .map(|column| quote_identifier(&column.before))
            .collect();
        let mut values: Vec<String> = (1..=columns.len()).map(|n| format!("v${n}")).collect();
        if let Some(rowid) = self.live.rowid.filter(|_| self.live.alias.is_none()) {
            batch(
                self.connection,
                &format!(
                    "alter table {places} add column r$;
                     update {places} as v set r$ = (select t.{rowid} from {} t where {same})",
                    self.sql()
                ),
            )?;
            names.push(rowid.to_owned());
            values.push("r$".to_owned());
        }
        batch(
            self.connection,
            &format!(
                "delete from {table} as t where exists (select 1 from {places} v where {same});
                 insert into {table} ({}) select {} from {places}",
                list(names),
                list(values),
                table = self.sql(),
            ),
        )?;
        Ok(left)
    }

    /// Rows that the application has made since, and that have the rowids of rows which come back, get others: the log and older nets know
    /// rows of before by theirs.
    fn make_way(&self, key: &Key) -> Result<(), EngineError> {
        let (Some(rows), Some(log), [part]) = (self.rows(), &self.table.touched, &key.parts[..])
        else {
            return Ok(());
        };
        let rowid = self.live.rowid.filter(|_| self.live.alias.is_none());
        let (Some(rowid), "r$") = (rowid, part.kept.as_str()) else {
            return Ok(());
        };
        let (here, log, own) = (self.sql(), sql(log), &key.own("", "k")[0]);
        let taken = || {
            let query = format!(
                "select t.{rowid} from {here} t join {rows} p on p.r$ = t.{rowid} where {COMES_BACK}"
            );
            let mut statement = self.connection.prepare(&query)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<i64>>>()
        };
        for place in taken().map_err(from_sqlite)? {
            let free = counted(
                self.connection,
                &format!(
                    "select 1 + max(coalesce((select max({rowid}) from {here}), 0), coalesce((select max(r$) from {rows}), 0))"
                ),
            )?;
            let batch_of_both = format!(
                "update {here} set {rowid} = {free} where {rowid} = {place};
                 update {log} set {own} = {free} where {own} = {place}"
            );
            batch(self.connection, &batch_of_both)?;
        }
        Ok(())
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
        self.insert(COMES_BACK)
    }

    fn insert(&self, filter: &str) -> Result<u64, EngineError> {
        let Some(rows) = self.rows() else {
            return Ok(0);
        };
        let columns = self.live.kept_columns(&self.table.plan);
        let mut names = list(columns.iter().map(|name| quote_identifier(name)));
        let mut values = list((1..=columns.len()).map(|n| format!("p.c${n}")));
        let has_rowids = keeps_rowids(self.connection, &rows).map_err(from_sqlite)?;
        let mut order = String::new();
        if let Some(rowid) = self
            .live
            .rowid
            .filter(|_| has_rowids && self.live.alias.is_none())
        {
            // A row that the application has made since may have it; then another is found, when all others have theirs.
            let taken = format!(
                "exists (select 1 from {} t where t.{rowid} = p.r$)",
                self.sql()
            );
            names = format!("{rowid}, {names}");
            values = format!("iif({taken}, null, p.r$), {values}");
            order = format!(" order by {taken}");
        }
        change(
            self.connection,
            &format!(
                "insert into {} ({names}) select {values} from {rows} p where {filter}{order}",
                self.sql()
            ),
        )
    }
}
