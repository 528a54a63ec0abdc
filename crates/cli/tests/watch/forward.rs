//! While the forward script runs: what stalls others, or takes too long, is cancelled and undone.

use crate::stage::Stage;

/// A migration that takes its time once there is a certain error, that is, on the target and not in rehearsal.
const SLOW: &str = "alter table orders add column extra text;
do $$ begin if exists (select from app_errors where id = 1000000000) then perform pg_sleep(200); end if; end $$;";

fn slow(policy: &str) -> Stage {
    let stage = Stage::postgres();
    stage.write("tightrope.toml", &format!("[policy]\n{policy}\n"));
    stage.rehearsed("0002_slow", SLOW, "alter table orders drop column extra;");
    stage.errors(1);
    stage
}

#[track_caller]
fn is_undone(stage: &Stage, because: &str) {
    let outcome = stage.tightrope(&["apply", "--yes"]).run();
    assert_ne!(outcome.code, Some(0), "{outcome}");
    let said: Vec<&str> = outcome.stderr.split_whitespace().collect();
    let said = said.join(" ");
    assert!(said.contains(because), "{outcome}");
    assert!(said.contains("smaller steps"), "{outcome}");
    assert_eq!(stage.count_in_ledger("applied"), 1);
    let column = "select count(*) from pg_attribute where attrelid = 'orders'::regclass and attname = 'extra'";
    assert_eq!(stage.number(column), 0);
}

#[test]
fn a_script_that_stalls_others_is_cancelled_and_undone() {
    let stage = slow("stall_budget_ms = 300");
    let load = stage.load(2);
    is_undone(
        &stage,
        "more than the stall budget of 300 ms, and it was cancelled",
    );
    stage.has_all(&load.stop());
}

#[test]
fn a_script_that_takes_too_long_is_cancelled_and_undone() {
    let stage = slow("script_budget_ms = 300");
    is_undone(
        &stage,
        "longer than its budget of 300 ms, and was cancelled",
    );
}
