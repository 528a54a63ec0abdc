//! The proof at the end of a rollback: what nobody touched is what it was.

use tightrope_engine::{EngineError, KeptNet};
use tightrope_model::{Keep, TableName};

use super::columns::rows_differ;
use super::hashes::{self, Hashed, Kind};
use super::merge::counted;
use super::stand_in;
use super::terms::{Shape, Terms};
use crate::quote::quote;
use crate::session::PostgresSession;

/// Counts, table by table, the rows that differ from their pre-images.
pub(super) fn of(
    session: &mut PostgresSession,
    kept: &KeptNet,
) -> Result<Vec<(TableName, u64)>, EngineError> {
    let mut unlike = Vec::new();
    for table in kept
        .tables
        .iter()
        .filter(|table| table.rows.is_some() && !table.plan.is_made)
    {
        if stand_in::took_its_place(session, table)? {
            continue;
        }
        let terms = Terms::of_closed(session, table, &table.plan.before, Shape::Before)?;
        let Some((from, missing)) = &terms.joins.untouched else {
            continue;
        };
        let plan = &table.plan;
        let compared: Vec<usize> = (0..plan.columns.len())
            .filter(|at| {
                terms.keeps(*at) && (plan.keep != Keep::Columns || plan.columns[*at].is_lost())
            })
            .collect();
        if is_told_by_hashes(&terms) && hashes_agree(session, &terms, &compared)? {
            continue;
        }
        // Rows without a key are missing where they differ.
        let differs = match plan.key.is_empty() {
            true => Vec::new(),
            false => differences(&terms, &compared),
        };
        let differs: String = differs.iter().map(|one| format!(" or {one}")).collect();
        let rows = counted(
            session,
            &format!("select count(*) from {from} where {missing}{differs}"),
        )?;
        if rows > 0 {
            unlike.push((plan.before.clone(), rows));
        }
    }
    Ok(unlike)
}

/// Whether columns (by their places in the plan) differ from the pre-image. Values that are written differently and look the
/// same as text are not told apart: they cannot be kept apart where text is kept.
fn differences(terms: &Terms<'_>, compared: &[usize]) -> Vec<String> {
    let name = |at: &usize| &terms.facts.plan.columns[*at].before;
    let now = |at: &usize| format!("t.{}", quote(name(at)));
    let exact = |at: &usize| {
        let column = terms.facts.now.get(name(at));
        column.filter(|column| column.exact)
    };
    let (simple, others): (Vec<usize>, Vec<usize>) =
        compared.iter().partition(|at| exact(at).is_some());
    let mut differences: Vec<String> = simple
        .iter()
        .filter_map(|at| Some(exact(at)?.differs(&now(at), &terms.before(*at))))
        .collect();
    if !others.is_empty() {
        let now = others.iter().map(now).collect::<Vec<_>>().join(", ");
        let was: Vec<String> = others.iter().map(|at| terms.before(*at)).collect();
        let was = was.join(", ");
        differences.push(format!(
            "{} and row({now})::text <> row({was})::text",
            rows_differ(&now, &was)
        ));
    }
    differences
}

/// Whether all rows of the table should be those of before, so that sums over both can tell it.
fn is_told_by_hashes(terms: &Terms<'_>) -> bool {
    let plan = terms.facts.plan;
    let all = matches!(plan.keep, Keep::Columns | Keep::Whole);
    all && terms.facts.log.is_none() && !plan.key.is_empty()
}

/// Whether the table and the pre-images have as many rows, and the same sums of hashes of the key and of each column that is
/// compared: in a third of the time that a join takes. Where they do not agree, a join says which rows differ.
fn hashes_agree(
    session: &mut PostgresSession,
    terms: &Terms<'_>,
    compared: &[usize],
) -> Result<bool, EngineError> {
    let plan = terms.facts.plan;
    let place = |name: &String| plan.columns.iter().position(|c| &c.before == name);
    let key = plan.key.iter().map(|key| place(&key.before));
    let Some(key) = key.collect::<Option<Vec<usize>>>() else {
        return Ok(false);
    };
    let hash = |at: usize, value: &str, seed: &str| {
        Kind::exact(&plan.columns[at].type_before).hash(value, seed)
    };
    let hashes = |value: &dyn Fn(usize) -> String| {
        let hash = |at: usize, seed: &str| hash(at, &value(at), seed);
        let of_key = key.iter().fold("0".to_owned(), |seed, at| hash(*at, &seed));
        let others = compared.iter().filter(|at| !key.contains(at));
        let others = others.map(|at| format!("coalesce({}, 1)", hash(*at, &of_key)));
        std::iter::once(of_key.clone()).chain(others).collect()
    };
    let Some((rows, _)) = &terms.facts.rows else {
        return Ok(false);
    };
    let now = Hashed {
        hashes: hashes(&|at| format!("t.{}", quote(&plan.columns[at].before))),
        from: format!("only {} t", terms.facts.table),
    };
    let was = Hashed {
        hashes: hashes(&|at| terms.before(at)),
        from: format!("{rows} p"),
    };
    hashes::agree(session, &now, &was)
}
