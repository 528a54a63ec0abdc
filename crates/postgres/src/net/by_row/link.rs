//! Which row since the migration a pre-image belongs to, where that cannot be told by what is left of it.
//!
//! A change of the schema leaves rows in their order, so the first pre-image of what is left of a row belongs to the first row
//! of which the same is left, and so on. What the rows are since is written beside their pre-images, before anybody writes.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, KeptTable};
use tightrope_model::{ColumnPlan, TableName, TablePlan, Value};

use super::super::hashes::{self, Hashed, Kind};
use super::super::keys;
use super::super::names;
use super::super::references;
use super::super::terms::{Facts, Shape};
use super::{has_more, text, text_with, whole_text};
use crate::quote::quote;
use crate::session::PostgresSession;

/// The column of the pre-images that says what their rows are when the window begins.
pub(super) const LINK: &str = "tightrope_k";

/// Whether the pre-images say what their rows are.
pub(super) fn is_made(facts: &Facts<'_>) -> bool {
    let rows = facts.rows.as_ref();
    rows.is_some_and(|(_, columns)| columns.get(LINK).is_some())
}

/// What the row of a pre-image is when the window begins; NULL if it is gone.
pub(super) fn of(alias: &str) -> String {
    format!("{alias}.{LINK}")
}

/// Writes beside the pre-images of a table without a key what their rows are now, if that is not the same; gives whether it
/// has. Columns that turn out to have other values, though the schema says nothing of it, are noted as changed.
pub(in crate::net) fn link(
    session: &mut PostgresSession,
    table: &mut KeptTable,
    after: &TableName,
    rekeyed: &[KeptTable],
) -> Result<bool, EngineError> {
    let (true, Some(rows)) = (table.plan.key.is_empty(), &table.rows) else {
        return Ok(false);
    };
    if keys::all_stayed(session, &table.plan, rows, after)?
        && !leaves_agree(session, &table.plan, rows, after)?
    {
        note_changed_columns(session, &mut table.plan, rows, after)?;
    }
    if !has_more(&table.plan) {
        return Ok(false);
    }
    let plan = &table.plan;
    let values = since(session, plan, after, rekeyed)?;
    let was = text_with(plan, Shape::Before, |name| match values.get(name) {
        Some(value) => value.clone(),
        None => format!("p.{}", quote(name)),
    });
    let left = text(plan, Shape::After, "t");
    let number = |text: &str, alias: &str| {
        format!("row_number() over (partition by {text} order by {alias}.ctid) as tightrope_n")
    };
    let columns: Vec<String> = plan
        .columns
        .iter()
        .map(|column| format!("p.{}, ", quote(&column.before)))
        .collect();
    let linked = TableName::new(&rows.schema, format!("{}_linked", rows.name));
    session.execute_own(&format!(
        "create table {linked} as select {columns}t.tightrope_k as {LINK} \
         from (select p.*, p.ctid as tightrope_place, {was} as tightrope_s, {of_rows} from {rows} p) p \
         left join (select {now} as tightrope_k, {left} as tightrope_s, {of_table} from only {after} t) t \
         on t.tightrope_s = p.tightrope_s and t.tightrope_n = p.tightrope_n order by p.tightrope_place; \
         drop table {rows}; alter table {linked} rename to {name}; alter table {rows} replica identity full",
        linked = names::sql(&linked),
        columns = columns.concat(),
        of_rows = number(&was, "p"),
        of_table = number(&left, "t"),
        now = whole_text(plan, "t"),
        after = names::sql(after),
        name = quote(&rows.name),
        rows = names::sql(rows),
    ))?;
    Ok(true)
}

