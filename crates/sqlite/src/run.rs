//! Running one statement of a script, and one of tightrope's own.

use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, Rows};
use tightrope_engine::{EngineError, ErrorKind, QueryRows, StatementOutcome};
use tightrope_model::Value;

use crate::definition::{first_word, is_empty, place_of_name};
use crate::error::from_sqlite;
use crate::value;

/// How many rows of a result are kept for a person to see; all are stepped through.
const ROWS_KEPT: usize = 100;

/// Runs one statement as it is, to its last row.
pub(crate) fn statement(
    connection: &Connection,
    sql: &str,
) -> Result<StatementOutcome, EngineError> {
    if is_empty(sql) {
        return Ok(StatementOutcome::default());
    }
    let failed = |error| placed(from_sqlite(error), sql);
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let writes_rows = !statement.readonly() && writes_rows(sql);
    let mut outcome = StatementOutcome {
        columns,
        ..StatementOutcome::default()
    };
    let mut rows = statement.raw_query();
    step_through(&mut rows, &mut outcome).map_err(failed)?;
    drop(rows);
    if writes_rows {
        outcome.rows_affected = Some(connection.changes());
    }
    Ok(outcome)
}

/// Prepares one query and forgets it.
pub(crate) fn prepare_only(connection: &Connection, sql: &str) -> Result<(), EngineError> {
    let prepared = connection.prepare(sql);
    prepared
        .map(drop)
        .map_err(|error| placed(from_sqlite(error), sql))
}

/// Runs one query to its last row, and keeps the first rows to the letter.
pub(crate) fn rows_of(
    connection: &Connection,
    sql: &str,
    most: usize,
) -> Result<QueryRows, EngineError> {
    let failed = |error| placed(from_sqlite(error), sql);
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut found = QueryRows {
        columns: statement.column_names().map(str::to_owned).collect(),
        ..QueryRows::default()
    };
    let width = found.columns.len();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(failed)? {
        found.count += 1;
        if found.rows.len() < most {
            let values = (0..width).map(|index| row.get_ref(index).map(value::exact));
            let values = values.collect::<rusqlite::Result<_>>();
            found.rows.push(values.map_err(failed)?);
        }
    }
    Ok(found)
}

/// The error with a place in the statement, where the library gives none: the end of one that is not complete, or the name
/// that the message speaks of.
fn placed(mut error: EngineError, sql: &str) -> EngineError {
    if error.position.is_none() {
        error.position = if error.message == "incomplete input" {
            Some(sql.trim_end().len())
        } else {
            named_in(&error.message).and_then(|name| place_of_name(sql, name))
        };
    }
    error
}

/// `t` of `no such table: main.t`, `duplicate column name: t`, `table x has no column named t` and `table t already exists`.
fn named_in(message: &str) -> Option<&str> {
    let name = if let Some(start) = message.strip_suffix(" already exists") {
        start.split_once(' ')?.1
    } else if let Some((_, name)) = message.split_once(" has no column named ") {
        name
    } else {
        message
            .strip_prefix("no such ")
            .or_else(|| message.strip_prefix("duplicate column "))?
            .split_once(": ")?
            .1
    };
    let name = name.strip_prefix("main.").unwrap_or(name);
    Some(name.trim_matches('"'))
}

fn step_through(rows: &mut Rows<'_>, outcome: &mut StatementOutcome) -> rusqlite::Result<()> {
    let width = outcome.columns.len();
    let mut boolean = width == 1;
    let mut any = false;
    while let Some(row) = rows.next()? {
        any = true;
        if boolean {
            boolean = matches!(row.get_ref(0)?, ValueRef::Null | ValueRef::Integer(0 | 1));
        }
        if outcome.rows.len() < ROWS_KEPT {
            let shown = (0..width).map(|index| row.get_ref(index).map(value::shown));
            outcome.rows.push(shown.collect::<rusqlite::Result<_>>()?);
        }
    }
    outcome.booleans = vec![boolean && any; width];
    Ok(())
}

/// Whether the statement is one whose rows the library counts.
pub(crate) fn writes_rows(sql: &str) -> bool {
    matches!(
        first_word(sql).as_str(),
        "insert" | "update" | "delete" | "replace" | "with"
    )
}

