//! The server is restarted, crashes, or is away while it is watched.

use crate::stage::{EXTRA, LONG, Stage};

/// What the errors table counts goes on where it was.
#[test]
fn errors_are_counted_across_a_restart() {
    let stage = Stage::own_postgres("");
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_extra", EXTRA.0, EXTRA.1);
    let mut running = stage.watching("0002_extra", &["apply", "--yes", "--watch", "10min"]);
    stage.errors(5);
    stage.server().stop().unwrap();
    running.wait_for_stderr_line("not kept yet", LONG);
    stage.server().start_again().unwrap();
    stage.errors_from(5, 6);
    let outcome = running.wait().expect_code(8);
    assert!(
        outcome.stderr.contains("more than 10 errors: it is 11"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
}

/// A crash also forgets the server's statistics: looks are lost, and nothing fails. With many lost it is undecided.
#[test]
fn a_crash_of_the_server_is_no_failure_of_the_migration() {
    let stage = Stage::own_postgres("");
    stage.criteria(
        &[
            "more than 10 errors",
            "deadlocks > 0",
            "odd > 0",
            "the verify script fails",
        ],
        "",
    );
    stage.write(
        "migrations/0002_extra/verify.sql",
        "select count(*) > 0 from orders;",
    );
    stage.rehearsed("0002_extra", EXTRA.0, EXTRA.1);
    let mut running = stage.watching("0002_extra", &["apply", "--yes", "--watch", "6s"]);
    stage.server().crash().unwrap();
    running.wait_for_stderr_line("not kept yet", LONG);
    stage.server().start_again().unwrap();
    let outcome = running.wait();
    assert!([Some(0), Some(9)].contains(&outcome.code), "{outcome}");
    assert_eq!(stage.count_in_ledger("watch-failed"), 0);
    assert_eq!(stage.number("select count(extra) from orders"), 0);
}

#[test]
fn a_server_that_is_away_until_the_end_is_no_pass() {
    let stage = Stage::own_postgres("");
    stage.criteria(&["more than 10 errors", "odd > 0"], "");
    stage.rehearsed("0002_extra", EXTRA.0, EXTRA.1);
    let mut running = stage.watching("0002_extra", &["apply", "--yes", "--watch", "3s", "--json"]);
    stage.server().stop().unwrap();
    running.wait_for_stdout_line("\"left_ms\":0", LONG);
    stage.server().start_again().unwrap();
    let outcome = running.wait().expect_code(9);
    assert!(
        outcome.stdout.contains("\"outcome\":\"undecided\""),
        "{outcome}"
    );
    assert_eq!(stage.ledger().last().unwrap(), "watch-ended");
    assert_eq!(stage.count_in_ledger("rolled-back"), 0);
}
