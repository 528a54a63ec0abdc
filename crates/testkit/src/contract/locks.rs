//! Locks, and the rows that a transaction changed.

use std::thread;
use std::time::{Duration, Instant};

use tightrope_engine::{EngineError, ErrorKind, Session};
use tightrope_model::TableChange;

use super::Subject;
use super::desk::{Desk, try_run};

const TABLE: &str = "create table t (id integer primary key, v text)";

/// Long enough for anything that will happen, short enough to fail.
const LIMIT: Duration = Duration::from_secs(30);

fn change_table(session: &mut dyn Session) -> Result<(), EngineError> {
    session.begin()?;
    try_run(session, "alter table t add column more text")?;
    session.commit()
}

/// Who waits longer for a lock than allowed is told so, and can go on.
pub fn waiting_is_bounded(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE]);
    let mut other = desk.another();
    desk.begin();
    desk.run("alter table t add column mine text");

    other.set_lock_timeout(50).expect("the timeout is set");
    let error = change_table(other.as_mut()).expect_err("the table is locked");
    assert_eq!(error.kind, ErrorKind::LockNotGranted, "{error:?}");
    other.roll_back().expect("the transaction rolls back");
    desk.roll_back();
    change_table(other.as_mut()).expect("the lock is free");
}

/// While a session waits, another one can be told for whom.
pub fn whoever_blocks_is_named(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE]);
    let mut waiting = desk.another();
    let Some(id) = waiting.id() else { return };
    if !desk.session.capabilities().names_lock_holders {
        return;
    }
    let mut watching = desk.another();
    desk.begin();
    desk.run("alter table t add column mine text");
    let waiter = thread::spawn(move || change_table(waiting.as_mut()));

    let deadline = Instant::now() + LIMIT;
    let blockers = loop {
        let blockers = watching
            .blockers(Some(&id))
            .expect("blockers can be asked for");
        if !blockers.is_empty() {
            break blockers;
        }
        assert!(!waiter.is_finished(), "it does not wait");
        assert!(Instant::now() < deadline, "nobody is named");
        thread::sleep(Duration::from_millis(5));
    };
    desk.roll_back();
    let outcome = waiter.join().expect("the waiter ends");
    outcome.expect("the lock is granted in the end");

    assert_eq!(blockers.len(), 1, "{blockers:?}");
    let blocker = &blockers[0];
    assert!(blocker.state.contains("transaction"), "{blocker:?}");
    assert!(blocker.query.contains("mine"), "{blocker:?}");
    assert!(!blocker.user.is_empty() && !blocker.application.is_empty());
}

/// The locks of the open transaction are listed, where the engine lists any.
pub fn locks_held_are_listed(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE, "create table other (id integer)"]);
    desk.begin();
    desk.run("alter table t add column more text");
    let locks = desk.session.locks_held().expect("locks can be listed");
    desk.roll_back();
    let on = |table: &str| locks.iter().filter(|lock| lock.relation == table).count();
    if desk.session.capabilities().lists_locks {
        assert!(on("t") > 0, "{locks:?}");
        assert_eq!(on("other"), 0, "{locks:?}");
    } else {
        assert!(locks.is_empty(), "{locks:?}");
    }
}

/// Rows inserted, updated and deleted are counted by table, those of tables made in between too.
pub fn changed_rows_are_told_apart_by_table(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE, "create table still (id integer)"]);
    desk.begin();
    desk.session.start_counting_rows().expect("counting starts");
    desk.run("insert into t values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')");
    desk.run("update t set v = 'x' where id > 1");
    desk.run("delete from t where id > 2");
    desk.run("create table made (id integer)");
    desk.run("insert into made values (1)");
    let mut changed = desk.session.rows_changed().expect("changes are counted");
    changed.sort_by(|a, b| a.0.cmp(&b.0));
    let change = |inserted, updated, deleted| TableChange {
        inserted,
        updated,
        deleted,
    };
    let expect = [
        (desk.table("made"), change(1, 0, 0)),
        (desk.table("t"), change(4, 3, 2)),
    ];
    assert_eq!(changed, expect);
}

/// What the session changed before does not count.
pub fn earlier_changes_are_not_counted(subject: &Subject) {
    let mut desk = Desk::with(subject, &[TABLE, "insert into t values (1, 'a'), (2, 'b')"]);
    desk.begin();
    desk.run("delete from t where id = 1");
    desk.session.start_counting_rows().expect("counting starts");
    assert_eq!(
        desk.session.rows_changed().expect("changes are counted"),
        []
    );
    desk.run("delete from t where id = 2");
    let changed = desk.session.rows_changed().expect("changes are counted");
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].1.deleted, 1);
    desk.commit();

    desk.begin();
    desk.session.start_counting_rows().expect("counting starts");
    assert_eq!(
        desk.session.rows_changed().expect("changes are counted"),
        []
    );
}
