//! Keeping rows as they were, before the forward script.

use rusqlite::Connection;
use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable};
use tightrope_model::{Catalog, Keep, NetPlan, TableName, TablePlan};

use super::about;
use super::key::equal;
use super::live::Live;
use super::names::{any, differ, list, of, own, sql};
use super::owed::Owed;
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Keeps the rows of all tables of the plan, but for those whose copies wait for the script. The write lock of the open
/// transaction keeps everybody else out.
pub(super) fn spread(
    connection: &Connection,
    number: i64,
    plan: &NetPlan,
    before: &Catalog,
) -> Result<(KeptNet, Vec<Owed>), EngineError> {
    about::make(connection, number).map_err(from_sqlite)?;
    let (mut tables, mut owed) = (Vec::new(), Vec::new());
    for table in &plan.tables {
        let live = Live::read(connection, &table.before)
            .map_err(from_sqlite)?
            .ok_or_else(|| not_as_planned(table))?;
        let rows = match table.keep {
            Keep::Nothing => None,
            Keep::Changed | Keep::Columns | Keep::Whole | Keep::Tombstone => {
                let owes = Owed::of(connection, number, table, &live, before);
                match owes.map_err(from_sqlite)? {
                    Some(waits) => owed.push(waits),
                    None => copy(connection, number, table, &live, Copied::Whole)?,
                }
                if table.key_changes && table.after.is_some() && !table.key.is_empty() {
                    follow_keys(connection, number, table)?;
                }
                Some(own(number, table, "rows"))
            }
        };
        about::keep(connection, number, table, "root", &live.root.to_string())
            .map_err(from_sqlite)?;
        if let Some(alias) = live.alias.as_ref().filter(|_| rows.is_some()) {
            about::keep(connection, number, table, ALIAS, alias).map_err(from_sqlite)?;
        }
        keep_counter(connection, number, table, &table.before).map_err(from_sqlite)?;
        tables.push(KeptTable {
            plan: table.clone(),
            rows,
            inserted: None,
            touched: None,
            set_aside: None,
            left: Vec::new(),
            stand_in: None,
            bounds: None,
            rekeyed: None,
        });
    }
    let kept = KeptNet {
        number,
        tables,
        // The counter of a table is kept with it.
        sequences: Vec::new(),
    };
    Ok((kept, owed))
}

/// Under what the column is noted that is another name of the rowid.
pub(super) const ALIAS: &str = "alias";

/// The table is not there, or has not the columns of the plan.
pub(super) fn not_as_planned(table: &TablePlan) -> EngineError {
    EngineError::new(
        ErrorKind::Other,
        format!("table {} is not as it was planned", table.before),
    )
    .hint("rehearse the migration again")
}

/// What of its rows a copy holds.
#[derive(Clone, Copy)]
pub(super) enum Copied<'a> {
    Whole,
    /// These columns, and the rowid. Whether the others were kept later is told in `full$`.
    Only(&'a [String]),
}

/// Copies the rows. The columns of the copy have no type, so that every value keeps its storage class; `r$` is the rowid, and
/// the names of its columns are nobody else's.
pub(super) fn copy(
    connection: &Connection,
    number: i64,
    table: &TablePlan,
    live: &Live,
    copied: Copied<'_>,
) -> Result<(), EngineError> {
    let names = live.kept_columns(table);
    if names.iter().any(|name| !live.columns.contains(name)) {
        return Err(not_as_planned(table));
    }
    let mut definitions: Vec<String> = (1..=names.len()).map(|n| format!("c${n}")).collect();
    let is_copied = |name: &String| match copied {
        Copied::Whole => true,
        Copied::Only(columns) => columns.contains(name),
    };
    let (mut columns, mut values): (Vec<String>, Vec<String>) = (definitions.iter().zip(&names))
        .filter(|(_, name)| is_copied(name))
        .map(|(column, name)| (column.clone(), quote_identifier(name)))
        .unzip();
    if let Some(rowid) = live.rowid.map(str::to_owned).or_else(|| live.alias.clone()) {
        columns.insert(0, "r$".to_owned());
        values.insert(0, quote_identifier(&rowid));
        definitions.insert(0, "r$ integer primary key".to_owned());
    }
    definitions.push("gone$ integer not null default 0".to_owned());
    if let Copied::Only(_) = copied {
        definitions.push("full$ integer default 0".to_owned());
    }
    let rows = sql(&own(number, table, "rows"));
    connection
        .execute_batch(&format!(
            "create table {rows} ({});
             insert into {rows} ({}) select {} from {}",
            list(&definitions),
            list(&columns),
            list(&values),
            sql(&table.before),
        ))
        .map_err(from_sqlite)
}

