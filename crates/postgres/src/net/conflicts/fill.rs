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
    let of_row = |row: &str| format!("(select ({expression}) from (select {row}.*) as t)");
    let all = format!(
        "select count({}) from {} where not ({})",
        of_row("t"),
        terms.from(),
        terms.joins.has_before
    );
    let tried = session.query_own(
        &format!("select {}(1, {})", function(number), literal(&all)),
        &[],
    )?;
    let because = tried
        .first()
        .and_then(|row| row.first().and_then(Value::text));
    Ok(because.map(|because| Failing {
        condition: format!(
            "{}(t, {}) is not null",
            function(number),
            literal(&format!("select {}", of_row("($1)")))
        ),
        because: because.to_owned(),
    }))
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
