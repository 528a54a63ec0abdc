//! On SQLite.

use crate::stage::Stage;

#[test]
fn a_migration_that_makes_a_query_fail_is_rolled_back_by_itself() {
    let stage = Stage::sqlite();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed("0002_drop_note", "alter table orders drop column note;", "");
    let load = stage.load(2);
    let outcome = stage.run(&["apply", "--yes", "--wait", "60", "--watch", "10min"], 8);
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
}

#[test]
fn a_migration_that_corrupts_a_sum_is_undone_in_its_own_transaction() {
    let stage = Stage::sqlite();
    stage.criteria(&["sum(amount) equal before and after"], "");
    stage.rehearsed(
        "0002_cents",
        "update orders set amount = amount * 100 where customer = 7;",
        "update orders set amount = amount / 100 where customer = 7;",
    );
    let load = stage.load(2);
    stage.run(&["apply", "--yes", "--watch", "10min"], 8);
    let log = load.stop();
    stage.has_all(&log);
    assert_eq!(
        stage.number("select count(*) from orders where amount <> 10"),
        0
    );
}

#[test]
fn a_good_migration_is_kept() {
    let stage = Stage::sqlite();
    stage.criteria(
        &[
            "more than 10 errors",
            "row count of orders equal",
            "odd > 0",
        ],
        "",
    );
    stage.rehearsed(
        "0002_extra",
        "alter table orders add column extra text;",
        "alter table orders drop column extra;",
    );
    let load = stage.load(2);
    stage.run(&["apply", "--yes", "--watch", "3s"], 0);
    let log = load.stop();
    stage.has_all(&log);
    assert_eq!(stage.count_in_ledger("rolled-back"), 0);
}

#[test]
fn what_no_server_counts_is_refused_before_anything_is_applied() {
    let stage = Stage::sqlite();
    stage.criteria(&["deadlocks > 0"], "");
    stage.rehearsed(
        "0002_extra",
        "alter table orders add column extra text;",
        "alter table orders drop column extra;",
    );
    let outcome = stage.run(&["apply", "--yes", "--watch", "3s"], 4);
    assert!(
        outcome.stderr.contains("no server that counts"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("applied"), 1);
}

#[test]
fn tables_of_layout_2_are_brought_to_3() {
    let stage = Stage::sqlite();
    stage.criteria(&["more than 10 errors"], "");
    stage.rehearsed(
        "0002_extra",
        "alter table orders add column extra text;",
        "alter table orders drop column extra;",
    );
    stage.sql(
        "drop table tightrope_watch_look; drop table tightrope_watch; \
         delete from tightrope_lease where resource = 'watch'; \
         update tightrope_meta set value = '2' where name = 'layout'",
    );
    let outcome = stage.run(&["watch"], 0);
    assert!(
        outcome.stdout.contains("Nothing is being watched."),
        "{outcome}"
    );
    stage.run(&["apply", "--yes", "--watch", "2s"], 0);
    let layout = "select cast(value as integer) from tightrope_meta where name = 'layout'";
    assert_eq!(stage.number(layout), 3);
}
