//! On PostgreSQL.

use crate::stage::Stage;

#[test]
fn a_migration_that_makes_a_query_fail_is_rolled_back_by_itself() {
    let stage = Stage::postgres();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", "alter table orders drop column note;", "");
    let load = stage.load(3);
    let outcome = stage.run(&["apply", "--yes", "--watch", "10min"], 8);
    assert!(
        outcome.stderr.contains("more than 10 errors: it is "),
        "{outcome}"
    );
    let log = load.stop();
    stage.has_all(&log);
    assert_eq!(
        stage.number("select count(*) from orders where note = 'n17'"),
        1
    );
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
    let ledger = stage.ledger();
    let at = |action: &str| ledger.iter().rposition(|found| found == action).unwrap();
    assert!(at("criteria-fixed") < at("applied"), "{ledger:?}");
    assert!(
        at("watch-failed") < at("rolled-back") && at("rolled-back") < at("watch-ended"),
        "{ledger:?}"
    );
}

#[test]
fn a_migration_that_corrupts_a_sum_is_undone_in_its_own_transaction() {
    let stage = Stage::postgres();
    stage.criteria(
        &[
            "sum(amount) equal before and after",
            "row count of orders equal",
        ],
        "",
    );
    stage.rehearsed(
        "0002_cents",
        "update orders set amount = amount * 100 where customer = 7;",
        "update orders set amount = amount / 100 where customer = 7;",
    );
    let load = stage.load(3);
    let outcome = stage.run(&["apply", "--yes", "--watch", "10min"], 8);
    assert!(
        outcome
            .stderr
            .contains("sum(amount) equal before and after"),
        "{outcome}"
    );
    let log = load.stop();
    stage.has_all(&log);
    assert_eq!(
        stage.number("select count(*) from orders where amount <> 10"),
        0
    );
    assert_eq!(stage.count_in_ledger("applied"), 1);
}

#[test]
fn a_migration_that_corrupts_what_is_written_after_it_is_rolled_back_by_itself() {
    let stage = Stage::postgres();
    stage.criteria(&["odd > 3"], "");
    stage.rehearsed(
        "0002_turn",
        "create function turn() returns trigger language plpgsql as $$ begin new.amount := -new.amount; return new; end $$;\n\
         create trigger turn before insert on orders for each row execute function turn();",
        "drop trigger turn on orders; drop function turn();",
    );
    let load = stage.load(3);
    stage.run(&["apply", "--yes", "--watch", "10min"], 8);
    let log = load.stop();
    stage.has_all(&log);
    stage.sql("insert into orders values (999999, 1, 10, 'after')");
    assert_eq!(
        stage.number("select amount::bigint from orders where id = 999999"),
        10
    );
}

#[test]
fn a_dropped_index_is_found_by_blocks_per_call() {
    let stage = Stage::postgres();
    stage.blocks_per_call();
    stage.rehearsed(
        "0002_drop_index",
        "drop index orders_by_customer;",
        "create index orders_by_customer on orders (customer);",
    );
    let load = stage.load(3);
    let outcome = stage.run(&["apply", "--yes", "--watch", "10min"], 8);
    assert!(
        outcome.stderr.contains("blocks per call of by_customer"),
        "{outcome}"
    );
    let log = load.stop();
    stage.has_all(&log);
    assert_eq!(
        stage.number("select count(*) from pg_indexes where indexname = 'orders_by_customer'"),
        1
    );
}

#[test]
fn a_good_migration_is_kept() {
    let stage = Stage::postgres();
    let criteria = [
        "more than 10 errors",
        "odd > 0",
        "row count of orders equal",
        "deadlocks > 0",
        "the verify script fails",
    ];
    stage.criteria(&criteria, "");
    stage.write(
        "migrations/0002_extra/verify.sql",
        "select count(*) > 0 from orders;",
    );
    stage.rehearsed(
        "0002_extra",
        "alter table orders add column extra text;",
        "alter table orders drop column extra;",
    );
    let load = stage.load(3);
    let outcome = stage.run(&["apply", "--yes", "--watch", "3s"], 0);
    assert!(
        outcome.stdout.contains("Kept: every criterion passes."),
        "{outcome}"
    );
    let log = load.stop();
    stage.has_all(&log);
    assert_eq!(stage.count_in_ledger("rolled-back"), 0);
    assert_eq!(stage.ledger().last().unwrap(), "watch-ended");
}

#[test]
fn what_would_lose_rows_is_not_rolled_back_by_itself() {
    let stage = Stage::postgres();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed(
        "0002_wide",
        "alter table orders alter column customer type bigint;",
        "alter table orders alter column customer type integer;",
    );
    let running = stage.watching("0002_wide", &["apply", "--yes", "--watch", "10min"]);
    stage.sql("insert into orders values (999999, 5000000000, 10, 'too large for before')");
    stage.errors(11);
    let outcome = running.wait().expect_code(9);
    let said: Vec<&str> = outcome.stdout.split_whitespace().collect();
    let said = said.join(" ");
    assert!(
        said.contains("nothing was rolled back: the way back is not open without loss"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("rolled-back"), 0);
    assert_eq!(
        stage.number("select count(*) from orders where id = 999999"),
        1
    );
}

/// Everything that tightrope does while it watches an idle database is no rollback of the application's.
#[test]
fn tightrope_s_own_reading_is_no_rollback() {
    let stage = Stage::postgres();
    stage.criteria(&["rollbacks > 0", "the verify script fails"], "");
    stage.write(
        "migrations/0002_extra/verify.sql",
        "select count(*) > 0 from orders;",
    );
    stage.rehearsed(
        "0002_extra",
        "alter table orders add column extra text;",
        "alter table orders drop column extra;",
    );
    stage.run(&["apply", "--yes", "--watch", "4s"], 0);
}

#[test]
fn an_invariant_by_probe_names_the_tables_that_are_held_still() {
    let stage = Stage::postgres();
    stage.criteria(
        &["total equal before and after"],
        "[watch.probes.total]\nsql = \"select sum(amount) from orders\"",
    );
    stage.rehearsed(
        "0002_extra",
        "alter table orders add column extra text;",
        "alter table orders drop column extra;",
    );
    let outcome = stage.run(&["apply", "--yes", "--watch", "2s"], 4);
    assert!(outcome.stderr.contains("name its tables"), "{outcome}");
    assert_eq!(stage.count_in_ledger("applied"), 1);
    stage.criteria(
        &["total equal before and after"],
        "[watch.probes.total]\nsql = \"select sum(amount) from orders\"\ntables = [\"orders\"]",
    );
    let load = stage.load(3);
    stage.run(&["apply", "--yes", "--watch", "2s"], 0);
    stage.has_all(&load.stop());
}

#[test]
fn an_invariant_that_cannot_be_measured_afterwards_is_named() {
    let stage = Stage::postgres();
    stage.criteria(
        &["total equal before and after"],
        "[watch.probes.total]\nsql = \"select count(note) from orders\"\ntables = [\"orders\"]",
    );
    stage.rehearsed("0002_drop_note", "alter table orders drop column note;", "");
    let outcome = stage.tightrope(&["apply", "--yes", "--watch", "2s"]).run();
    assert_ne!(outcome.code, Some(0), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains("the criterion `total equal before and after` cannot be measured"),
        "{outcome}"
    );
}
