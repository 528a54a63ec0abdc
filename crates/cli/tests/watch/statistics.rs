//! The server's statistics are reset or evicted while they are watched: what is lost is no pass, and what is left still counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::stage::{EXTRA, LONG, Stage};

/// Runs `tightrope` while somebody resets the statements' statistics more often than they are looked at.
fn while_reset(
    stage: &Stage,
    arguments: &[&str],
    code: i32,
) -> tightrope_testkit::process::Outcome {
    let mut running = stage.tightrope(arguments).spawn();
    running.wait_for_stderr_line("watching ", LONG);
    let stop = Arc::new(AtomicBool::new(false));
    let (mut client, stopped) = (stage.client(), Arc::clone(&stop));
    let resets = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            let reset = "select pg_stat_statements_reset()";
            client.batch_execute(reset).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let outcome = running.wait();
    stop.store(true, Ordering::Relaxed);
    resets.join().unwrap();
    outcome.expect_code(code)
}

#[test]
fn statistics_that_are_reset_again_and_again_are_no_pass() {
    let stage = Stage::own_postgres("");
    stage.blocks_per_call();
    stage.rehearsed("0002_extra", EXTRA.0, EXTRA.1);
    let load = stage.load(3);
    let outcome = while_reset(&stage, &["apply", "--yes", "--watch", "4s"], 9);
    stage.has_all(&load.stop());
    assert!(
        outcome.stderr.contains("because its counters were reset"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("watch-failed"), 0);
}

/// What came after a reset is true all the same.
#[test]
fn a_dropped_index_is_found_although_statistics_are_reset() {
    let stage = Stage::own_postgres("");
    stage.blocks_per_call();
    stage.rehearsed(
        "0002_drop_index",
        "drop index orders_by_customer;",
        "create index orders_by_customer on orders (customer);",
    );
    let load = stage.load(3);
    while_reset(&stage, &["apply", "--yes", "--watch", "10min"], 8);
    stage.has_all(&load.stop());
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
}

#[test]
fn rollbacks_are_counted_across_a_reset_of_the_database_s_statistics() {
    let stage = Stage::postgres();
    stage.criteria(&["more than 10 rollbacks"], "");
    stage.rehearsed("0002_extra", EXTRA.0, EXTRA.1);
    let mut running = stage.watching(
        "0002_extra",
        &["apply", "--yes", "--watch", "10min", "--json"],
    );
    let six = || (0..6).for_each(|_| stage.sql("begin; select 1; rollback"));
    six();
    running.wait_for_stdout_line("\"value\":\"6\"", LONG);
    stage.sql("select pg_stat_reset()");
    six();
    let outcome = running.wait().expect_code(8);
    assert!(
        outcome.stderr.contains("more than 10 rollbacks: it is 1"),
        "{outcome}"
    );
}

/// A statement that was evicted gives no more samples: nothing failed, and nothing passes.
#[test]
fn a_statement_that_is_evicted_is_no_pass_and_no_failure() {
    let stage = Stage::own_postgres("pg_stat_statements.max = 100");
    stage.blocks_per_call();
    stage.rehearsed("0002_extra", EXTRA.0, EXTRA.1);
    let load = stage.load(3);
    let running = stage.watching("0002_extra", &["apply", "--yes", "--watch", "8s"]);
    stage.has_all(&load.stop());
    evict(&mut stage.client());
    let outcome = running.wait().expect_code(9);
    assert!(outcome.stdout.contains("`by_customer` "), "{outcome}");
    assert_eq!(stage.count_in_ledger("watch-failed"), 0);
}

/// Runs other statements until the load's is gone: each has another number of columns.
fn evict(client: &mut ::postgres::Client) {
    let is_there = "select count(*) from pg_stat_statements where query ilike 'select note from orders where customer = $1'";
    for _ in 0..300 {
        if client.query_one(is_there, &[]).unwrap().get::<_, i64>(0) == 0 {
            return;
        }
        for columns in 1..=300 {
            let sql = format!("select {}", vec!["1"; columns].join(", "));
            client.batch_execute(&sql).unwrap();
        }
    }
    panic!("the statement is not evicted");
}