/// What the columns (by their names before) of a pre-image `p` hold since the migration that refer to rows with other keys.
fn since(
    session: &mut PostgresSession,
    plan: &TablePlan,
    after: &TableName,
    rekeyed: &[KeptTable],
) -> Result<BTreeMap<String, String>, EngineError> {
    let parents = rekeyed.iter().filter_map(|table| table.plan.after.as_ref());
    let references = references::to_tables(session, parents)?;
    let mut values = BTreeMap::new();
    for reference in references.iter().filter(|one| &one.child == after) {
        let mut parents = rekeyed.iter();
        let parent = parents.find(|table| table.plan.after.as_ref() == Some(&reference.parent));
        let Some((parent, keys)) = parent.and_then(|table| Some((table, table.rekeyed.as_ref()?)))
        else {
            continue;
        };
        let pairs = reference.columns.iter().map(|(child, of_parent)| {
            let mut columns = plan.columns.iter();
            let column = columns.find(|column| column.after.as_ref() == Some(child))?;
            let mut key = parent.plan.key.iter();
            let place = key.position(|part| &part.after == of_parent)? + 1;
            Some((column, place))
        });
        let Some(pairs) = pairs.collect::<Option<Vec<(&ColumnPlan, usize)>>>() else {
            continue;
        };
        let same = pairs.iter().map(|(column, place)| {
            format!("(m.o{place})::text = (p.{})::text", quote(&column.before))
        });
        let same = same.collect::<Vec<_>>().join(" and ");
        for (column, place) in &pairs {
            let (keys, kind) = (names::sql(keys), &column.type_before);
            let value = format!(
                "coalesce((select (m.k{place})::text::{kind} from {keys} m where {same} limit 1), (p.{})::{kind})",
                quote(&column.before)
            );
            values.entry(column.before.clone()).or_insert(value);
        }
    }
    Ok(values)
}

/// Whether what the migration should have left alone is the same in all rows and pre-images, in whatever order.
fn leaves_agree(
    session: &mut PostgresSession,
    plan: &TablePlan,
    rows: &TableName,
    after: &TableName,
) -> Result<bool, EngineError> {
    let hashed = |text: String, from: String| Hashed {
        hashes: vec![Kind::Text.hash(&text, "0")],
        from,
    };
    let now = hashed(
        text(plan, Shape::After, "t"),
        format!("only {} t", names::sql(after)),
    );
    let was = hashed(
        text(plan, Shape::Before, "p"),
        format!("{} p", names::sql(rows)),
    );
    hashes::agree(session, &now, &was)
}

/// Notes the columns that have another value in some row than before: row by row, in their order.
fn note_changed_columns(
    session: &mut PostgresSession,
    plan: &mut TablePlan,
    rows: &TableName,
    after: &TableName,
) -> Result<(), EngineError> {
    let (mut places, mut differ, mut left, mut right) = (vec![], vec![], vec![], vec![]);
    for (at, column) in plan.columns.iter().enumerate() {
        let (Some(now), None) = (&column.after, &column.type_after) else {
            continue;
        };
        let as_text = |name: &str| format!("({})::text collate \"C\"", quote(name));
        left.push(format!("{} as c{at}", as_text(&column.before)));
        right.push(format!("{} as c{at}", as_text(now)));
        differ.push(format!("bool_or(p.c{at} is distinct from t.c{at})"));
        places.push(at);
    }
    if places.is_empty() {
        return Ok(());
    }
    let numbered = |columns: &[String], from: String| {
        format!(
            "(select {}, row_number() over (order by ctid) as n from {from})",
            columns.join(", ")
        )
    };
    let found = session.query_own(
        &format!(
            "select array[{}]::text from {} p join {} t on t.n = p.n",
            differ.join(", "),
            numbered(&left, names::sql(rows)),
            numbered(&right, format!("only {}", names::sql(after))),
        ),
        &[],
    )?;
    let found = found.first().and_then(|row| row.first());
    let found = found.and_then(Value::text).unwrap_or_default();
    let flags = found.trim_matches(['{', '}']).split(',');
    for (at, flag) in places.into_iter().zip(flags) {
        if flag == "t" {
            let column = &mut plan.columns[at];
            column.type_after = Some(column.type_before.clone());
        }
    }
    Ok(())
}
