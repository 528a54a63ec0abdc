//! Whether a migration left rows their keys, told without a join where it can be.

use tightrope_engine::{EngineError, ErrorKind, KeptTable};
use tightrope_model::{Keep, KeyColumn, TableName, TablePlan};

use super::columns::{Columns, same};
use super::hashes::{self, Hashed, Kind};
use super::merge::counted;
use super::names;
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// Whether rows have the keys that they had before, where a change of the schema may have given them others. Where they have not,
/// a table of which whole rows are kept is one without a key.
///
/// # Errors
/// When they have others, and the net was planned for those of before.
pub(super) fn agree(
    session: &mut PostgresSession,
    table: &KeptTable,
    after: &TableName,
) -> Result<bool, EngineError> {
    let plan = &table.plan;
    let unwritten = plan.rows.is_empty() && !plan.truncated;
    let is_retyped = |key: &KeyColumn| {
        let mut columns = plan.columns.iter();
        columns.any(|column| column.before == key.before && column.type_after.is_some())
    };
    let may_differ = match unwritten {
        true => plan.keep == Keep::Whole || plan.key.iter().any(is_retyped),
        false => plan.keep == Keep::Whole && plan.key_in_doubt,
    };
    let Some(rows) = table.rows.as_ref().filter(|_| may_differ) else {
        return Ok(true);
    };
    let (kept, columns) = (Columns::of(session, rows)?, Columns::of(session, after)?);
    let (was, now) = ((rows, &kept), (after, &columns));
    let agree = match are_those_of(session, plan, was, now)? {
        Some(false) if !all_stayed(session, plan, rows, after)? => {
            // Rows have come, or gone, or both: of one side none is without its row on the other, or nobody can tell.
            let mut told = none_without(session, plan, Side::Before, was, now)?;
            if told == Some(false) {
                told = none_without(session, plan, Side::Now, was, now)?;
            }
            if told == Some(false) {
                told = Some(only_came_or_went(session, plan, after)?);
            }
            told
        }
        told => told,
    };
    match (agree, plan.keep) {
        (None | Some(true), _) => Ok(true),
        (Some(false), Keep::Whole) => Ok(false),
        (Some(false), _) => Err(EngineError::new(
            ErrorKind::Unsupported,
            format!(
                "the change of a column's type gives rows of {} other keys, which the net was not planned for",
                plan.before
            ),
        )
        .hint("rehearse the migration again, on a copy of the data as it is now")),
    }
}

/// Whether no row can have got another key: none was updated, and nothing about the columns of the key was changed, so whatever has
/// another key was inserted by itself.
fn only_came_or_went(
    session: &mut PostgresSession,
    plan: &TablePlan,
    after: &TableName,
) -> Result<bool, EngineError> {
    let key = plan.key.iter().map(|part| literal(&part.after));
    let sure = session.query_own(
        &format!(
            "select (pg_catalog.pg_stat_get_xact_tuples_updated(t.id) = 0 and not exists (select from pg_catalog.pg_attribute a \
               where a.attrelid = t.id and a.attname in ({}) and pg_catalog.age(a.xmin) <= 0))::int::bigint \
             from (select {}::regclass::oid as id) t",
            key.collect::<Vec<_>>().join(", "),
            literal(&names::sql(after))
        ),
        &[],
    )?;
    Ok(sure.first().and_then(|row| row.first()?.integer()) == Some(1))
}

/// Whether no row has come, gone or been written by itself since the pre-images, as far as the counts tell, so that the first row is
/// still the first: the schema was changed, or all of them were copied into a table that this transaction has made. (A truncated table
/// counts what was inserted since, and nothing else; nobody ever writes the description of a table's system columns anew.)
pub(super) fn all_stayed(
    session: &mut PostgresSession,
    plan: &TablePlan,
    rows: &TableName,
    after: &TableName,
) -> Result<bool, EngineError> {
    if plan.truncated {
        return Ok(false);
    }
    let (rows, after) = (names::sql(rows), names::sql(after));
    // The counts that cost nothing are asked first: rows are counted only where none was written.
    let stayed = session.query_own(
        &format!(
            "select case when c.written > 0 then 0 else (select (was.n = now.n and (c.inserted = 0 or c.made and c.inserted = now.n))::int::bigint \
               from (select count(*) as n from {rows}) was, (select count(*) as n from only {after}) now) end \
             from (select pg_catalog.pg_stat_get_xact_tuples_inserted(t.id) as inserted, \
               pg_catalog.pg_stat_get_xact_tuples_updated(t.id) + pg_catalog.pg_stat_get_xact_tuples_deleted(t.id) as written, \
               exists (select from pg_catalog.pg_attribute a where a.attrelid = t.id and a.attnum = -1 and pg_catalog.age(a.xmin) <= 0) as made \
               from (select {}::regclass::oid as id) t) c",
            literal(&after)
        ),
        &[],
    )?;
    let stayed = stayed.first().and_then(|row| row.first()?.integer());
    Ok(stayed == Some(1))
}

