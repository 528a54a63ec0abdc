//! While the forward script runs: what stalls others, or takes too long, is cancelled and undone.

use tightrope_testkit::process::Outcome;

use crate::stage::{LONG, Stage};

/// A migration that takes its time once there is a certain error, that is, on the target and not in rehearsal.
const SLOW: &str = "alter table orders add column extra text;
do $$ begin if exists (select from app_errors where id = 1000000000) then perform pg_sleep(200); end if; end $$;";

/// What is said of what has stalled others.
const STALLED: &str = "more than the stall budget of 300 ms, and it was cancelled";

fn slow(policy: &str) -> Stage {
    slow_by(policy, SLOW, "")
}

/// A migration that is slow by its script, or by its verify script.
fn slow_by(policy: &str, up: &str, verify: &str) -> Stage {
    let stage = Stage::postgres();
    stage.write("tightrope.toml", &format!("[policy]\n{policy}\n"));
    if !verify.is_empty() {
        stage.write("migrations/0002_slow/verify.sql", verify);
    }
    stage.rehearsed("0002_slow", up, "alter table orders drop column extra;");
    stage.errors(1);
    stage
}

#[track_caller]
fn is_undone(stage: &Stage, because: &str, hint: &str) {
    let outcome = stage.tightrope(&["apply", "--yes"]).run();
    was_undone(stage, &outcome, &[because, hint]);
}

#[track_caller]
fn was_undone(stage: &Stage, outcome: &Outcome, words: &[&str]) {
    assert_ne!(outcome.code, Some(0), "{outcome}");
    let said: Vec<&str> = outcome.stderr.split_whitespace().collect();
    let said = said.join(" ");
    for words in words {
        assert!(said.contains(words), "{words}: {outcome}");
    }
    assert_eq!(stage.count_in_ledger("applied"), 1);
    let column = "select count(*) from pg_attribute where attrelid = 'orders'::regclass and attname = 'extra'";
    assert_eq!(stage.number(column), 0);
}

/// What stalls a load of two sessions is undone, and none of their writes is lost.
#[track_caller]
fn stalls_nobody(stage: &Stage, hint: &str) {
    let load = stage.load(2);
    is_undone(stage, STALLED, hint);
    stage.has_all(&load.stop());
}

#[test]
fn a_script_that_stalls_others_is_cancelled_and_undone() {
    let stage = slow("stall_budget_ms = 300");
    stalls_nobody(&stage, "do it in smaller steps");
}

#[test]
fn a_script_that_takes_too_long_is_cancelled_and_undone() {
    let stage = slow("script_budget_ms = 300");
    is_undone(
        &stage,
        "longer than its budget of 300 ms, and was cancelled",
        "do it in smaller steps",
    );
}

#[test]
fn a_statement_that_takes_too_long_is_named_and_the_script_undone() {
    // Its first statements together take longer than one may.
    let many = "select pg_sleep(0.2) from app_errors where id = 1000000000;\n".repeat(8);
    let stage = slow_by("statement_budget_ms = 1000", &format!("{many}{SLOW}"), "");
    is_undone(
        &stage,
        "a statement took longer than its budget of 1000 ms, and was cancelled",
        "up.sql:10:",
    );
}

#[test]
fn a_verify_script_that_stalls_others_is_cancelled_and_undone() {
    let stage = slow_by(
        "stall_budget_ms = 300",
        "alter table orders add column extra text;",
        "select pg_sleep(200) from app_errors where id = 1000000000;",
    );
    stalls_nobody(&stage, "do it in smaller steps");
}

#[test]
fn a_verify_script_that_waits_while_others_wait_for_the_script_is_cancelled_and_undone() {
    let stage = slow_by(
        "stall_budget_ms = 300\nlock_timeout_ms = 100000",
        "alter table orders add column extra text;",
        "select message from app_errors where id = 1000000000 for update;",
    );
    let mut client = stage.client();
    let mut holder = client.transaction().unwrap();
    holder
        .batch_execute("update app_errors set message = 'held'")
        .unwrap();
    let load = stage.load(2);
    is_undone(&stage, STALLED, "do it in smaller steps");
    holder.rollback().unwrap();
    stage.has_all(&load.stop());
}

#[test]
fn a_step_that_stalls_others_is_not_advised_to_become_steps() {
    let up = format!("{SLOW}\ncreate index concurrently orders_extra on orders (extra);");
    let stage = slow_by("stall_budget_ms = 300", &up, "");
    stalls_nobody(&stage, "it runs in steps already");
}

#[test]
fn a_verify_script_of_steps_that_stalls_others_is_cancelled_and_the_steps_are_undone() {
    let up = "alter table orders add column extra text;\ncreate index concurrently orders_extra on orders (extra);";
    let verify = "lock table orders in access exclusive mode;
        select pg_sleep(200) from app_errors where id = 1000000000;";
    let stage = slow_by("stall_budget_ms = 300", up, verify);
    stalls_nobody(&stage, "it runs in steps already");
}

fn wait_until_it_sleeps(stage: &Stage) {
    let sleeps = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
    let begun = std::time::Instant::now();
    while stage.number(sleeps) == 0 {
        assert!(begun.elapsed() < LONG, "the script does not run");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Errors come while the script runs, so many that the criteria forbid it: nobody waits for its end.
#[track_caller]
fn is_cancelled_by_errors(up: &str) {
    let stage = Stage::postgres();
    stage.criteria(&["more than 3 errors", "odd > 0"], "");
    stage.rehearsed("0002_slow", up, "alter table orders drop column extra;");
    // So many are no news: they were there before.
    stage.errors(5);
    let running = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .spawn();
    wait_until_it_sleeps(&stage);
    stage.errors_from(5, 4);
    let outcome = running.wait();
    let words = [
        "while the script ran, more than 3 errors: it is 4",
        "and it was cancelled",
        "find out what has failed",
    ];
    was_undone(&stage, &outcome, &words);
    // Nothing is left open.
    let left = stage.run(&["watch"], 0);
    assert!(left.stdout.contains("Nothing is being watched"), "{left}");
}

#[test]
fn a_script_is_cancelled_when_a_hard_limit_is_passed_meanwhile() {
    is_cancelled_by_errors(SLOW);
}

#[test]
fn a_step_is_cancelled_when_a_hard_limit_is_passed_meanwhile() {
    is_cancelled_by_errors(&format!(
        "{SLOW}\ncreate index concurrently orders_extra on orders (extra);"
    ));
}

/// What is to be said and not done is not done meanwhile, either.
#[test]
fn a_script_is_not_cancelled_where_nothing_is_rolled_back_by_itself() {
    let stage = Stage::postgres();
    stage.criteria(&["more than 3 errors"], "policy = \"alert\"");
    let up = "alter table orders add column extra text; select pg_sleep(3) from app_errors where id = 1000000000;";
    stage.rehearsed("0002_slow", up, "alter table orders drop column extra;");
    stage.errors(1);
    let running = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .spawn();
    wait_until_it_sleeps(&stage);
    stage.errors_from(1, 4);
    let outcome = running.wait().expect_code(9);
    assert!(
        outcome.stderr.contains("more than 3 errors: it is 4"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("applied"), 2);
}
