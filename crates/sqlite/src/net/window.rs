//! Opening the window after the forward script, and closing it before a rollback.

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet, KeptTable};
use tightrope_model::{Catalog, Keep, TableName};

use super::about;
use super::key::{Key, Part, equal};
use super::live::{Live, keeps_rowids};
use super::names::{all, differ, list, of, own, sql};
use super::spread::not_as_planned;
use super::touch::{TouchLog, trigger_names};
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Finds out what became of each kept row, and begins to write down what is touched.
pub(super) fn open(
    connection: &Connection,
    kept: &mut KeptNet,
    before: &Catalog,
    after: &Catalog,
) -> Result<(), EngineError> {
    let number = kept.number;
    for table in &mut kept.tables {
        let opening = Opening {
            connection,
            number,
            before,
            after,
        };
        opening.table(table)?;
    }
    Ok(())
}

struct Opening<'a> {
    connection: &'a Connection,
    number: i64,
    before: &'a Catalog,
    after: &'a Catalog,
}

impl Opening<'_> {
    fn batch(&self, sql: &str) -> Result<(), EngineError> {
        self.connection.execute_batch(sql).map_err(from_sqlite)
    }

    fn count(&self, sql: &str) -> Result<i64, EngineError> {
        let count = self.connection.query_row(sql, [], |row| row.get(0));
        count.map_err(from_sqlite)
    }

    fn table(&self, table: &mut KeptTable) -> Result<(), EngineError> {
        let named = table.plan.after.as_ref().unwrap_or(&table.plan.before);
        let live = Live::read(self.connection, named).map_err(from_sqlite)?;
        let Some(after) = table.plan.after.clone() else {
            let survives = live.is_some_and(|live| !live.is_ordinary());
            return self.dropped(table, survives);
        };
        let live = live.ok_or_else(|| not_as_planned(&table.plan))?;
        if !live.is_ordinary() {
            return self.unwatched(table);
        }
        let mut key = self.identity(table, &live);
        if table.rows.is_some() {
            self.trace(table, &after, &live, &mut key)?;
        }
        key.keep(self.connection, self.number, table)?;
        if !key.is_known() {
            return Ok(());
        }
        if table.rows.is_some() {
            self.settle(table, &after, &key)?;
        }
        let log = own(self.number, &table.plan, "touched");
        let touch = TouchLog {
            log: &log,
            plan: &table.plan,
            key: &key,
        };
        self.batch(&touch.table())?;
        for trigger in touch.triggers(&after) {
            self.batch(&trigger)?;
        }
        table.touched = Some(log);
        Ok(())
    }

    /// A table that is gone. A virtual table that is still there was only taken for gone: nothing of it is needed.
    fn dropped(&self, table: &mut KeptTable, survives: bool) -> Result<(), EngineError> {
        if survives {
            return self.unwatched(table);
        }
        if let Some(rows) = &table.rows {
            self.batch(&format!("update {} set gone$ = 1", sql(rows)))?;
        }
        Ok(())
    }

    /// A virtual table can have no triggers, so nobody knows what is written into it.
    fn unwatched(&self, table: &mut KeptTable) -> Result<(), EngineError> {
        if let Some(rows) = table.rows.take() {
            self.batch(&format!("drop table {}", sql(&rows)))?;
        }
        Ok(())
    }

    /// By which columns rows are told apart from now on.
    fn identity(&self, table: &KeptTable, live: &Live) -> Key {
        let plan = &table.plan;
        let place = |name: &String| {
            let at = plan
                .columns
                .iter()
                .position(|column| &column.before == name)?;
            let after = plan.columns[at].after.clone()?;
            Some((name.clone(), after, format!("c${}", at + 1)))
        };
        let old_key = self.before.table(&plan.before).map(|shape| &shape.key);
        let place = old_key.and_then(|key| key.iter().map(place).collect::<Option<Vec<_>>>());
        let place = place.unwrap_or_default();
        let names: Vec<String> = if plan.key.is_empty() {
            let shape = plan
                .after
                .as_ref()
                .and_then(|after| self.after.table(after));
            shape.map(|shape| shape.key.clone()).unwrap_or_default()
        } else {
            plan.key.iter().map(|column| column.after.clone()).collect()
        };
        let part = |name: &String| Part {
            after: name.clone(),
            before: plan
                .columns
                .iter()
                .find(|column| column.after.as_ref() == Some(name))
                .map(|column| column.before.clone()),
            kept: String::new(),
        };
        let mut parts: Vec<Part> = names.iter().map(part).collect();
        if parts.is_empty() {
            parts.extend(live.rowid.map(|rowid| Part {
                after: rowid.to_owned(),
                before: Some(rowid.to_owned()),
                kept: String::new(),
            }));
        }
        Key { parts, place }
    }

    /// Finds for each kept row the row that it is now.
    fn trace(
        &self,
        table: &KeptTable,
        after: &TableName,
        live: &Live,
        key: &mut Key,
    ) -> Result<(), EngineError> {
        let plan = &table.plan;
        let rows = sql(&own(self.number, plan, "rows"));
        let kept = |before: &String| {
            let at = plan
                .columns
                .iter()
                .position(|column| &column.before == before);
            at.map(|at| format!("c${}", at + 1))
        };
        if !plan.key.is_empty() {
            for (part, column) in key.parts.iter_mut().zip(&plan.key) {
                part.kept = kept(&column.before).ok_or_else(|| not_as_planned(plan))?;
            }
            return self.index(table, key);
        }
        let by_rowid = key.parts.len() == 1 && Some(key.parts[0].after.as_str()) == live.rowid;
        if by_rowid && self.is_in_place(table, after, live)? {
            key.parts[0].kept = "r$".to_owned();
            return Ok(());
        }
        for (number, part) in (1..).zip(&mut key.parts) {
            part.kept = format!("k${number}");
            self.batch(&format!("alter table {rows} add column k${number}"))?;
        }
        let pairs = if key.place.is_empty() {
            self.by_content(table, after, live, &rows)
        } else {
            let same = key.place.iter();
            let same = same.map(|(_, after, kept)| format!("{} = p.{kept}", of("t", after)));
            format!(
                "from (select rowid as at$, * from {rows}) p join {} t on {}",
                sql(after),
                all(same)
            )
        };
        let (own, found) = (key.own("", "k"), key.after("t"));
        let sets = own.iter().map(|k| format!("{k} = m.{k}"));
        let found = found
            .iter()
            .zip(&own)
            .map(|(value, k)| format!("{value} as {k}"));
        self.batch(&format!(
            "update {rows} set {} from (select p.at$ as place$, {} {pairs}) m where {}.rowid = m.place$",
            list(sets),
            list(found),
            quote_identifier(&super::names::own(self.number, plan, "rows").name),
        ))?;
        self.index(table, key)
    }

    /// Rows that are alike in everything that stays are the same, one by one in their order.
    fn by_content(&self, table: &KeptTable, after: &TableName, live: &Live, rows: &str) -> String {
        let stays = (1..)
            .zip(&table.plan.columns)
            .filter(|(_, column)| !column.is_lost());
        let stays: Vec<(String, String)> = stays
            .filter_map(|(n, column)| {
                Some((format!("c${n}"), quote_identifier(column.after.as_ref()?)))
            })
            .collect();
        let old = list(stays.iter().map(|(kept, _)| kept));
        let new = list(stays.iter().map(|(_, now)| now));
        let by = |columns: &str| match columns.is_empty() {
            true => String::new(),
            false => format!("partition by {columns} "),
        };
        let alike = stays.iter().map(|(kept, now)| {
            format!(
                "p.{kept} is t.{now} and not {}",
                differ(&format!("p.{kept}"), &format!("t.{now}"))
            )
        });
        let (rowid, order) = match live.rowid {
            Some(rowid) => (format!("{rowid} as {rowid}, "), format!("order by {rowid}")),
            None => (String::new(), String::new()),
        };
        format!(
            "from (select rowid as at$, *, row_number() over ({}order by rowid) as place$ from {rows}) p
             join (select {rowid}*, row_number() over ({}{order}) as place$ from {}) t on {} and t.place$ = p.place$",
            by(&old),
            by(&new),
            sql(after),
            all(alike),
        )
    }

    /// Whether every row still has its rowid: the table was not made again, or nobody can tell by its rows.
    fn is_in_place(
        &self,
        table: &KeptTable,
        after: &TableName,
        live: &Live,
    ) -> Result<bool, EngineError> {
        let root =
            about::read(self.connection, self.number, &table.plan, "root").map_err(from_sqlite)?;
        if root.is_some_and(|root| root == live.root.to_string()) {
            return Ok(true);
        }
        let Some(rowid) = live.rowid else {
            return Ok(false);
        };
        let rows = sql(&own(self.number, &table.plan, "rows"));
        if !keeps_rowids(self.connection, &rows).map_err(from_sqlite)? {
            return Ok(false);
        }
        let stays = (1..)
            .zip(&table.plan.columns)
            .filter(|(_, column)| !column.is_lost());
        let differs = stays.filter_map(|(n, column)| {
            Some(differ(
                &format!("p.c${n}"),
                &of("t", column.after.as_ref()?),
            ))
        });
        let moved = self.count(&format!(
            "select count(*) from {rows} p left join {} t on t.{rowid} = p.r$ where t.{rowid} is null or {}",
            sql(after),
            super::names::any(differs),
        ))?;
        Ok(moved == 0)
    }

    /// An index over the origins, unless they are the rowid.
    fn index(&self, table: &KeptTable, key: &Key) -> Result<(), EngineError> {
        let name = own(self.number, &table.plan, "rows").name;
        self.batch(&format!(
            "create index main.{} on {} ({})",
            quote_identifier(&format!("{name}_key")),
            quote_identifier(&name),
            list(key.parts.iter().map(|part| &part.kept)),
        ))
    }

    /// Marks the rows that the migration deleted, lists those that it inserted, and lets go of what has not changed where
    /// only changes are kept.
    fn settle(
        &self,
        table: &mut KeptTable,
        after: &TableName,
        key: &Key,
    ) -> Result<(), EngineError> {
        let rows = sql(&own(self.number, &table.plan, "rows"));
        let now: Vec<String> = key.parts.iter().map(|part| of("t", &part.after)).collect();
        self.batch(&format!(
            "update {rows} as p set gone$ = 1 where not exists (select 1 from {} t where {})",
            sql(after),
            equal(&now, &key.kept("p")),
        ))?;
        let inserted = own(self.number, &table.plan, "inserted");
        let columns = key.own("", "k");
        let values: Vec<String> = key
            .after("t")
            .iter()
            .zip(&columns)
            .map(|(value, k)| format!("{value} as {k}"))
            .collect();
        self.batch(&format!(
            "create table {into} ({k});
             insert into {into} select {values} from {after} t where not exists (select 1 from {rows} p where {same} and p.gone$ = 0)",
            into = sql(&inserted),
            k = list(&columns),
            values = list(&values),
            after = sql(after),
            same = equal(&key.kept("p"), &key.after("t")),
        ))?;
        if self.count(&format!("select count(*) from {}", sql(&inserted)))? == 0 {
            self.batch(&format!("drop table {}", sql(&inserted)))?;
        } else {
            self.batch(&format!(
                "create index main.{} on {} ({})",
                quote_identifier(&format!("{}_key", inserted.name)),
                quote_identifier(&inserted.name),
                list(&columns)
            ))?;
            table.inserted = Some(inserted);
        }
        if table.plan.keep == Keep::Changed {
            self.let_go(table, after, key)?;
        }
        Ok(())
    }

    fn let_go(
        &self,
        table: &mut KeptTable,
        after: &TableName,
        key: &Key,
    ) -> Result<(), EngineError> {
        let Some(rows) = table.rows.as_ref().map(sql) else {
            return Ok(());
        };
        if table
            .plan
            .columns
            .iter()
            .any(|column| column.after.is_none())
        {
            return Ok(());
        }
        let now: Vec<String> = key.parts.iter().map(|part| of("t", &part.after)).collect();
        let differs = (1..).zip(&table.plan.columns).filter_map(|(n, column)| {
            Some(differ(
                &format!("p.c${n}"),
                &of("t", column.after.as_ref()?),
            ))
        });
        self.batch(&format!(
            "delete from {rows} as p where gone$ = 0 and exists (select 1 from {} t where {} and not {})",
            sql(after),
            equal(&now, &key.kept("p")),
            super::names::any(differs),
        ))?;
        if self.count(&format!("select count(*) from {rows}"))? == 0 {
            self.batch(&format!("drop table {rows}"))?;
            table.rows = None;
        }
        Ok(())
    }
}

