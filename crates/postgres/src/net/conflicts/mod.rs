//! What the application has written and the old schema cannot hold.
//!
//! Every constraint of before that is not there any more (or whose columns have other values since) gives a [`Rule`]: a
//! query for the places of the rows that it forbids. It looks at rows as they will be after a rollback ([`Truth`]). The gauge
//! counts them, and taking out deletes them: both see the same rows.

mod check;
mod definition;
mod exclusion;
mod fill;
mod foreign_keys;
mod not_null;
mod truth;
mod types;
mod unique;

use tightrope_engine::{EngineError, KeptNet, KeptTable, Window};
use tightrope_model::{Object, ObjectId, ObjectKind, TableName};

use super::names;
use crate::session::PostgresSession;
pub(super) use definition::{ForeignKey, foreign_key, qualified};
pub(super) use fill::make_failure_function;
use truth::Truth;
pub(super) use types::make_function;

/// One reason for which rows cannot stay.
pub(super) struct Rule<'k> {
    pub(super) kept: &'k KeptTable,
    /// The table by its name since the migration.
    pub(super) table: &'k TableName,
    /// In words.
    pub(super) breaks: String,
    /// A query for the places (`ctid`) of the rows, in a column `place`.
    pub(super) places: String,
}

/// All rules, for the tables in which the application has written.
pub(super) fn rules<'k>(
    session: &mut PostgresSession,
    kept: &'k KeptNet,
    window: &Window<'_>,
) -> Result<Vec<Rule<'k>>, EngineError> {
    let mut rules = Vec::new();
    let written = written(session, kept)?;
    if written.iter().all(|rows| *rows == 0) {
        return Ok(rules);
    }
    for (table, rows) in kept.tables.iter().zip(written) {
        let Some(after) = table
            .plan
            .after
            .as_ref()
            .filter(|_| table.touched.is_some())
        else {
            continue;
        };
        let truth = Truth::of(session, kept, table, after, window)?;
        let mut found = foreign_keys::broken(session, &truth)?;
        if rows > 0 {
            found.extend(types::broken(&truth));
            found.extend(fill::broken(&truth));
            found.extend(not_null::broken(&truth));
            found.extend(check::broken(&truth));
            found.extend(unique::broken(&truth));
            found.extend(exclusion::broken(&truth));
        }
        rules.extend(found.into_iter().map(|(breaks, places)| Rule {
            kept: table,
            table: after,
            breaks,
            places,
        }));
    }
    rules.extend(super::orphans::rules(session, kept, window)?);
    Ok(rules)
}

/// How many entries each table's log has.
pub(super) fn written(
    session: &mut PostgresSession,
    kept: &KeptNet,
) -> Result<Vec<u64>, EngineError> {
    let mut written = Vec::new();
    for table in &kept.tables {
        written.push(match &table.touched {
            Some(log) => {
                let entries = format!("select count(*) from {}", names::sql(log));
                super::merge::counted(session, &entries)?
            }
            None => 0,
        });
    }
    Ok(written)
}

/// The constraints of before of a table or domain whose definition begins so, and that do not stand any more.
fn lost_constraints<'w>(
    window: &'w Window<'_>,
    before: [&str; 2],
    after: [&str; 2],
    kind: &'static str,
) -> impl Iterator<Item = (&'w str, &'w str)> {
    let before = before.map(str::to_owned);
    let after = after.map(str::to_owned);
    window.before.objects().filter_map(move |object| {
        let [schema, table, name] = &object.id.path[..] else {
            return None;
        };
        let is_its =
            object.id.kind == ObjectKind::Constraint && [schema, table] == [&before[0], &before[1]];
        let definition = object.attribute("definition").filter(|_| is_its)?;
        let now = ObjectId::new(ObjectKind::Constraint, [&after[0], &after[1], name]);
        let stands = window
            .after
            .object(&now)
            .and_then(|now| now.attribute("definition"));
        (definition.starts_with(kind) && stands != Some(definition))
            .then_some((name.as_str(), definition))
    })
}

/// The object of a column of before.
fn column<'w>(window: &Window<'w>, table: &TableName, name: &str) -> Option<&'w Object> {
    let id = ObjectId::new(ObjectKind::Column, [&table.schema, &table.name, name]);
    window.before.object(&id)
}
