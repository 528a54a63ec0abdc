//! Copies that wait for the script: only when a statement is compiled is it known what it can do to a table.
//!
//! Where all that the statements can do is to give some columns other values, the copy holds those and the rowid. The other
//! columns are *left*: their values are in the table, and nobody but the application can change them. So they are kept of a
//! row when the application first changes it (`touch`), and of all rows before anything else may happen to the table.

use std::collections::BTreeSet;

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet, KeptTable};
use tightrope_model::{Catalog, Keep, TablePlan};

use super::key::Key;
use super::live::Live;
use super::names::{list, of, own, sql};
use super::spread::{Copied, copy};
use crate::counting::{Foreseen, RowCounter};
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// A table whose rows are not copied yet, or not whole.
pub(crate) struct Owed {
    number: i64,
    plan: TablePlan,
    live: Live,
    /// The columns of before that are copied, once some are.
    copied: Option<Vec<String>>,
}

impl Owed {
    /// The table, if its copy may wait: its shape stays, its rows are told apart by their rowid, and each is written once, as
    /// far as the plan tells (to copy more later costs more than to copy all at once).
    pub(super) fn of(
        connection: &Connection,
        number: i64,
        plan: &TablePlan,
        live: &Live,
        before: &Catalog,
    ) -> rusqlite::Result<Option<Self>> {
        let stays = plan.after.as_ref() == Some(&plan.before)
            && plan.added.is_empty()
            && plan
                .columns
                .iter()
                .all(|column| !column.is_lost() && column.after.as_ref() == Some(&column.before));
        let by_rowid = match (plan.key.as_slice(), &live.alias) {
            ([key], Some(alias)) => key.before == *alias,
            ([], None) => {
                let shape = before.table(&plan.before);
                live.rowid.is_some() && shape.is_some_and(|shape| shape.key.is_empty())
            }
            _ => false,
        };
        let waits = plan.keep == Keep::Whole && !plan.key_changes && live.is_ordinary();
        if !waits || !stays || !by_rowid || plan.rows.inserted + plan.rows.deleted > 0 {
            return Ok(None);
        }
        let count = format!("select count(*) from {}", sql(&plan.before));
        let rows: i64 = connection.query_row(&count, [], |row| row.get(0))?;
        let once = plan.rows.updated <= u64::try_from(rows).unwrap_or_default();
        Ok(once.then(|| Self {
            number,
            plan: plan.clone(),
            live: live.clone(),
            copied: None,
        }))
    }

    /// Copies what is needed before anything happens that is foreseen. Whether the copy is whole.
    fn pay(&mut self, connection: &Connection, foreseen: &Foreseen) -> Result<bool, EngineError> {
        let sets = match foreseen {
            Foreseen::Nothing => return Ok(false),
            Foreseen::Sets(sets) => self.only(connection, sets).map_err(from_sqlite)?,
            Foreseen::More => None,
        };
        match (sets, &self.copied) {
            (Some(sets), None) => {
                self.copy(connection, Copied::Only(&sets))?;
                self.copied = Some(sets);
                Ok(false)
            }
            (Some(sets), Some(copied)) if sets.iter().all(|set| copied.contains(set)) => Ok(false),
            (_, None) => self.copy(connection, Copied::Whole).map(|()| true),
            (_, Some(_)) => {
                let rows = sql(&own(self.number, &self.plan, "rows"));
                complete(connection, &self.plan, &self.left(), &rows, "true")?;
                Ok(true)
            }
        }
    }

    fn copy(&self, connection: &Connection, copied: Copied<'_>) -> Result<(), EngineError> {
        copy(connection, self.number, &self.plan, &self.live, copied)
    }

