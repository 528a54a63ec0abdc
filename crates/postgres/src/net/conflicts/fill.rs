//! Expressions under `[fill]` that fail: a row in which one does has no value for a column that the old schema demands.

use tightrope_engine::{EngineError, Window};
use tightrope_model::{ColumnPlan, Value};

use super::truth::Truth;
use crate::net::names;
use crate::net::terms::Terms;
use crate::quote::literal;
use crate::session::PostgresSession;

/// An expression that fails in some rows.
pub(super) struct Failing {
    /// The condition on `t` that it does.
    pub(super) condition: String,
    /// What the server says about the first.
    because: String,
}

/// The rules of one table.
pub(super) fn broken(truth: &Truth<'_, '_>) -> Vec<(String, String)> {
    let columns = truth.table.plan.columns.iter().zip(&truth.failing);
    let rules = columns.filter_map(|(column, failing)| {
        let failing = failing.as_ref()?;
        let new = format!("not ({})", truth.terms.joins.has_before);
        let rows = truth.written_where(&format!("{new} and {}", failing.condition))?;
        let words = format!(
            "the expression under [fill] for column `{}` fails: {}",
            column.before, failing.because
        );
        Some((words, rows))
    });
    rules.collect()
}

/// Whether the expression for a column that was gone fails in a row. All rows are tried at once first: only where that fails
/// each has to be tried by itself.
pub(super) fn failing(
    session: &mut PostgresSession,
    number: i64,
    terms: &Terms<'_>,
    column: &ColumnPlan,
    window: &Window<'_>,
) -> Result<Option<Failing>, EngineError> {
    let given = crate::net::fill(window.fill, &terms.facts.plan.before, &column.before);
    let Some(expression) = given.filter(|_| column.after.is_none()) else {
        return Ok(None);
    };
    let kind = &column.type_before;
    let of_row = |row: &str| format!("(select ({expression})::{kind} from (select {row}.*) as t)");
    let of_new = format!(
        "from {} where not ({})",
        terms.from(),
        terms.joins.has_before
    );
    let all = format!("select count({}) {of_new}", of_row("t"));
    let tried = session.query_own(
        &format!("select {}(1, {})", function(number), literal(&all)),
        &[],
    )?;
    let because = tried
        .first()
        .and_then(|row| row.first().and_then(Value::text));
    let fails = format!(
        "{}(t, {}) is not null",
        function(number),
        literal(&format!("select {}", of_row("($1)")))
    );
    // To convert text cuts it short in silence, to write it does not.
    let is_cut = kind.starts_with("character").then(|| {
        format!(
            "(select rtrim(({expression})::text) <> rtrim((({expression})::{kind})::text) from (select t.*) as t)"
        )
    });
    let (condition, because) = match (because, is_cut) {
        (None, None) => return Ok(None),
        (Some(because), None) => (fails, because.to_owned()),
        (Some(because), Some(is_cut)) => (
            format!("case when {fails} then true else {is_cut} end"),
            because.to_owned(),
        ),
        (None, Some(is_cut)) => {
            let cut = format!("select 1::bigint {of_new} and {is_cut} limit 1");
            if session.query_own(&cut, &[])?.is_empty() {
                return Ok(None);
            }
            (is_cut, format!("value too long for type {kind}"))
        }
    };
    Ok(Some(Failing { condition, because }))
}

/// The function that tries a query.
fn function(number: i64) -> String {
    names::sql(&names::of_all(number, "failure"))
}

/// Makes that function: it gives what the server says, or nothing where the query runs.
pub(in crate::net) fn make_failure_function(
    session: &mut PostgresSession,
    number: i64,
) -> Result<(), EngineError> {
    let body = "begin\nexecute query using source;\nreturn null;\nexception when others then\nreturn sqlerrm;\nend";
    session.execute_own(&format!(
        "create function {}(source anyelement, query text) returns text language plpgsql stable as {}",
        function(number),
        literal(body)
    ))
}
