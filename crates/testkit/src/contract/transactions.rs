//! All or nothing.

use tightrope_engine::ErrorKind;

use super::Subject;
use super::desk::Desk;

const TABLE: &str = "create table t (id integer primary key, v text)";

/// DDL and rows of a transaction that is rolled back are gone, for the catalog too.
pub fn what_is_rolled_back_never_was(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE, "insert into t values (1, 'one')"]);
    if !desk.session.capabilities().transactional_ddl {
        return;
    }
    let before = desk.session.catalog().expect("the catalog can be read");
    let rows = desk.checksum("t");

    desk.begin();
    desk.run("create table other (id integer)");
    desk.run("alter table t add column more text");
    desk.run("update t set v = 'changed'");
    desk.roll_back();

    let after = desk.session.catalog().expect("the catalog can be read");
    assert_eq!(after.fingerprint(), before.fingerprint());
    assert_eq!(desk.checksum("t"), rows);
}

/// What is committed is seen by others, also when the session has ended.
pub fn what_is_committed_stays(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE]);
    desk.begin();
    desk.run("insert into t values (1, 'one')");
    desk.commit();
    desk.session = desk.another();
    assert_eq!(desk.value("select v from t").as_deref(), Some("one"));
}

/// Rolling back without a transaction is no error.
pub fn rolling_back_nothing_is_nothing(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE]);
    desk.roll_back();
    desk.begin();
    desk.roll_back();
    desk.roll_back();
    assert!(desk.find("t").is_some());
}

/// After an error the transaction can be rolled back, and the session goes on.
pub fn a_failed_statement_can_be_rolled_back(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE]);
    desk.begin();
    desk.run("insert into t values (1, 'one')");
    desk.fail("insert into t values (1, 'again')");
    desk.roll_back();
    assert_eq!(desk.checksum("t").rows, 0);
    desk.run("insert into t values (1, 'one')");
}

/// A commit that a deferred constraint refuses has rolled the transaction back.
pub fn a_commit_that_fails_leaves_no_transaction(subject: &Subject) {
    let child = "create table child (p integer references t (id) deferrable initially deferred)";
    let mut desk = Desk::with(subject, &[TABLE, child]);
    if let Some(statement) = subject.sql.mind_foreign_keys {
        desk.run(statement);
    }
    desk.begin();
    desk.run("insert into child values (7)");
    let error = desk.session.commit().expect_err("there is no parent");
    assert_eq!(error.kind, ErrorKind::DataViolation, "{error:?}");

    assert_eq!(desk.checksum("child").rows, 0);
    desk.begin();
    desk.run("insert into t values (7, 'parent')");
    desk.commit();
}

/// A session that ends in a transaction has not committed it.
pub fn a_transaction_left_open_ends_with_its_session(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE]);
    desk.begin();
    desk.run("insert into t values (1, 'one')");
    desk.session = desk.another();
    assert_eq!(desk.checksum("t").rows, 0);
    desk.run("insert into t values (1, 'one')");
}
