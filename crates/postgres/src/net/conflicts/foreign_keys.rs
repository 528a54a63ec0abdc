//! Foreign keys of before: rows that would refer to nothing. A row that nobody touched may be one of them, if the application
//! deleted what it refers to while nothing forbade that.

use tightrope_engine::EngineError;
use tightrope_model::TableName;

use super::definition::{foreign_key, qualified};
use super::lost_constraints;
use super::truth::Truth;
use crate::net::names;
use crate::net::terms::{Shape, Terms};
use crate::quote::quote;
use crate::session::PostgresSession;

/// The rules of one table.
pub(super) fn broken(
    session: &mut PostgresSession,
    truth: &Truth<'_, '_>,
) -> Result<Vec<(String, String)>, EngineError> {
    let (before, after) = (&truth.table.plan.before, truth.after);
    let lost: Vec<(&str, &str)> = lost_constraints(
        truth.window,
        [&before.schema, &before.name],
        [&after.schema, &after.name],
        "FOREIGN KEY",
    )
    .collect();
    let mut rules = Vec::new();
    for (name, definition) in lost {
        if let Some(places) = dangling(session, truth, definition)? {
            rules.push((format!("foreign key `{name}`"), places));
        }
    }
    Ok(rules)
}

fn dangling(
    session: &mut PostgresSession,
    truth: &Truth<'_, '_>,
    definition: &str,
) -> Result<Option<String>, EngineError> {
    let Some(key) = foreign_key(definition) else {
        return Ok(None);
    };
    let Some((schema, name)) = qualified(key.parent) else {
        return Ok(None);
    };
    let parent = TableName::new(schema, name);
    let (mut places, mut written) = (Vec::new(), Vec::new());
    for column in &key.columns {
        let at = truth
            .table
            .plan
            .columns
            .iter()
            .position(|planned| &planned.before == column);
        let Some(at) = at else { return Ok(None) };
        places.push(truth.values[at].as_str());
        written.push(truth.terms.written(at + 1));
    }
    let values: Vec<String> = (1..)
        .zip(&places)
        .map(|(n, value)| format!("{value} as f{n}"))
        .collect();
    let mut found = Vec::new();
    for leaf in truth.window.before.leaves(&parent) {
        let Some(there) = self::found(session, truth, &leaf, &key.parent_columns)? else {
            return Ok(None);
        };
        found.push(there);
    }
    if found.is_empty() {
        return Ok(None);
    }
    let found = found.join(" or ");
    let known: Vec<String> = (1..=values.len())
        .map(|n| format!("u.f{n} is not null"))
        .collect();
    let (values, known) = (values.join(", "), known.join(" and "));
    // One that is not validated minds what is written, and leaves other rows what they are.
    if definition.ends_with(" NOT VALID") {
        let written = written.join(" or ");
        return Ok(truth.written_where(&format!(
            "(l.o1 is null or {written}) and exists (select from (select {values}) u where {known} and not ({found}))"
        )));
    }
    let (from, stays) = truth.staying();
    Ok(Some(format!(
        "select t.ctid as place from {from}, lateral (select {values}) u where {stays} and {known} and not ({found})"
    )))
}

/// The condition that `u` refers to a row of the parent, as it is or as it comes back.
fn found(
    session: &mut PostgresSession,
    truth: &Truth<'_, '_>,
    parent: &TableName,
    columns: &[String],
) -> Result<Option<String>, EngineError> {
    let equal = |alias: &str, names: &[String]| {
        let names = (1..).zip(names);
        let pairs: Vec<String> = names
            .map(|(n, name)| format!("{alias}.{} = u.f{n}", quote(name)))
            .collect();
        pairs.join(" and ")
    };
    let Some(kept) = truth.kept.table(parent) else {
        let there = equal("r", columns);
        return Ok(Some(format!(
            "exists (select from {} r where {there})",
            names::sql(parent)
        )));
    };
    let plan = &kept.plan;
    let mut found = Vec::new();
    if let Some(after) = &plan.after {
        let place = |name: &String| plan.columns.iter().position(|c| &c.before == name);
        let Some(places) = columns.iter().map(place).collect::<Option<Vec<usize>>>() else {
            return Ok(None);
        };
        let now = places.iter().map(|at| &plan.columns[*at]);
        let now = now.map(|column| column.after.clone().filter(|_| column.type_after.is_none()));
        found.push(match now.collect::<Option<Vec<String>>>() {
            Some(now) => format!(
                "exists (select from {} r where {})",
                names::sql(after),
                equal("r", &now)
            ),
            None => {
                let parent = Truth::of(session, truth.kept, kept, after, truth.window)?;
                let pairs = (1..).zip(&places);
                let pairs = pairs.map(|(n, at)| format!("{} = u.f{n}", parent.values[*at]));
                format!(
                    "exists (select from {} where {})",
                    parent.terms.from(),
                    pairs.collect::<Vec<_>>().join(" and ")
                )
            }
        });
        let terms = Terms::of(session, kept, after, Shape::After)?;
        if let Some(gone) = &terms.joins.gone {
            found.push(format!(
                "exists (select from {} where {} and {})",
                gone.from.replace("{now}", &terms.facts.table),
                gone.filter,
                equal("p", columns),
            ));
        }
    } else if let Some(rows) = &kept.rows {
        found.push(format!(
            "exists (select from {} p where {})",
            names::sql(rows),
            equal("p", columns)
        ));
    }
    Ok((!found.is_empty()).then(|| found.join(" or ")))
}
