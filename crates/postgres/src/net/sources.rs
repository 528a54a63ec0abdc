//! Where a table that is built anew finds the values of before.

use std::collections::{BTreeMap, BTreeSet};

use tightrope_engine::{EngineError, KeptNet, KeptTable, Window};
use tightrope_inverse::{MoreRows, Sources, TableSource};
use tightrope_model::{Catalog, ColumnPlan, ObjectId, ObjectKind, TableName};

use super::by_key::not_truncated;
use super::columns::{Column, Columns};
use super::terms::{Shape, Terms, before};
use super::{by_row, fill, names, sequences, settings, stand_in};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// The sources of all tables of which rows are kept.
pub(super) fn of(
    session: &mut PostgresSession,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<Sources, EngineError> {
    let mut sources = Sources::default();
    for table in kept
        .tables
        .iter()
        .filter(|table| table.rows.is_some() && !table.plan.is_made)
    {
        let source = source(session, table, window)?;
        sources.tables.insert(table.plan.before.clone(), source);
    }
    Ok(sources)
}

fn source(
    session: &mut PostgresSession,
    kept: &KeptTable,
    window: &Window<'_>,
) -> Result<TableSource, EngineError> {
    let was_made_again = kept.plan.after.is_none()
        && kept.touched.is_some()
        && Columns::of(session, &kept.plan.before)?.of_table;
    let Some(after) = kept
        .plan
        .after
        .as_ref()
        .or(was_made_again.then_some(&kept.plan.before))
    else {
        return Ok(TableSource {
            more: vec![all_rows(kept)],
            ..TableSource::default()
        });
    };
    let terms = Terms::of_closed(session, kept, after, Shape::After)?;
    if kept.plan.key.is_empty() {
        keep_words(session, kept, &terms, window)?;
    }
    let mut columns = BTreeMap::new();
    for (at, column) in kept.plan.columns.iter().enumerate() {
        if !terms.keeps(at) || terms.is_found_by(at) {
            continue;
        }
        let value = value(session, &terms, at, window)?;
        columns.insert(column.before.clone(), value);
    }
    let stand_in = stand_in::of(session, kept, &terms, window)?;
    let more = terms.joins.gone.iter().map(|gone| MoreRows {
        from: gone.from.clone(),
        filter: Some(gone.filter.clone()),
        columns: all_columns(kept),
    });
    let settings = match &kept.rows {
        Some(rows) => settings::for_whole_table(session, &terms.facts, rows)?,
        None => Vec::new(),
    };
    Ok(TableSource {
        more: more.collect(),
        settings,
        filter: terms.joins.own.as_ref().map(|own| format!("not ({own})")),
        columns,
        stand_in,
        joins: terms.joins.all,
        ..TableSource::default()
    })
}

/// Writes down what the rows of a table without a key will be, unless a column's value is made from others or may be another one
/// each time.
fn keep_words(
    session: &mut PostgresSession,
    kept: &KeptTable,
    terms: &Terms<'_>,
    window: &Window<'_>,
) -> Result<(), EngineError> {
    let mut values = Vec::new();
    for (at, column) in kept.plan.columns.iter().enumerate() {
        let of_before = |name| attribute(window.before, &kept.plan.before, &column.before, name);
        let calls = of_before("default").is_some_and(|default| default.contains('('));
        let computed = of_before("generated").is_some();
        if computed || column.after.is_none() && (calls || of_before("identity").is_some()) {
            return Ok(());
        }
        values.push(match terms.keeps(at) && !terms.is_found_by(at) {
            true => value(session, terms, at, window)?,
            false => as_it_is(session, terms, column, window)?,
        });
    }
    by_row::keep_words(session, kept, terms, &values)
}

/// The value that a column of before has after the rollback, in a row `t` that is joined with its pre-image.
pub(super) fn value(
    session: &mut PostgresSession,
    terms: &Terms<'_>,
    at: usize,
    window: &Window<'_>,
) -> Result<String, EngineError> {
    Ok(format!(
        "case when {} and not ({}) then {} else {} end",
        terms.joins.has_before,
        terms.written(at + 1),
        terms.before(at),
        as_it_is(session, terms, &terms.facts.plan.columns[at], window)?,
    ))
}

/// The rows of a table that is not there any more, but for those that the application has deleted where they were then.
fn all_rows(kept: &KeptTable) -> MoreRows {
    let rows = kept.rows.as_ref().map(names::sql).unwrap_or_default();
    let filter = kept.touched.as_ref().map(|log| {
        let key = (1..).zip(&kept.plan.key);
        let same = key
            .map(|(place, part)| format!("(l.o{place})::text = (p.{})::text", quote(&part.before)));
        let log = names::sql(log);
        format!(
            "not exists (select from {log} l where {}) and {}",
            same.collect::<Vec<_>>().join(" and "),
            not_truncated(&log),
        )
    });
    MoreRows {
        from: format!("{rows} p"),
        filter,
        columns: all_columns(kept),
    }
}

fn all_columns(kept: &KeptTable) -> BTreeMap<String, String> {
    let columns = kept.plan.columns.iter().enumerate();
    columns
        .map(|(at, column)| (column.before.clone(), before(&kept.plan, at)))
        .collect()
}

/// The value that a column of before has in a row `t` of the table as it is since the migration.
pub(super) fn as_it_is(
    session: &mut PostgresSession,
    terms: &Terms<'_>,
    column: &ColumnPlan,
    window: &Window<'_>,
) -> Result<String, EngineError> {
    match &column.after {
        None => value_of_new(session, &terms.facts.plan.before, column, window),
        Some(name) => {
            let now = terms.facts.now.planned(terms.facts.plan, name)?;
            if column.type_after.is_none() && type_changes(window, &terms.facts.plan.before, column)
            {
                let name = format!("t.{}", quote(&now.name));
                return Ok(format!("({name})::text::{}", column.type_before));
            }
            converted(session, now, column)
        }
    }
}

/// Whether a column's type is made anew by a rollback: the migration has changed it, or a type that it is made of. Until it has
/// its values back, the column is of a type that stands aside.
fn type_changes(window: &Window<'_>, table: &TableName, column: &ColumnPlan) -> bool {
    let id = ObjectId::new(
        ObjectKind::Column,
        [&table.schema, &table.name, &column.before],
    );
    let types = [ObjectKind::Enum, ObjectKind::Domain, ObjectKind::Type];
    let (mut open, mut seen) = (vec![id], BTreeSet::new());
    while let Some(id) = open.pop() {
        let Some(object) = window.before.object(&id) else {
            continue;
        };
        for one in object
            .depends_on
            .iter()
            .filter(|one| types.contains(&one.kind))
        {
            if window.before.object(one) != window.after.object(one) {
                return true;
            }
            if seen.insert(one.clone()) {
                open.push(one.clone());
            }
        }
    }
    false
}

/// The value of a column of before that was gone in a row that never had it: what the author of the migration says, the next number
/// of a sequence that was gone, too, or the default.
pub(super) fn value_of_new(
    session: &mut PostgresSession,
    table: &TableName,
    column: &ColumnPlan,
    window: &Window<'_>,
) -> Result<String, EngineError> {
    if let Some(expression) = fill(window.fill, table, &column.before) {
        // The names in it are the row's own, whatever else is joined to it.
        let kind = &column.type_before;
        return Ok(format!(
            "(select ({expression})::{kind} from (select t.*) as f)"
        ));
    }
    let number = sequences::next_number(session, window.before, table, &column.before)?;
    Ok(number.unwrap_or_else(|| default_of(window.before, table, &column.before)))
}

/// The default that a column had before, or NULL.
pub(super) fn default_of(before: &Catalog, table: &TableName, column: &str) -> String {
    let default = attribute(before, table, column, "default");
    default.unwrap_or("null").to_owned()
}

fn attribute<'c>(
    catalog: &'c Catalog,
    table: &TableName,
    column: &str,
    name: &str,
) -> Option<&'c str> {
    let id = ObjectId::new(ObjectKind::Column, [&table.schema, &table.name, column]);
    catalog.object(&id)?.attribute(name)
}

/// The value of a column that is still there, in its type of before.
fn converted(
    session: &mut PostgresSession,
    now: &Column,
    column: &ColumnPlan,
) -> Result<String, EngineError> {
    let name = format!("t.{}", quote(&now.name));
    if column.type_after.is_none() {
        return Ok(name);
    }
    cast(session, &name, &now.type_name, &column.type_before)
}

/// An expression that turns a value into another type: by the server's cast, or through its text.
pub(super) fn cast(
    session: &mut PostgresSession,
    value: &str,
    from: &str,
    to: &str,
) -> Result<String, EngineError> {
    let direct = session.query_own(
        &format!(
            "select 1::bigint from pg_catalog.pg_cast where castsource = pg_catalog.to_regtype({}) \
             and casttarget = pg_catalog.to_regtype({})",
            literal(from),
            literal(to)
        ),
        &[],
    )?;
    Ok(match direct.is_empty() {
        true => format!("({value})::text::{to}"),
        false => format!("({value})::{to}"),
    })
}
