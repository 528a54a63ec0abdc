//! Which row since the migration a pre-image belongs to, where that cannot be told by what is left of it.
//!
//! A change of the schema leaves rows in their order, so the first pre-image of what is left of a row belongs to the first row
//! of which the same is left, and so on. What the rows are since is written beside their pre-images, before anybody writes.

use tightrope_engine::{EngineError, ErrorKind, KeptTable};
use tightrope_model::{Keep, KeyColumn, TableName, TablePlan, Value};

use super::super::columns::Columns;
use super::super::names;
use super::super::terms::{Facts, Shape};
use super::{has_more, text, whole_text};
use crate::quote::quote;
use crate::session::PostgresSession;

/// The column of the pre-images that says what their rows are when the window begins.
const LINK: &str = "tightrope_k";

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
) -> Result<bool, EngineError> {
    let (true, Some(rows)) = (table.plan.key.is_empty(), &table.rows) else {
        return Ok(false);
    };
    let unwritten = table.plan.rows.is_empty() && !table.plan.truncated;
    if unwritten && !leaves_agree(session, &table.plan, rows, after)? {
        note_changed_columns(session, &mut table.plan, rows, after)?;
    }
    if !has_more(&table.plan) {
        return Ok(false);
    }
    let plan = &table.plan;
    let (was, left) = (
        text(plan, Shape::Before, "p"),
        text(plan, Shape::After, "t"),
    );
    let number = |text: &str, alias: &str| {
        format!("row_number() over (partition by {text} order by {alias}.ctid) as tightrope_n")
    };
    let columns: Vec<String> = plan
        .columns
        .iter()
        .map(|column| format!("p.{}", quote(&column.before)))
        .collect();
    let linked = TableName::new(&rows.schema, format!("{}_linked", rows.name));
    session.execute_own(&format!(
        "create table {linked} as select {columns}, t.tightrope_k as {LINK} \
         from (select p.*, p.ctid as tightrope_place, {was} as tightrope_s, {of_rows} from {rows} p) p \
         left join (select {now} as tightrope_k, {left} as tightrope_s, {of_table} from only {after} t) t \
         on t.tightrope_s = p.tightrope_s and t.tightrope_n = p.tightrope_n order by p.tightrope_place; \
         drop table {rows}; alter table {linked} rename to {name}; alter table {rows} replica identity full",
        linked = names::sql(&linked),
        columns = columns.join(", "),
        of_rows = number(&was, "p"),
        of_table = number(&left, "t"),
        now = whole_text(plan, "t"),
        after = names::sql(after),
        name = quote(&rows.name),
        rows = names::sql(rows),
    ))?;
    Ok(true)
}

/// Whether rows have the keys that they had before, where a change of the schema may have given them others and no row was
/// written otherwise. Where they have not, a table of which whole rows are kept is one without a key.
///
/// # Errors
/// When they have others, and the net was planned for those of before.
pub(in crate::net) fn keys_agree(
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
    let (mut now, mut was) = (Vec::new(), Vec::new());
    for key in &plan.key {
        let (Some(is), Some(then)) = (columns.get(&key.after), kept.get(&key.before)) else {
            return Ok(true);
        };
        let hash = match is.is_number() && then.is_number() {
            true => |name: &str| {
                format!(
                    "pg_catalog.hash_numeric_extended({}::numeric, 0)",
                    quote(name)
                )
            },
            false => |name: &str| {
                format!(
                    "pg_catalog.hashtextextended({}::text collate \"C\", 0)",
                    quote(name)
                )
            },
        };
        now.push(hash(&key.after));
        was.push(hash(&key.before));
    }
    if now.is_empty() {
        return Ok(true);
    }
    let sums = |hashes: &[String], from: &str| {
        let sums: Vec<String> = hashes.iter().map(|hash| format!("sum({hash})")).collect();
        format!(
            "(select row(count(*), {})::text from {from})",
            sums.join(", ")
        )
    };
    let agree = session.query_own(
        &format!(
            "select 1::bigint where {} = {}",
            sums(&now, &format!("only {}", names::sql(after))),
            sums(&was, &names::sql(rows)),
        ),
        &[],
    )?;
    match (agree.is_empty(), plan.keep) {
        (false, _) => Ok(true),
        (true, Keep::Whole) => Ok(false),
        (true, _) => Err(EngineError::new(
            ErrorKind::Unsupported,
            format!(
                "the change of a column's type gives rows of {} other keys, which the net was not planned for",
                plan.before
            ),
        )
        .hint("rehearse the migration again, on a copy of the data as it is now")),
    }
}

/// Whether what the migration should have left alone is the same in all rows and pre-images, in whatever order.
fn leaves_agree(
    session: &mut PostgresSession,
    plan: &TablePlan,
    rows: &TableName,
    after: &TableName,
) -> Result<bool, EngineError> {
    let sums = |text: &str, from: &str| {
        format!(
            "(select row(count(*), sum(pg_catalog.hashtextextended({text}, 0)))::text from {from})"
        )
    };
    let agree = session.query_own(
        &format!(
            "select 1::bigint where {} = {}",
            sums(
                &text(plan, Shape::After, "t"),
                &format!("only {} t", names::sql(after))
            ),
            sums(
                &text(plan, Shape::Before, "p"),
                &format!("{} p", names::sql(rows))
            ),
        ),
        &[],
    )?;
    Ok(!agree.is_empty())
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
