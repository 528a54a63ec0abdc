//! The touch log of a later migration in the words of an earlier one: rows as they are after the later one's rollback.

use tightrope_engine::{EngineError, KeptTable};
use tightrope_model::{TableName, TablePlan};

use super::super::columns::Columns;
use super::super::names;
use super::super::terms::{Shape, Terms, before};
use super::{columns_left_alone, entries, has_more, images, row_text};
use crate::quote::quote;
use crate::session::PostgresSession;

/// Where it is written down what the rows that the application has written will be.
fn words(kept: &KeptTable) -> Option<TableName> {
    let log = kept.touched.as_ref()?;
    Some(TableName::new(&log.schema, format!("{}_words", log.name)))
}

/// Before a rollback changes the table: writes down what the rows that the log tells of will be after it, value by value. Rows
/// of which the same is left cannot be told apart then. `values` are the expressions for the columns of before.
pub(in crate::net) fn keep_words(
    session: &mut PostgresSession,
    kept: &KeptTable,
    terms: &Terms<'_>,
    values: &[String],
) -> Result<(), EngineError> {
    let left = columns_left_alone(&kept.plan, Shape::Before).count();
    let (Some(words), Some(_)) = (words(kept), &terms.facts.log) else {
        return Ok(());
    };
    if left == kept.plan.columns.len() {
        return Ok(());
    }
    // A row's text is that of its values between brackets, and commas.
    let values = (1..).zip(values).map(|(number, value)| {
        format!(", pg_catalog.left(pg_catalog.substr(row({value})::text, 2), -1) as v{number}")
    });
    let sql = format!(
        "create table {} as select {} as entry{} from {} where {}",
        names::sql(&words),
        terms.joins.entry,
        values.collect::<String>(),
        terms.from(),
        terms.joins.touched,
    );
    session.execute_own("savepoint tightrope_words")?;
    match session.execute_own(&sql) {
        Ok(()) => {}
        Err(error) if error.kind.is_fatal() || error.kind.may_pass() => return Err(error),
        // A type of before is not there yet.
        Err(_) => session.execute_own("rollback to savepoint tightrope_words")?,
    }
    session.execute_own("release savepoint tightrope_words")
}

/// A query for the entries of a later log: `k1` and `o1` as the earlier log has them, `s1` as it keeps what is left of a row,
/// and the later log's flags. `earlier` is the plan of the earlier migration for the same table, which has its shape of before
/// the later one again.
pub(in crate::net) fn in_words_of_before(
    session: &mut PostgresSession,
    later: &KeptTable,
    earlier: &TablePlan,
    flags: &[&str],
) -> Result<String, EngineError> {
    let plan = &later.plan;
    let terms = Terms::of(session, later, &plan.before, Shape::Before)?;
    let Some((log, _)) = &terms.facts.log else {
        return Ok(
            "select null::text as k1, null::text as o1, null::text as s1 where false".into(),
        );
    };
    let kept_words = match words(later) {
        Some(words) if Columns::of(session, &words)?.of_table => Some(names::sql(&words)),
        _ => None,
    };
    let names: Vec<&str> = plan
        .columns
        .iter()
        .map(|column| column.before.as_str())
        .collect();
    let as_text = |columns: &[&str]| match &kept_words {
        None => row_text(columns.iter().map(|name| format!("t.{}", quote(name)))),
        Some(_) => {
            let places = columns
                .iter()
                .filter_map(|name| names.iter().position(|own| own == name));
            let values: String = places.map(|at| format!(", t.v{}", at + 1)).collect();
            format!("('(' || pg_catalog.concat_ws(','{values}) || ')') collate \"C\"")
        }
    };
    let now = as_text(&names);
    let left = match has_more(earlier) {
        true => as_text(&columns_left_alone(earlier, Shape::After).collect::<Vec<_>>()),
        false => "null::text".to_owned(),
    };
    let (origin, of_entry) = match &terms.facts.rows {
        Some((rows, _)) => {
            let was = row_text((0..plan.columns.len()).map(|at| before(plan, at)));
            (
                format!("case when p.tightrope_r is not null then {was} end"),
                format!(
                    " left join {} p on p.tightrope_claimed and p.tightrope_r = l.o1 and p.tightrope_n = l.m",
                    images(&terms.facts, rows)
                ),
            )
        }
        None if has_more(plan) => ("l.s0".to_owned(), String::new()),
        None => ("l.o1".to_owned(), String::new()),
    };
    let flags: String = flags.iter().map(|flag| format!(", l.{flag}")).collect();
    let entries = format!("{} l", entries(log, "k1"));
    let (from, touched) = match &kept_words {
        None => (terms.from(), terms.joins.touched.as_str()),
        Some(words) => (
            format!("{words} t join {entries} on l.entry = t.entry{of_entry}"),
            "true",
        ),
    };
    Ok(format!(
        "select {now} as k1, {origin} as o1, {left} as s1{flags} from {from} where {touched} \
         union all \
         select null, {origin}, null{flags} from {entries}{of_entry} where l.k1 is null and l.o1 is not null",
    ))
}
