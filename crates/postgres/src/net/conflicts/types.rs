//! Values that do not fit into the type of before.

use tightrope_engine::{EngineError, Window};
use tightrope_model::sql_text::members;
use tightrope_model::{ColumnPlan, Object, ObjectId, ObjectKind};

use super::definition::{check, qualified, unquoted};
use super::lost_constraints;
use super::truth::Truth;
use crate::net::columns::Column;
use crate::net::names;
use crate::net::sources::cast;
use crate::net::terms::Terms;
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// The rules of one table.
pub(super) fn broken(truth: &Truth<'_, '_>) -> Vec<(String, String)> {
    let columns = truth
        .table
        .plan
        .columns
        .iter()
        .zip(&truth.unfit)
        .enumerate();
    let rules = columns.filter_map(|(at, (column, unfit))| {
        let unfit = unfit.as_ref()?;
        let written = truth.terms.written(at + 1);
        let rows = truth.written_where(&format!(
            "({written} or not ({})) and ({unfit})",
            truth.terms.joins.has_before
        ))?;
        let words = format!(
            "column `{}` was of type {}",
            column.before, column.type_before
        );
        Some((words, rows))
    });
    rules.collect()
}

/// The condition on `t` that a column's value does not fit into its type of before; none if every value does.
pub(super) fn misfit(
    session: &mut PostgresSession,
    number: i64,
    terms: &Terms<'_>,
    column: &ColumnPlan,
    window: &Window<'_>,
) -> Result<Option<String>, EngineError> {
    let Some(now) = column
        .after
        .as_ref()
        .and_then(|name| terms.facts.now.get(name))
    else {
        return Ok(None);
    };
    let value = format!("t.{}", quote(&now.name));
    if let Some(labels) = labels(column, window) {
        return Ok(labels.map(|labels| format!("({value})::text not in ({labels})")));
    }
    if let Some(condition) = domain(column, &value, window) {
        return Ok(Some(condition));
    }
    if column.type_after.is_none() {
        return Ok(None);
    }
    let fits = fits(session, now, column)?;
    Ok(Some(format!(
        "{value} is not null and not {}(({value})::text, {})",
        function(number),
        literal(&fits)
    )))
}

/// The expression that a value `$1` (as text) comes through the old type, unchanged where both types are of one kind.
fn fits(
    session: &mut PostgresSession,
    now: &Column,
    column: &ColumnPlan,
) -> Result<String, EngineError> {
    let value = format!("$1::{}", now.type_name);
    let back = cast(session, &value, &now.type_name, &column.type_before)?;
    let same_kind = session.query_own(
        &format!(
            "select 1::bigint from pg_catalog.pg_type a, pg_catalog.pg_type b where a.oid = pg_catalog.to_regtype({}) \
             and b.oid = pg_catalog.to_regtype({}) and a.typcategory = b.typcategory and a.typcategory in ('N', 'S', 'D')",
            literal(&now.type_name),
            literal(&column.type_before)
        ),
        &[],
    )?;
    if same_kind.is_empty() {
        return Ok(format!("({back}) is not null"));
    }
    let again = cast(session, &back, &column.type_before, &now.type_name)?;
    Ok(format!("{again} = {value}"))
}

/// The labels of before as a list, if the column was of an enum type: none inside if they are all still the only ones.
fn labels(column: &ColumnPlan, window: &Window<'_>) -> Option<Option<String>> {
    let (schema, name) = qualified(&column.type_before)?;
    let id = ObjectId::new(ObjectKind::Enum, [&schema, &name]);
    let before = window.before.object(&id)?;
    let labels = before.attribute("labels")?;
    let now = window
        .after
        .object(&id)
        .filter(|_| column.type_after.is_none());
    let Some(now) = now else {
        return Some(Some(labels.to_owned()));
    };
    // A value that was renamed has its number still.
    let numbers = members(before.attribute("numbers").unwrap_or_default());
    let (mut known, mut all_known) = (Vec::new(), true);
    let there = members(now.attribute("labels").unwrap_or_default());
    for (number, label) in members(now.attribute("numbers").unwrap_or_default())
        .iter()
        .zip(there)
    {
        match numbers.contains(number) {
            true => known.push(label),
            false => all_known = false,
        }
    }
    Some(match (all_known, known.is_empty()) {
        (true, _) => None,
        // Another type by now: only the words can tell.
        (false, true) => Some(labels.to_owned()),
        (false, false) => Some(known.join(", ")),
    })
}

/// The condition that a value breaks a constraint that its domain had.
fn domain(column: &ColumnPlan, value: &str, window: &Window<'_>) -> Option<String> {
    let (schema, name) = qualified(&column.type_before)?;
    let id = ObjectId::new(ObjectKind::Domain, [&schema, &name]);
    let domain = window.before.object(&id)?;
    let broken = broken_by(domain, window);
    let now = window.after.object(&id);
    let base = domain.attribute("type")?;
    let other_type = now.is_some_and(|now| now.attribute("type") != Some(base));
    if broken.is_empty()
        || other_type
        || (column.type_after.is_some() && unquoted(base) != *column.type_after.as_ref()?)
    {
        return None;
    }
    Some(format!(
        "(select {} from (select {value} as value) b)",
        broken.join(" or ")
    ))
}

/// The conditions that `value` breaks what a domain demanded and does not any more, or a domain that it is made of.
fn broken_by(domain: &Object, window: &Window<'_>) -> Vec<String> {
    let [schema, name] = &domain.id.path[..] else {
        return Vec::new();
    };
    let of = [schema.as_str(), name.as_str()];
    let lost = lost_constraints(window, of, of, "CHECK");
    let mut broken: Vec<String> = lost
        .filter_map(|(_, definition)| Some(format!("(({}) is false)", check(definition)?)))
        .collect();
    let now = window.after.object(&domain.id);
    let was_strict = domain.attribute("not_null").is_some();
    if was_strict && now.is_none_or(|now| now.attribute("not_null").is_none()) {
        broken.push("value is null".to_owned());
    }
    let below = domain.depends_on.iter();
    let below = below.filter(|id| id.kind == ObjectKind::Domain && **id != domain.id);
    for inner in below.filter_map(|id| window.before.object(id)) {
        broken.extend(broken_by(inner, window));
    }
    broken
}

/// The function that tries a conversion.
fn function(number: i64) -> String {
    names::sql(&names::of_all(number, "fits"))
}

/// Makes that function: nothing else survives a value that cannot be converted.
pub(in crate::net) fn make_function(
    session: &mut PostgresSession,
    number: i64,
) -> Result<(), EngineError> {
    let body = "declare fits boolean;\nbegin\nexecute 'select ' || expression into fits using value;\nreturn coalesce(fits, false);\n\
                exception when others then\nreturn false;\nend";
    session.execute_own(&format!(
        "create function {}(value text, expression text) returns boolean language plpgsql stable as {}",
        function(number),
        literal(body)
    ))
}
