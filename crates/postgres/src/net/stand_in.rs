//! Kept rows that can take the place of their table.
//!
//! Where a migration changes no row of a table and only destroys columns, the copy may hold the rows whole, in the table's own
//! shape. A rollback then moves the copy to where the table was, brings it up to date with the touch log, and builds the
//! indexes: no row of before is read and written again, which is most of what building a table anew takes.
//!
//! What the log does not know of would be lost that way. So before the copy stands in, the table is counted: as many rows as
//! the copy and the log say, and none that a transaction of the window has written without an entry. Otherwise the
//! table is built anew from itself, as ever.

use tightrope_engine::{EngineError, KeptTable, Window};
use tightrope_inverse::{StandIn, can_stand_in};
use tightrope_model::{Catalog, Keep, TableName, TablePlan, Value};

use super::columns::Columns;
use super::terms::Terms;
use super::{by_key, names, sources};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// A table of at most so many bytes is copied whole, however wide its rows are.
const SMALL: i64 = 1 << 20;

/// The width of rows in bytes up to which copying them whole takes hardly longer than their key and one value.
const NARROW: i64 = 256;

/// Where more than one row in so many was written, the table is built anew: joining the log would not pay.
const ONE_WRITTEN_IN: u64 = 2;

/// Whether to copy the rows of a table whole, in its own shape, where the plan asks for its lost columns.
pub(super) fn is_worth_it(
    session: &mut PostgresSession,
    plan: &TablePlan,
    columns: &Columns,
    before: &Catalog,
) -> Result<bool, EngineError> {
    let as_they_are = plan.columns.iter().all(|planned| {
        let column = columns.get(&planned.before);
        !planned.hidden && column.is_some_and(super::columns::Column::is_copied_as_it_is)
    });
    if plan.keep != Keep::Columns
        || plan.key.is_empty()
        || !as_they_are
        || !can_stand_in(before, &plan.before)
    {
        return Ok(false);
    }
    let found = session.query_own(
        &format!(
            "select pg_catalog.pg_table_size(c.oid), greatest(c.reltuples, 0)::bigint, \
             (select count(*) from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), \
             (current_setting('default_table_access_method') = 'heap' and current_setting('default_tablespace') = '')::int \
             from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass({})",
            literal(&names::sql(&plan.before))
        ),
        &[],
    )?;
    let number = |at: usize| found.first().and_then(|row| row.get(at)?.integer());
    let (Some(bytes), Some(rows), Some(count), Some(1)) =
        (number(0), number(1), number(2), number(3))
    else {
        return Ok(false);
    };
    // A column that is hidden for an older migration is in no plan, and must not get lost.
    let all = usize::try_from(count) == Ok(plan.columns.len());
    let rows = match rows {
        0 => i64::try_from(plan.rows_before).unwrap_or(i64::MAX),
        rows => rows,
    };
    Ok(all && (bytes <= SMALL || bytes / NARROW <= rows))
}

/// The first number that a transaction which begins from now on can have.
pub(super) fn first_of_window(session: &mut PostgresSession) -> Result<u64, EngineError> {
    let rows = session.query_own(
        "select pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot())",
        &[],
    )?;
    let first = rows.first().and_then(|row| row.first()?.integer());
    Ok(first
        .and_then(|first| u64::try_from(first).ok())
        .unwrap_or_default())
}

/// How the kept rows take the place of the table, if they can: its window is closed, and `terms` are those of its shape since
/// the migration.
pub(super) fn of(
    session: &mut PostgresSession,
    kept: &KeptTable,
    terms: &Terms<'_>,
    window: &Window<'_>,
) -> Result<Option<StandIn>, EngineError> {
    let (Some(since), Some(rows)) = (kept.stand_in, &kept.rows) else {
        return Ok(None);
    };
    if since == 0 || !nothing_else_was_written(session, rows, terms, since)? {
        return Ok(None);
    }
    let mut changes = Vec::new();
    if let Some((log, _)) = &terms.facts.log {
        let written = terms.read_from("{now}")?;
        let Some(from) = &written.joins.written else {
            return Ok(None);
        };
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (at, column) in kept.plan.columns.iter().enumerate() {
            names.push(quote(&column.before));
            // The migration has left the others alone: they are what the application, or a foreign key, has made of them.
            values.push(match written.keeps(at) {
                true => sources::value(session, &written, at, window)?,
                false => sources::as_it_is(session, &written, column, window)?,
            });
        }
        changes.push(format!(
            "with gone as (\n    delete from {rows} p using {log} l where {began}\n)\n\
             insert into {rows} ({})\nselect {}\nfrom {from}",
            names.join(", "),
            values.join(", "),
            rows = self::names::sql(rows),
            began = by_key::began_as(&written.facts, "l")?,
        ));
    }
    Ok(Some(StandIn {
        table: rows.clone(),
        changes,
    }))
}

/// Whether all that was written in the window is in the log, as far as counting and the numbers of transactions tell, and it
/// is not so much that the table had better be built anew.
fn nothing_else_was_written(
    session: &mut PostgresSession,
    rows: &TableName,
    terms: &Terms<'_>,
    since: u64,
) -> Result<bool, EngineError> {
    let since = since % (1 << 32);
    let newer = format!("pg_catalog.age(t.xmin) <= pg_catalog.age('{since}'::xid)");
    let counts =
        |from: &str| format!("select count(*), count(*) filter (where {newer}) from {from}");
    let there = pair(session, &counts(&format!("only {} t", terms.facts.table)))?;
    let rows = names::sql(rows);
    let Some((log, _)) = &terms.facts.log else {
        let copied = pair(session, &format!("select count(*), 0::bigint from {rows}"))?;
        return Ok(there == copied);
    };
    let Some(written) = &terms.joins.written else {
        return Ok(false);
    };
    let written = pair(session, &counts(written))?;
    let began = by_key::began_as(&terms.facts, "l")?;
    let (copied, gone) = pair(
        session,
        &format!(
            "select (select count(*) from {rows}), count(*) from {rows} p where exists (select from {log} l where {began})"
        ),
    )?;
    let (entries, truncations) = pair(
        session,
        &format!("select count(*), count(*) filter (where k1 is null and o1 is null) from {log}"),
    )?;
    Ok(truncations == 0
        && entries <= copied / ONE_WRITTEN_IN
        && there == (copied - gone + written.0, written.1))
}

/// Whether a rollback has put the kept rows in the place of their table: what there is to know of them was known before.
pub(super) fn took_its_place(
    session: &mut PostgresSession,
    kept: &KeptTable,
) -> Result<bool, EngineError> {
    let (Some(_), Some(rows)) = (kept.stand_in, &kept.rows) else {
        return Ok(false);
    };
    Ok(!Columns::of(session, rows)?.of_table)
}

/// One row of two counts.
fn pair(session: &mut PostgresSession, sql: &str) -> Result<(u64, u64), EngineError> {
    let rows = session.query_own(sql, &[])?;
    let count = |at: usize| {
        let count = rows
            .first()
            .and_then(|row| row.get(at))
            .and_then(Value::integer);
        count
            .and_then(|count| u64::try_from(count).ok())
            .unwrap_or_default()
    };
    Ok((count(0), count(1)))
}