/// Runs one of tightrope's own statements with its parameters, bound by their order.
pub(crate) fn query(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Vec<Value>>, EngineError> {
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let wanted = statement.parameter_count();
    if wanted != parameters.len() {
        return Err(EngineError::new(
            ErrorKind::Other,
            format!(
                "the statement takes {wanted} parameters, and {} were given",
                parameters.len()
            ),
        ));
    }
    for (index, parameter) in parameters.iter().enumerate() {
        let bound = match parameter {
            Value::Null => SqlValue::Null,
            Value::Integer(number) => SqlValue::Integer(*number),
            Value::Text(text) => SqlValue::Text(text.clone()),
        };
        statement
            .raw_bind_parameter(index + 1, bound)
            .map_err(from_sqlite)?;
    }
    let width = statement.column_count();
    let mut rows = statement.raw_query();
    let mut read = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let values = (0..width).map(|index| {
            let value = row.get_ref(index)?;
            Ok(match value {
                ValueRef::Integer(number) => Value::Integer(number),
                other => value::shown(other).into(),
            })
        });
        read.push(
            values
                .collect::<rusqlite::Result<_>>()
                .map_err(from_sqlite)?,
        );
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(setup: &str, sql: &str) -> StatementOutcome {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(setup).unwrap();
        statement(&connection, sql).unwrap()
    }

    const NUMBERS: &str = "create table t (a);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 150)
        insert into t select i from n;";

    #[test]
    fn rows_are_stepped_to_the_end_and_a_hundred_kept() {
        let outcome = run(NUMBERS, "select a, 'x' as b from t");
        assert_eq!(outcome.columns, ["a", "b"]);
        assert_eq!(outcome.rows.len(), ROWS_KEPT);
        assert_eq!(outcome.rows_affected, None);
        assert_eq!(outcome.booleans, [false, false]);
    }

    #[test]
    fn rows_affected_are_those_of_the_statement() {
        assert_eq!(
            run(NUMBERS, "-- c\n delete from t where a < 11").rows_affected,
            Some(10)
        );
        let with = "with x as (select 1) update t set a = 0 where a in (select * from x)";
        assert_eq!(run(NUMBERS, with).rows_affected, Some(1));
        assert_eq!(run(NUMBERS, "create table u (a)").rows_affected, None);
        assert_eq!(run(NUMBERS, "pragma user_version = 3").rows_affected, None);
        let returning = run(NUMBERS, "delete from t returning a");
        assert_eq!(
            (returning.rows.len(), returning.rows_affected),
            (100, Some(150))
        );
    }

    fn check_boolean(sql: &str, expect: bool) {
        assert_eq!(run(NUMBERS, sql).booleans[0], expect, "{sql}");
    }

    #[test]
    fn booleans_are_zeros_and_ones_in_one_column() {
        check_boolean("select a > 3 from t", true);
        check_boolean("select null", true);
        check_boolean("select 2", false);
        check_boolean("select a < 150 or a from t", true);
        check_boolean("select 1.0", false);
        check_boolean("select 1, 1", false);
        check_boolean("select 1 where false", false);
    }

    #[test]
    fn more_than_one_statement_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        let error = statement(&connection, "create table a (x); create table b (x)").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Syntax);
        statement(&connection, "create table a (x); -- and no more").unwrap();
    }

    fn check_place(sql: &str, at: &str) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("create table t (a)").unwrap();
        let error = statement(&connection, sql).unwrap_err();
        assert_eq!(error.position, sql.find(at), "{error:?}");
    }

    #[test]
    fn a_comment_alone_does_nothing() {
        assert_eq!(run("", "-- nothing\n ;"), StatementOutcome::default());
    }

    #[test]
    fn errors_have_a_place() {
        check_place("drop table -- gone?\n \"Gone\"", "\"Gone");
        check_place("drop index main.gone", "gone");
        check_place("create table t (b)", "t (b");
        check_place("select a, é, gone from t", "é");
        check_place("insert into t (gone) values (1)", "gone");
        check_place("alter table t add column 'a'", "'a'");
        let connection = Connection::open_in_memory().unwrap();
        let error = statement(&connection, "create table t (a \n").unwrap_err();
        assert_eq!(error.position, Some("create table t (a".len()));
    }

    #[test]
    fn parameters_are_bound_by_their_order() {
        let connection = Connection::open_in_memory().unwrap();
        let rows = query(
            &connection,
            "select $1, $2, $3, 1.5",
            &["a".into(), 7.into(), Value::Null],
        );
        let expect = vec!["a".into(), 7.into(), Value::Null, "1.5".into()];
        assert_eq!(rows.unwrap(), [expect]);
        assert!(query(&connection, "select $1", &[]).is_err());
    }
}