    /// The columns that are set, if a row can lose nothing but their values: no row gets another rowid, and none can be in
    /// the way of another one and be replaced.
    fn only(
        &self,
        connection: &Connection,
        sets: &BTreeSet<String>,
    ) -> rusqlite::Result<Option<Vec<String>>> {
        let columns = self.plan.columns.iter().map(|column| &column.before);
        let is_set = |name: &str| sets.contains(&name.to_lowercase());
        let known: Vec<String> = columns.filter(|name| is_set(name)).cloned().collect();
        let moves = self.live.alias.as_ref().is_some_and(|alias| is_set(alias));
        if moves || known.len() != sets.len() || known.len() == self.plan.columns.len() {
            return Ok(None);
        }
        let mut statement = connection.prepare(
            "select l.partial or i.name is null, i.name from pragma_index_list(?1, 'main') l
             join pragma_index_xinfo(l.name, 'main') i where l.\"unique\" and i.key",
        )?;
        let mut parts = statement.query([&self.plan.before.name])?;
        while let Some(part) = parts.next()? {
            let (computed, name): (bool, Option<String>) = (part.get(0)?, part.get(1)?);
            let name = name.unwrap_or_default();
            let stored = self.live.stored.contains(&name);
            if computed || !stored || is_set(&name) {
                return Ok(None);
            }
        }
        Ok(Some(known))
    }

    /// The columns that are not copied.
    fn left(&self) -> Vec<String> {
        let names = self.plan.columns.iter().map(|column| &column.before);
        let copied = self.copied.iter().flatten().collect::<BTreeSet<_>>();
        names
            .filter(|name| !copied.contains(name))
            .cloned()
            .collect()
    }
}

/// Copies what a statement, of which the library has told what it could do, might change.
pub(crate) fn pay(
    connection: &Connection,
    counter: &RowCounter,
    owed: &mut Vec<Owed>,
) -> Result<(), EngineError> {
    let mut waiting = Vec::new();
    for mut table in owed.drain(..) {
        let foreseen = counter.foreseen(&table.plan.before.name);
        if !table.pay(connection, &foreseen)? {
            waiting.push(table);
        }
    }
    *owed = waiting;
    Ok(())
}

/// Copies the rest whole.
pub(crate) fn pay_all(connection: &Connection, owed: &mut Vec<Owed>) -> Result<(), EngineError> {
    for mut table in owed.drain(..) {
        table.pay(connection, &Foreseen::More)?;
    }
    Ok(())
}

/// After the script: notes which columns were left. A table that no statement could change is copied whole.
pub(super) fn settle(
    connection: &Connection,
    owed: Vec<Owed>,
    kept: &mut KeptNet,
) -> Result<(), EngineError> {
    for mut table in owed {
        if table.copied.is_none() {
            table.pay(connection, &Foreseen::More)?;
            continue;
        }
        let number = table.plan.number;
        if let Some(kept) = kept.tables.iter_mut().find(|one| one.plan.number == number) {
            kept.left = table.left();
        }
    }
    Ok(())
}

/// Keeps the columns that were left of all rows that the application has not touched: what comes next may change them.
pub(super) fn complete_untouched(
    connection: &Connection,
    kept: &KeptNet,
    table: &KeptTable,
) -> Result<(), EngineError> {
    let (Some(rows), Some(log)) = (&table.rows, &table.touched) else {
        return Ok(());
    };
    if table.left.is_empty() {
        return Ok(());
    }
    let key = Key::read(connection, kept.number, table)?;
    let same = super::key::equal(&key.own("l", "o"), &key.kept("p"));
    let untouched = format!("not exists (select 1 from {} l where {same})", sql(log));
    complete(connection, &table.plan, &table.left, &sql(rows), &untouched)
}

/// Takes the columns that were left from the table as it is, for these rows `p`.
fn complete(
    connection: &Connection,
    plan: &TablePlan,
    left: &[String],
    rows: &str,
    which: &str,
) -> Result<(), EngineError> {
    let Some(live) = Live::read(connection, &plan.before).map_err(from_sqlite)? else {
        return Ok(());
    };
    let place = live.place();
    let (columns, values): (Vec<String>, Vec<String>) = (1..)
        .zip(&plan.columns)
        .filter(|(_, column)| left.contains(&column.before))
        .map(|(n, column)| (format!("c${n}"), of("t", &column.before)))
        .unzip();
    let found = place.first().map(|rowid| of("t", rowid));
    let batch = format!(
        "update {rows} as p set ({}, full$) = (select {}, 1 from {} t where {} = p.r$) where p.full$ is not 1 and {which}",
        list(&columns),
        list(&values),
        sql(&plan.before),
        found.unwrap_or_else(|| quote_identifier("rowid")),
    );
    connection.execute_batch(&batch).map_err(from_sqlite)
}