/// Stops writing down. Rows that are missing and that nobody saw go were replaced by others.
pub(super) fn close(connection: &Connection, kept: &KeptNet) -> Result<(), EngineError> {
    for table in &kept.tables {
        let Some(log) = &table.touched else {
            continue;
        };
        stop(connection, log)?;
        let key = Key::read(connection, kept.number, table)?;
        if let (Some(rows), Some(after)) = (&table.rows, &table.plan.after) {
            let now: Vec<String> = key.parts.iter().map(|part| of("t", &part.after)).collect();
            let (origin, kept) = (key.own("", "o"), key.kept("p"));
            let same = equal(&key.own("l", "o"), &kept);
            let sql = format!(
                "insert into {log} ({o}) select {values} from {rows} p where p.gone$ = 0
                 and not exists (select 1 from {after} t where {found})
                 and not exists (select 1 from {log} l where {same})",
                log = sql(log),
                o = list(&origin),
                values = list(&kept),
                rows = sql(rows),
                after = sql(after),
                found = equal(&now, &kept),
            );
            connection.execute_batch(&sql).map_err(from_sqlite)?;
        }
    }
    Ok(())
}

/// Drops the triggers that write a log.
pub(super) fn stop(connection: &Connection, log: &TableName) -> Result<(), EngineError> {
    for name in trigger_names(log) {
        let sql = format!("drop trigger if exists main.{}", quote_identifier(&name));
        connection.execute_batch(&sql).map_err(from_sqlite)?;
    }
    Ok(())
}
