//! Whether a migration left rows their keys, told without a join.

use tightrope_engine::{EngineError, ErrorKind, KeptTable};
use tightrope_model::{Keep, KeyColumn, TableName, TablePlan};

use super::columns::Columns;
use super::hashes::{self, Hashed, Kind};
use super::names;
use crate::quote::quote;
use crate::session::PostgresSession;

/// Whether rows have the keys that they had before, where a change of the schema may have given them others and no row was
/// written otherwise. Where they have not, a table of which whole rows are kept is one without a key.
///
/// # Errors
/// When they have others, and the net was planned for those of before.
pub(super) fn agree(
    session: &mut PostgresSession,
    table: &KeptTable,
    after: &TableName,
    columns: &Columns,
) -> Result<bool, EngineError> {
    let plan = &table.plan;
    let unwritten = plan.rows.is_empty() && !plan.truncated;
    let is_retyped = |key: &KeyColumn| {
        let mut columns = plan.columns.iter();
        columns.any(|column| column.before == key.before && column.type_after.is_some())
    };
    let may_differ = plan.keep == Keep::Whole || plan.key.iter().any(is_retyped);
    let Some(rows) = table.rows.as_ref().filter(|_| unwritten && may_differ) else {
        return Ok(true);
    };
    let kept = Columns::of(session, rows)?;
    let same = are_those_of(session, plan, (rows, &kept), (after, columns))?;
    match (same, plan.keep) {
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
            let same = are_those_of(session, plan, (rows, kept), (after, columns))?;
            Ok(same == Some(true))
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
