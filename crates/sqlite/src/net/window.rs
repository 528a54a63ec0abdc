//! Opening the window after the forward script, and closing it before a rollback.

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet, KeptTable};
use tightrope_model::{Catalog, Keep, TableName};

use super::key::{Key, Part, equal};
use super::live::Live;
use super::names::{list, of, own, sql};
use super::spread::{keep_counter, moves_name, not_as_planned};
use super::touch::{FirstTouch, TouchLog, hold_name, trigger_names};
use super::{about, others, owed, virtual_rows};
use crate::counting::RowCounter;
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Finds out what became of each kept row, and begins to write down what is touched.
pub(super) fn open(
    connection: &Connection,
    counter: Option<&RowCounter>,
    kept: &mut KeptNet,
    (before, after): (&Catalog, &Catalog),
) -> Result<(), EngineError> {
    let number = kept.number;
    for table in &mut kept.tables {
        let opening = Opening {
            connection,
            counter,
            number,
            before,
            after,
        };
        opening.table(table)?;
    }
    Ok(())
}

/// Under what the statements of the triggers are noted, in their order.
pub(super) const TRIGGERS: [&str; 3] = ["on insert", "on update", "on delete"];

/// Under what the index is noted that keeps rowids in place.
pub(super) const HOLD: &str = "hold";

/// One window that is being opened.
pub(super) struct Opening<'a> {
    pub(super) connection: &'a Connection,
    /// What is known of the script's statements, if they were watched.
    pub(super) counter: Option<&'a RowCounter>,
    pub(super) number: i64,
    pub(super) before: &'a Catalog,
    pub(super) after: &'a Catalog,
}

impl Opening<'_> {
    pub(super) fn batch(&self, sql: &str) -> Result<(), EngineError> {
        self.connection.execute_batch(sql).map_err(from_sqlite)
    }

    pub(super) fn count(&self, sql: &str) -> Result<i64, EngineError> {
        let count = self.connection.query_row(sql, [], |row| row.get(0));
        count.map_err(from_sqlite)
    }

    fn table(&self, table: &mut KeptTable) -> Result<(), EngineError> {
        let moves = quote_identifier(&moves_name(self.number, &table.plan));
        self.batch(&format!("drop trigger if exists main.{moves}"))?;
        let named = table.plan.after.as_ref().unwrap_or(&table.plan.before);
        let live = Live::read(self.connection, named).map_err(from_sqlite)?;
        let Some(after) = table.plan.after.clone() else {
            let survives = live.is_some_and(|live| !live.is_ordinary());
            return self.dropped(table, survives);
        };
        let live = live.ok_or_else(|| not_as_planned(&table.plan))?;
        if !live.is_ordinary() {
            if matches!(table.plan.keep, Keep::Whole | Keep::Changed)
                && virtual_rows::keep(self.connection, self.number, table, &after, &live)?
            {
                return Ok(());
            }
            return self.unwatched(table);
        }
        let mut key = self.identity(table, &live);
        if table.rows.is_some() {
            self.trace(table, &after, &live, &mut key)?;
        }
        if !key.is_known() {
            return Ok(());
        }
        if table.rows.is_some() {
            self.settle(table, &after, &key)?;
        }
        let rowid = live
            .place()
            .into_iter()
            .next()
            .filter(|_| !live.is_without_rowid());
        let lazy = self.keep_at_first_touch(table, &mut key, rowid.is_some())?;
        key.keep(self.connection, self.number, table)?;
        let log = own(self.number, &table.plan, "touched");
        let touch = TouchLog {
            log: &log,
            plan: &table.plan,
            key: &key,
            first: match &table.rows {
                Some(rows) if lazy => Some(FirstTouch::Joins {
                    rows,
                    inserted: table.inserted.as_ref(),
                    rowid,
                }),
                Some(rows) if !table.left.is_empty() => Some(FirstTouch::Completes {
                    rows,
                    left: &table.left,
                }),
                _ => None,
            },
        };
        self.batch(&touch.table())?;
        for (item, trigger) in TRIGGERS.into_iter().zip(touch.triggers(&after)) {
            self.batch(&trigger)?;
            about::keep(self.connection, self.number, &table.plan, item, &trigger)
                .map_err(from_sqlite)?;
        }
        let by_rowid =
            |part: &Part| live.alias.is_none() && Some(part.after.as_str()) == live.rowid;
        if key.parts.iter().all(by_rowid) {
            let hold = touch.hold(&after);
            self.batch(&hold)?;
            about::keep(self.connection, self.number, &table.plan, HOLD, &hold)
                .map_err(from_sqlite)?;
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

    /// A virtual table of which nothing has to be kept.
    fn unwatched(&self, table: &mut KeptTable) -> Result<(), EngineError> {
        if let Some(rows) = table.rows.take() {
            self.batch(&format!("drop table {}", sql(&rows)))?;
        }
        Ok(())
    }
}

/// Stops writing down. Rows that are missing and that nobody saw go were replaced by others.
pub(super) fn close(connection: &Connection, kept: &KeptNet) -> Result<(), EngineError> {
    others::note(connection, kept)?;
    for table in &kept.tables {
        if let Some(after) = &table.plan.after {
            keep_counter(connection, kept.number, &table.plan, after).map_err(from_sqlite)?;
        }
        let Some(log) = &table.touched else {
            continue;
        };
        stop(connection, log)?;
        owed::complete_untouched(connection, kept, table)?;
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
    super::references::release_referenced(connection, kept)
}

/// Drops the triggers that write a log.
pub(super) fn stop(connection: &Connection, log: &TableName) -> Result<(), EngineError> {
    for name in trigger_names(log) {
        let sql = format!("drop trigger if exists main.{}", quote_identifier(&name));
        connection.execute_batch(&sql).map_err(from_sqlite)?;
    }
    let sql = format!(
        "drop index if exists main.{}",
        quote_identifier(&hold_name(log))
    );
    connection.execute_batch(&sql).map_err(from_sqlite)
}
