//! The watcher dies, and another process goes on; somebody rolls back by hand at the same instant.

use crate::stage::{LONG, Stage};

const DROP_NOTE: (&str, &str) = ("alter table orders drop column note;", "");

fn killed(stage: &Stage) {
    stage.criteria(&["more than 10 errors", "row count of orders equal"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let mut running = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .spawn();
    running.wait_for_stderr_line("watching 0002_drop_note", LONG);
    // What the dead watcher has not seen is seen by the next one: the counter goes on.
    stage.errors(5);
    running.sigkill();
    running.wait();
    stage.errors_from(5, 6);
    let outcome = stage.run(&["watch"], 8);
    assert!(outcome.stderr.contains("took the watch over"), "{outcome}");
    assert!(
        outcome.stderr.contains("more than 10 errors: it is 11"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
    assert_eq!(
        stage.number("select count(*) from orders where note = 'n17'"),
        1
    );
    let nothing = stage.run(&["watch"], 0);
    assert!(
        nothing.stdout.contains("Nothing is being watched."),
        "{nothing}"
    );
}

#[test]
fn a_killed_watcher_is_taken_over_on_postgres() {
    killed(&Stage::postgres());
}

#[test]
fn a_killed_watcher_is_taken_over_on_sqlite() {
    killed(&Stage::sqlite());
}

#[test]
fn two_do_not_watch_the_same() {
    let stage = Stage::postgres();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let mut running = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .spawn();
    running.wait_for_stderr_line("watching 0002_drop_note", LONG);
    let outcome = stage.run(&["watch"], 5);
    assert!(
        outcome.stderr.contains("another process is watching"),
        "{outcome}"
    );
    running.sigkill();
    running.wait();
}

/// Killed between the decision and the rollback: the decision stands, and is carried out once.
#[test]
fn a_watcher_killed_after_its_decision_is_finished() {
    let stage = Stage::sqlite();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let paused = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .env("TIGHTROPE_PAUSE_AT", "rolled back by the watch");
    let mut running = paused.spawn();
    running.wait_for_stderr_line("watching 0002_drop_note", LONG);
    stage.errors(11);
    running.wait_for_stderr_line("paused at edge", LONG);
    running.sigkill();
    running.wait();
    stage.run(&["watch"], 8);
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
    assert_eq!(stage.ledger().last().unwrap(), "watch-ended");
}

fn by_hand(stage: &Stage) {
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let mut running = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .spawn();
    running.wait_for_stderr_line("watching 0002_drop_note", LONG);
    stage.errors(11);
    let hand = stage
        .tightrope(&["rollback", "--to", "0001", "--yes", "--wait", "60"])
        .spawn();
    running.wait().expect_code(8);
    let hand = hand.wait();
    assert!([Some(0), Some(5)].contains(&hand.code), "{hand}");
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
    assert_eq!(
        stage.number("select count(*) from orders where note = 'n17'"),
        1
    );
}

#[test]
fn of_a_watch_and_a_person_one_rolls_back_on_postgres() {
    by_hand(&Stage::postgres());
}

#[test]
fn of_a_watch_and_a_person_one_rolls_back_on_sqlite() {
    by_hand(&Stage::sqlite());
}
