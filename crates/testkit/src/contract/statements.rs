//! Statements of scripts and of our own.

use tightrope_engine::{ConnectOptions, ErrorKind};
use tightrope_model::{ObjectKind, Value};

use super::Subject;
use super::desk::{Desk, try_run};

/// A result comes as text under its columns' names, NULL as none.
pub fn a_result_is_text_with_its_columns(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let outcome = desk.run("select 1 as number, 'é' as letter, null as absent");
    assert_eq!(outcome.columns, ["number", "letter", "absent"]);
    let row = [Some("1".to_owned()), Some("é".to_owned()), None];
    assert_eq!(outcome.rows, [row]);
}

/// Of a long result the first hundred rows come.
pub fn a_long_result_is_cut(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let outcome = desk.run(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 250) select i from n order by i",
    );
    assert_eq!(outcome.rows.len(), 100);
    assert_eq!(outcome.rows[99], [Some("100".to_owned())]);
}

/// A yes or no is known as one: the verify script lives on that.
pub fn a_boolean_is_known_as_one(subject: &Subject) {
    let mut desk = Desk::new(subject);
    assert_eq!(desk.run("select 1 = 1 as fine").booleans, [true]);
    assert_eq!(desk.run("select 'x' as fine").booleans, [false]);
}

/// Rows that a statement changed are counted.
pub fn changed_rows_are_counted(subject: &Subject) {
    let mut desk = Desk::with(subject, &["create table t (v text)"]);
    let inserted = desk.run("insert into t values ('a'), ('b'), ('c')");
    assert_eq!(inserted.rows_affected, Some(3));
    let updated = desk.run("update t set v = 'd' where v <> 'a'");
    assert_eq!(updated.rows_affected, Some(2));
}

/// The position of an error is counted in bytes, whatever letters stand before it.
pub fn an_error_says_where_in_bytes(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let sql = "/* é, 日本 */ create table t (id integer,, v text)";
    let error = desk.fail(sql);
    assert_eq!(error.kind, ErrorKind::Syntax, "{error:?}");
    assert_eq!(error.position, sql.find(",,").map(|at| at + 1), "{error:?}");
}

/// The kinds of error that decide what a person is told to do.
pub fn errors_are_told_apart(subject: &Subject) {
    let table = "create table t (id integer primary key, v text not null)";
    let mut desk = Desk::with(subject, &[table, "insert into t values (1, 'one')"]);
    let mut check = |sql: &str, kind| {
        let error = desk.fail(sql);
        assert_eq!(error.kind, kind, "`{sql}`: {error:?}");
        assert!(!error.message.is_empty());
    };
    check("insert into nowhere values (1)", ErrorKind::DoesNotExist);
    check("select absent from t", ErrorKind::DoesNotExist);
    check(table, ErrorKind::AlreadyExists);
    check(
        "insert into t values (1, 'again')",
        ErrorKind::DataViolation,
    );
    check("insert into t values (2, null)", ErrorKind::DataViolation);
    check("selec 1", ErrorKind::Syntax);
}

/// Parameters are values, never SQL, and come back as they are.
pub fn parameters_are_values(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let text = "o'clock\"; drop table t; -- \\ é";
    let sql = "select cast($1 as bigint), cast($2 as text), cast($3 as text), cast($4 as bigint)";
    let parameters = [
        Value::Integer(i64::MAX),
        Value::from(text),
        Value::Null,
        Value::Null,
    ];
    let rows = desk
        .session
        .query(sql, &parameters)
        .expect("the query runs");
    assert_eq!(rows, [parameters]);
}

/// A name of any letters is the same name after quoting.
pub fn identifiers_survive_quoting(subject: &Subject) {
    let mut desk = Desk::new(subject);
    for name in [
        "select",
        "Two Words",
        "a\"b",
        "c'd;--",
        "é",
        "per.cent%",
        "$1",
    ] {
        let quoted = desk.session.quote(name);
        desk.run(&format!("create table {quoted} ({quoted} integer)"));
        assert_eq!(desk.shape(name).columns, [name]);
    }
    let catalog = desk.session.catalog().expect("the catalog can be read");
    assert_eq!(catalog.count(ObjectKind::Table), 7);
}

/// A session opened for reading reads, and does not write.
pub fn a_reading_session_cannot_write(subject: &Subject) {
    let desk = Desk::with(subject, &["create table t (v text)"]);
    let options = ConnectOptions {
        read_only: true,
        ..ConnectOptions::default()
    };
    let mut reader = subject
        .engine()
        .connect(&desk.database.url, &options)
        .expect("a reader connects");
    assert!(
        reader
            .catalog()
            .expect("a reader reads")
            .table(&desk.table("t"))
            .is_some()
    );
    assert!(try_run(reader.as_mut(), "insert into t values ('x')").is_err());
    assert!(try_run(reader.as_mut(), "create table u (v text)").is_err());
}

/// After a reset settings are what they were in the new session.
pub fn reset_brings_settings_back(subject: &Subject) {
    let mut desk = Desk::new(subject);
    for setting in subject.sql.settings {
        let before = desk.value(setting.show);
        desk.run(setting.change);
        let changed = desk.value(setting.show);
        assert_ne!(changed, before, "{} changes something", setting.change);
        desk.session.reset().expect("the session resets");
        assert_eq!(desk.value(setting.show), before, "after {}", setting.change);
    }
}
