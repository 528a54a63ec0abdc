//! Where a table that is built anew finds the values of before.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, KeptNet, KeptTable, Window};
use tightrope_inverse::{MoreRows, Sources, TableSource};
use tightrope_model::{ColumnPlan, Keep, ObjectId, ObjectKind};

use super::columns::Column;
use super::terms::{Shape, Terms};
use super::{fill, names};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// The sources of all tables of which rows are kept.
pub(super) fn of(
    session: &mut PostgresSession,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<Sources, EngineError> {
    let mut sources = Sources::default();
    for table in &kept.tables {
        if table.rows.is_some() && (!table.plan.key.is_empty() || table.plan.after.is_none()) {
            let source = source(session, table, window)?;
            sources.tables.insert(table.plan.before.clone(), source);
        }
    }
    Ok(sources)
}

fn source(
    session: &mut PostgresSession,
    kept: &KeptTable,
    window: &Window<'_>,
) -> Result<TableSource, EngineError> {
    let Some(after) = &kept.plan.after else {
        return Ok(TableSource {
            more: more(kept, None),
            ..TableSource::default()
        });
    };
    let terms = Terms::of(session, kept, after, Shape::After)?;
    let mut columns = BTreeMap::new();
    for (at, column) in kept.plan.columns.iter().enumerate() {
        let otherwise = match &column.after {
            None => comes_back(kept, column, window),
            Some(name) => {
                let now = terms.now.get(name);
                let now = now.ok_or_else(|| super::spread::not_as_planned(&kept.plan, name))?;
                converted(session, now, column)?
            }
        };
        if !terms.keeps(at) {
            continue;
        }
        let value = format!(
            "case when {} and {} is not true then {} else {otherwise} end",
            terms.has_before(),
            terms.written(at + 1),
            terms.before(at),
        );
        columns.insert(column.before.clone(), value);
    }
    let filter = terms
        .only_the_migrations()?
        .map(|own| format!("not ({own})"));
    let more = match kept.plan.keep {
        Keep::Columns | Keep::Nothing => Vec::new(),
        _ => more(kept, terms.gone("{now}")?),
    };
    Ok(TableSource {
        joins: terms.joins()?,
        filter,
        columns,
        more,
        ..TableSource::default()
    })
}

/// The rows that are in the net alone.
fn more(kept: &KeptTable, filter: Option<String>) -> Vec<MoreRows> {
    let Some(rows) = &kept.rows else {
        return Vec::new();
    };
    let columns = kept.plan.columns.iter().map(|column| {
        let value = format!("(p.{})::{}", quote(&column.before), column.type_before);
        (column.before.clone(), value)
    });
    vec![MoreRows {
        from: format!("{} p", names::sql(rows)),
        filter,
        columns: columns.collect(),
    }]
}

/// The value of a column that was gone in a row that never had it: what the author of the migration says, or the default.
fn comes_back(kept: &KeptTable, column: &ColumnPlan, window: &Window<'_>) -> String {
    let table = &kept.plan.before;
    if let Some(expression) = fill(window.fill, table, &column.before) {
        // The names in it are the row's own, whatever else is joined to it.
        return format!("(select ({expression}) from (select t.*) as f)");
    }
    let id = ObjectId::new(
        ObjectKind::Column,
        [&table.schema, &table.name, &column.before],
    );
    let default = window
        .before
        .object(&id)
        .and_then(|column| column.attribute("default"));
    default.unwrap_or("null").to_owned()
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