/// Whether this transaction has inserted rows into a table.
pub(super) fn any_inserted(
    session: &mut PostgresSession,
    table: &TableName,
) -> Result<bool, EngineError> {
    let inserted = format!(
        "select pg_catalog.pg_stat_get_xact_tuples_inserted({}::regclass)",
        literal(&names::sql(table))
    );
    counted(session, &inserted).map(|inserted| inserted > 0)
}

/// Which rows each have to have their counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    Now,
}

/// The condition that a row `t` has the key of a pre-image `p`; none where a column of the key is not in both.
pub(super) fn same_key(plan: &TablePlan, kept: &Columns, columns: &Columns) -> Option<String> {
    let pairs = plan.key.iter().map(|key| {
        let (is, was) = (columns.get(&key.after)?, kept.get(&key.before)?);
        let (now, then) = (
            format!("t.{}", quote(&is.name)),
            format!("p.{}", quote(&was.name)),
        );
        Some(same((&now, is), (&then, was)))
    });
    Some(pairs.collect::<Option<Vec<_>>>()?.join(" and "))
}

/// Whether every row of one side has the key of a row of the other; none where a column of the key is not in both.
fn none_without(
    session: &mut PostgresSession,
    plan: &TablePlan,
    side: Side,
    (rows, kept): (&TableName, &Columns),
    (after, columns): (&TableName, &Columns),
) -> Result<Option<bool>, EngineError> {
    let Some(same_key) = same_key(plan, kept, columns) else {
        return Ok(None);
    };
    let of_now = format!("only {} t", names::sql(after));
    let of_before = format!("{} p", names::sql(rows));
    let (every, other) = match side {
        Side::Before => (of_before, of_now),
        Side::Now => (of_now, of_before),
    };
    let found = session.query_own(
        &format!(
            "select (not exists (select from {every} where not exists (select from {other} where {same_key})))::int::bigint"
        ),
        &[],
    )?;
    let answer = found.first().and_then(|row| row.first()?.integer());
    Ok(Some(answer == Some(1)))
}

/// The tables that belong to one partitioned table with one of these, these with them: a row that moves from one part to another is
/// known by the same in both.
pub(super) fn with_siblings(
    session: &mut PostgresSession,
    tables: &[TableName],
) -> Result<Vec<TableName>, EngineError> {
    let oids: Vec<String> = tables
        .iter()
        .map(|table| format!("pg_catalog.to_regclass({})", literal(&names::sql(table))))
        .collect();
    session.query_tables(
        &format!(
            "select distinct n.nspname::text, c.relname::text from unnest(array[{}]::pg_catalog.oid[]) one (id) \
             cross join lateral (select one.id union select part.relid from pg_catalog.pg_partition_tree(\
               coalesce(pg_catalog.pg_partition_root(one.id), one.id)) part) both_of (id) \
             join pg_catalog.pg_class c on c.oid = both_of.id join pg_catalog.pg_namespace n on n.oid = c.relnamespace",
            oids.join(", ")
        ),
    )
}

/// Whether every row now has the key of a row of before, after rows were written. Only keys of one whole number are told so; of
/// others, nothing is.
pub(super) fn stayed(
    session: &mut PostgresSession,
    plan: &TablePlan,
    (rows, kept): (&TableName, &Columns),
    (after, columns): (&TableName, &Columns),
) -> Result<bool, EngineError> {
    let is_whole = |columns: &Columns, name: &str| {
        let column = columns.get(name);
        column.is_some_and(|column| Kind::exact(&column.type_name) == Kind::Whole)
    };
    match plan.key.as_slice() {
        [key] if is_whole(kept, &key.before) && is_whole(columns, &key.after) => {
            let agree = are_those_of(session, plan, (rows, kept), (after, columns))?;
            Ok(agree == Some(true))
        }
        _ => Ok(false),
    }
}

/// Whether the rows' keys are those of the pre-images; none where a column of the key is not in both, or there is no key.
fn are_those_of(
    session: &mut PostgresSession,
    plan: &TablePlan,
    (rows, kept): (&TableName, &Columns),
    (after, columns): (&TableName, &Columns),
) -> Result<Option<bool>, EngineError> {
    // The parts of a key are hashed into one: they belong together.
    let (mut now, mut was) = ("0".to_owned(), "0".to_owned());
    for key in &plan.key {
        let (Some(is), Some(then)) = (columns.get(&key.after), kept.get(&key.before)) else {
            return Ok(None);
        };
        let kind = Kind::of_both(&is.type_name, &then.type_name);
        now = kind.hash(&quote(&is.name), &now);
        was = kind.hash(&quote(&then.name), &was);
    }
    if plan.key.is_empty() {
        return Ok(None);
    }
    let hashed = |hash: String, from: String| Hashed {
        hashes: vec![hash],
        from,
    };
    let now = hashed(now, format!("only {}", names::sql(after)));
    let was = hashed(was, names::sql(rows));
    hashes::agree(session, &now, &was).map(Some)
}
