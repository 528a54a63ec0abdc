//! An application's queries, tried one by one.

use tightrope_engine::ErrorKind;

use super::Subject;
use super::desk::Desk;

const ROWS: [&str; 2] = [
    "create table t (id integer primary key, v text)",
    "insert into t values (1, 'one'), (2, null), (3, 'three')",
];

/// A query is prepared with its parameters, and nothing is run.
pub fn a_query_is_prepared_and_not_run(subject: &Subject) {
    let mut desk = Desk::with(subject, &ROWS);
    let queries = desk.session.queries().expect("queries can be tried");
    queries
        .prepare("select v from t where id = $1")
        .expect("a query is prepared");
    queries
        .prepare("delete from t where id = $1")
        .expect("a change is prepared");
    let found = queries.rows_of("select id from t", 9);
    assert_eq!(found.expect("a query runs").count, 3);
}

/// What the application would be told is told, with the position in the query.
pub fn a_query_that_fails_says_where(subject: &Subject) {
    let mut desk = Desk::with(subject, &ROWS);
    let queries = desk.session.queries().expect("queries can be tried");
    let sql = "select v, gone from t";
    let error = queries.prepare(sql).expect_err("there is no such column");
    assert_eq!(error.kind, ErrorKind::DoesNotExist, "{error:?}");
    assert_eq!(error.position, sql.find("gone"), "{error:?}");
    // The session is as good as before.
    queries
        .prepare("select v from t")
        .expect("the session works");
}

/// A query runs to its end, and its first rows come as text, NULL as none.
pub fn the_first_rows_of_a_query_come_as_text(subject: &Subject) {
    let mut desk = Desk::with(subject, &ROWS);
    let queries = desk.session.queries().expect("queries can be tried");
    let found = queries
        .rows_of("select v as word from t order by id", 2)
        .expect("a query runs");
    assert_eq!(found.columns, ["word"]);
    assert_eq!(found.rows, [[Some("one".to_owned())], [None]]);
    assert_eq!(found.count, 3);
}
