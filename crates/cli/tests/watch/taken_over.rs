//! The watcher dies, and another process goes on; somebody rolls back by hand at the same instant.

use crate::stage::{LONG, Stage};

const DROP_NOTE: (&str, &str) = ("alter table orders drop column note;", "");

fn killed(stage: &Stage) {
    stage.criteria(&["more than 10 errors", "row count of orders equal"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let mut running = stage.watching("0002_drop_note", &["apply", "--yes", "--watch", "10min"]);
    // What the dead watcher has not seen is seen by the next one: the counter goes on.
    stage.errors(5);
    let watched = |alive: bool| {
        let look = || stage.run(&["status", "--json"], 0).json();
        // The server notices only after a moment that a process is gone.
        let begun = std::time::Instant::now();
        let mut status = look();
        while status["watch"]["alive"] != alive && begun.elapsed() < LONG {
            status = look();
        }
        assert_eq!(status["watch"]["migrations"][0], "0002_drop_note");
        assert_eq!(status["watch"]["phase"], "watching");
        assert_eq!(status["watch"]["alive"], alive, "{status:#}");
        assert!(status["watch"]["left_ms"].as_u64().unwrap() > 500_000);
        assert_eq!(status["watch"]["rulings"].as_array().unwrap().len(), 2);
    };
    watched(true);
    running.sigkill();
    running.wait();
    watched(false);
    let text = stage.run(&["status"], 0).stdout;
    assert!(text.contains("`tightrope watch` goes on with it"), "{text}");
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

/// The terminal goes in the baseline and again later: the decision is carried out all the same.
#[test]
fn a_watcher_that_loses_its_terminal_goes_on() {
    let stage = Stage::sqlite();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let mut running = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .spawn();
    running.wait_for_stderr_line("baseline", LONG);
    running.hang_up();
    running.wait_for_stderr_line("watching 0002_drop_note", LONG);
    running.hang_up();
    stage.errors(11);
    running.wait().expect_code(8);
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
}

#[test]
fn two_do_not_watch_the_same() {
    let stage = Stage::postgres();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let mut running = stage.watching("0002_drop_note", &["apply", "--yes", "--watch", "10min"]);
    let outcome = stage.run(&["watch"], 5);
    assert!(
        outcome.stderr.contains("another process is watching"),
        "{outcome}"
    );
    running.sigkill();
    running.wait();
}

fn killed_at(edge: &str, rolled_back: usize) -> Stage {
    let stage = Stage::sqlite();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let paused = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .env("TIGHTROPE_PAUSE_AT", edge);
    let mut running = paused.spawn();
    running.wait_for_stderr_line("watching 0002_drop_note", LONG);
    stage.errors(11);
    running.wait_for_stderr_line("paused at edge", LONG);
    running.sigkill();
    running.wait();
    assert_eq!(stage.count_in_ledger("watch-failed"), 1);
    assert_eq!(stage.count_in_ledger("rolled-back"), rolled_back);
    stage
}

/// The decision stands, and is carried out once.
#[test]
fn a_watcher_killed_between_its_decision_and_the_rollback_is_finished() {
    let stage = killed_at("decided to roll back", 0);
    stage.run(&["watch"], 8);
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
    assert_eq!(stage.ledger().last().unwrap(), "watch-ended");
}

#[test]
fn a_watcher_killed_after_the_rollback_does_not_roll_back_again() {
    let stage = killed_at("rolled back by the watch", 1);
    stage.run(&["watch"], 8);
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
    assert_eq!(stage.ledger().last().unwrap(), "watch-ended");
}

/// Rolled back by hand, mended and applied again under the same version: that is another migration, which nobody has judged.
#[test]
fn a_migration_that_took_the_place_of_the_judged_one_is_left_alone() {
    let stage = killed_at("decided to roll back", 0);
    stage.run(&["rollback", "--to", "0001", "--yes"], 0);
    std::fs::remove_dir_all(stage.path("migrations/0002_drop_note")).unwrap();
    stage.rehearsed(
        "0002_drop_note",
        "alter table orders add column extra text;",
        "alter table orders drop column extra;",
    );
    stage.run(&["apply", "--yes"], 0);
    stage.run(&["watch"], 8);
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
    assert_eq!(stage.number("select count(extra) from orders"), 0);
}

/// The same script applied anew is another application, too.
#[test]
fn a_migration_that_was_applied_again_is_left_alone() {
    let stage = killed_at("decided to roll back", 0);
    stage.run(&["rollback", "--to", "0001", "--yes"], 0);
    stage.run(&["apply", "--yes"], 0);
    stage.run(&["watch"], 8);
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
}

/// Of two pending migrations the second fails: the first is live, and that is what is said.
#[test]
fn what_is_applied_when_a_run_fails_is_an_alert() {
    let stage = Stage::sqlite();
    stage.criteria(&["row count of orders equal"], "");
    stage.migration(
        "0002_extra",
        "alter table orders add column extra text;",
        "alter table orders drop column extra;",
    );
    stage.rehearsed(
        "0003_fewer",
        "delete from orders where id = 1;",
        "insert into orders (id, customer, amount, note) values (1, 1, 10, 'n1');",
    );
    let outcome = stage.run(&["apply", "--yes", "--watch", "10min"], 9);
    assert!(
        outcome
            .stderr
            .contains("0002_extra stays applied, and is not watched"),
        "{outcome}"
    );
    assert!(!outcome.stderr.contains("nothing was changed"), "{outcome}");
    assert_eq!(stage.number("select count(extra) from orders"), 0);
    assert_eq!(stage.ledger().last().unwrap(), "watch-ended");
    let nothing = stage.run(&["watch"], 0);
    assert!(
        nothing.stdout.contains("Nothing is being watched."),
        "{nothing}"
    );
}

/// While the script runs, nobody looks, and the watch's lease is kept alive all the same.
#[test]
fn a_watch_lives_while_the_script_runs() {
    let stage = Stage::postgres();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let paused = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .env("TIGHTROPE_PAUSE_AT", "script run");
    let mut running = paused.spawn();
    running.wait_for_stderr_line("paused at edge", LONG);
    stage.sql(
        "create table beat as select heartbeat_at from tightrope.lease where resource = 'watch'",
    );
    let later = "select count(*) from tightrope.lease l join beat b on l.heartbeat_at <> b.heartbeat_at where resource = 'watch'";
    let begun = std::time::Instant::now();
    while stage.number(later) == 0 {
        assert!(begun.elapsed() < LONG, "the watch has no pulse");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    running.sigkill();
    running.wait();
}

fn by_hand(stage: &Stage) {
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", DROP_NOTE.0, DROP_NOTE.1);
    let running = stage.watching("0002_drop_note", &["apply", "--yes", "--watch", "10min"]);
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