/// The trigger that follows rows whose keys the script changes.
pub(super) fn moves_name(number: i64, table: &TablePlan) -> String {
    own(number, table, "moves").name
}

/// Lets a trigger keep the key that each row has now, in `k$1`, `k$2`, …, beside the key that it had before.
fn follow_keys(connection: &Connection, number: i64, table: &TablePlan) -> Result<(), EngineError> {
    let rows = own(number, table, "rows");
    let place = |name: &str| {
        table
            .columns
            .iter()
            .position(|column| column.before == name)
    };
    let mut batch = String::new();
    let (mut own, mut copies, mut old, mut new) = (vec![], vec![], vec![], vec![]);
    for (n, column) in (1..).zip(&table.key) {
        let at = place(&column.before).ok_or_else(|| not_as_planned(table))?;
        batch.push_str(&format!("alter table {} add column k${n};", sql(&rows)));
        own.push(format!("k${n}"));
        copies.push(format!("k${n} = c${}", at + 1));
        old.push(format!("+{}", of("old", &column.before)));
        new.push(format!("+{}", of("new", &column.before)));
    }
    let moved = any(old.iter().zip(&new).map(|(old, new)| differ(old, new)));
    let quoted = quote_identifier(&rows.name);
    let nothing = list(own.iter().map(|k| format!("{k} = null")));
    let sets = list(own.iter().zip(&new).map(|(k, new)| format!("{k} = {new}")));
    batch.push_str(&format!(
        "update {quoted} set {copies};
         create index main.{index} on {quoted} ({own_list});
         create trigger main.{trigger} after update on {table} for each row when {moved} begin
         update {quoted} set {nothing} where {taken};
         update {quoted} set {sets} where {found}; end;",
        copies = list(&copies),
        index = quote_identifier(&format!("{}_now", rows.name)),
        own_list = list(&own),
        trigger = quote_identifier(&moves_name(number, table)),
        table = quote_identifier(&table.before.name),
        taken = equal(&own, &new),
        found = equal(&own, &old),
    ));
    connection.execute_batch(&batch).map_err(from_sqlite)
}

/// Under what the counter of a table is noted.
pub(super) const COUNTER: &str = "counter";

/// The counter of a table whose keys are never given twice goes with the table when it is dropped or made anew, and the script may
/// set it. `name` is the table's now.
pub(super) fn keep_counter(
    connection: &Connection,
    number: i64,
    table: &TablePlan,
    name: &TableName,
) -> rusqlite::Result<()> {
    let counts: bool = connection.query_row(
        "select exists (select 1 from main.sqlite_schema where name = 'sqlite_sequence')",
        [],
        |row| row.get(0),
    )?;
    if !counts {
        return Ok(());
    }
    let counter: Option<i64> = connection.query_row(
        "select max(seq) from main.sqlite_sequence where lower(name) = lower(?1)",
        [&name.name],
        |row| row.get(0),
    )?;
    let kept = about::read(connection, number, table, COUNTER)?;
    let kept = kept.and_then(|kept| kept.parse::<i64>().ok());
    match counter {
        Some(counter) if kept.is_none_or(|kept| kept < counter) => {
            about::keep(connection, number, table, COUNTER, &counter.to_string())
        }
        _ => Ok(()),
    }
}
