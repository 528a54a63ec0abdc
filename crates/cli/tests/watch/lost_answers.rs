//! The server commits, and the answer is lost: nothing is done twice, and nothing is said that is not so.

use crate::stage::{LONG, Stage};

/// Watches through a line that breaks at the commit after these words; gives the ledger.
fn broken_at(words: &str) -> Vec<String> {
    let stage = Stage::postgres();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", "alter table orders drop column note;", "");
    let (proxy, url) = stage.proxy();
    let mut running = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .env("TIGHTROPE_URL", url)
        .spawn();
    running.wait_for_stderr_line("watching 0002_drop_note", LONG);
    proxy.arm(words);
    stage.errors(11);
    running.wait().expect_code(8);
    assert_eq!(proxy.broken(), 1, "no answer was lost");
    assert_eq!(
        stage.number("select count(*) from orders where note = 'n17'"),
        1
    );
    let nothing = stage.run(&["watch"], 0);
    assert!(
        nothing.stdout.contains("Nothing is being watched."),
        "{nothing}"
    );
    stage.ledger()
}

#[track_caller]
fn each_once(ledger: &[String]) {
    for action in ["watch-begun", "watch-failed", "rolled-back", "watch-ended"] {
        let count = ledger.iter().filter(|found| *found == action).count();
        assert_eq!(count, 1, "{action}: {ledger:?}");
    }
}

#[test]
fn a_decision_whose_commit_was_not_heard_is_decided_once() {
    each_once(&broken_at("watch-failed"));
}

#[test]
fn a_rollback_whose_commit_was_not_heard_has_happened() {
    each_once(&broken_at("rolled-back"));
}

#[test]
fn an_end_whose_commit_was_not_heard_is_an_end() {
    each_once(&broken_at("watch-ended"));
}
