//! Where a derived rollback finds the values of what comes back.

use std::collections::BTreeMap;

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet, KeptTable, Window};
use tightrope_inverse::{MoreRows, Sources, TableSource};

use super::key::Key;
use super::live::{Live, keeps_rowids};
use super::names::{of, sql};
use super::terms::{COMES_BACK, Shape, Terms};
use crate::error::from_sqlite;

/// The name under which a rowid is given; see the inverse.
const ROWID: &str = "rowid";

/// The sources of all tables of the net.
pub(super) fn of_net(
    connection: &Connection,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<Sources, EngineError> {
    let mut sources = Sources::default();
    for table in &kept.tables {
        let key = Key::read(connection, kept.number, table)?;
        let source = match (&table.plan.after, Terms::of(table, &key, Shape::After)) {
            (None, _) => dropped(connection, table)?,
            (Some(_), Some(terms)) if key.is_known() => changed(connection, table, &terms, window)?,
            _ => continue,
        };
        sources.tables.insert(table.plan.before.clone(), source);
    }
    Ok(sources)
}

/// A table that is gone: all of its rows come from the net.
fn dropped(connection: &Connection, table: &KeptTable) -> Result<TableSource, EngineError> {
    let more = match &table.rows {
        Some(rows) => {
            let filter = Some(COMES_BACK.to_owned());
            vec![kept_rows(connection, table, &sql(rows), filter)?]
        }
        None => Vec::new(),
    };
    Ok(TableSource {
        more,
        ..TableSource::default()
    })
}

fn changed(
    connection: &Connection,
    table: &KeptTable,
    terms: &Terms<'_>,
    window: &Window<'_>,
) -> Result<TableSource, EngineError> {
    let plan = &table.plan;
    let mut source = TableSource {
        joins: terms.joins(),
        ..TableSource::default()
    };
    source.filter = terms
        .only_the_migrations()
        .map(|own| format!("not ({own})"));
    // Without rows of before a column that stays keeps its value anyway.
    let finals = plan.columns.iter().zip(terms.finals(window));
    let given = finals.filter(|(column, _)| terms.has_rows() || column.after.is_none());
    source.columns.extend(given.map(|(_, given)| given));
    if let Some(rows) = table.rows.as_ref().filter(|_| terms.has_rows()) {
        if keeps_rowids(connection, &sql(rows)).map_err(from_sqlite)? {
            source.columns.extend(rowid(connection, table, &sql(rows))?);
        }
        let filter = Some(COMES_BACK.to_owned());
        source
            .more
            .push(kept_rows(connection, table, &sql(rows), filter)?);
    }
    Ok(source)
}

/// The rowid that a row had; a row that was not there keeps its own, unless one of before had it.
fn rowid(
    connection: &Connection,
    table: &KeptTable,
    rows: &str,
) -> Result<Option<(String, String)>, EngineError> {
    let Some(after) = &table.plan.after else {
        return Ok(None);
    };
    let live = Live::read(connection, after).map_err(from_sqlite)?;
    let own = live.and_then(|live| live.rowid.map(str::to_owned).or(live.alias));
    let value = match own {
        Some(own) => {
            let (own, others) = (of("t", &own), of("n", &own));
            // Beyond all rowids that are and were.
            let last = format!(
                "max((select max(q.r$) from {rows} q), (select max({others}) from {{now}} n))"
            );
            format!(
                "case when p.rowid is not null then p.r$ when exists (select 1 from {rows} q where q.r$ = {own}) \
                 then {own} + {last} - (select min(q.r$) from {rows} q) + 1 else {own} end"
            )
        }
        None => "p.r$".to_owned(),
    };
    Ok(Some((ROWID.to_owned(), value)))
}

/// Rows of the net as they were.
fn kept_rows(
    connection: &Connection,
    table: &KeptTable,
    rows: &str,
    filter: Option<String>,
) -> Result<MoreRows, EngineError> {
    let columns = (1..).zip(&table.plan.columns);
    let mut columns: BTreeMap<String, String> = columns
        .map(|(n, column)| (column.before.clone(), format!("p.c${n}")))
        .collect();
    if keeps_rowids(connection, rows).map_err(from_sqlite)? {
        columns.insert(ROWID.to_owned(), "p.r$".to_owned());
    }
    Ok(MoreRows {
        from: format!("{rows} p"),
        filter,
        columns,
    })
}
