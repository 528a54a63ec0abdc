//! Single tables out of a backup.

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    a_table_that_was_dropped_comes_back,
    a_table_that_is_there_is_left_alone,
    a_table_that_the_backup_does_not_have_is_named,
);

fn restore<'a>(stage: &'a Stage, table: &'a str) -> [&'a str; 7] {
    [
        "restore", "--to", "backups", "--into", &stage.url, "--table", table,
    ]
}

fn a_table_that_was_dropped_comes_back(stage: &Stage) {
    stage.write("migrations/0001_x/up.sql", "create table x (id integer);");
    stage.write("migrations/0001_x/down.sql", "drop table x;");
    stage.run(&["apply", "--yes"], 0);
    let before = stage.state();
    stage.backup();
    stage.sql("drop view big; drop table orders; update customers set name = 'changed since' where id = 1");
    let outcome = stage.run(&restore(stage, "orders"), 0);
    assert_says(&outcome.stdout, "1 table and 3000 rows equal");
    stage.sql("create view big as select * from orders where total > 100");
    if !stage.is_sqlite() {
        assert_says(
            &outcome.stdout,
            "foreign keys of and to these tables are left out",
        );
        stage.sql("alter table orders add foreign key (customer) references customers");
    }
    assert_says(&stage.run(&["log"], 0).stdout, "tables-restored");
    let (fingerprint, sums) = stage.state();
    assert_eq!(fingerprint.logical, before.0.logical);
    assert_eq!(sums[1], before.1[1], "orders");
    assert_ne!(sums[0], before.1[0], "customers are what they are now");
}

fn a_table_that_is_there_is_left_alone(stage: &Stage) {
    stage.backup();
    stage.sql("delete from orders");
    let now = stage.state();
    let outcome = stage.run(&restore(stage, "orders"), 4);
    assert_says(&outcome.stderr, "the table `orders` is there already");
    assert_eq!(stage.state(), now);
}

fn a_table_that_the_backup_does_not_have_is_named(stage: &Stage) {
    stage.backup();
    let outcome = stage.run(&restore(stage, "invoices"), 1);
    assert_says(&outcome.stderr, "has no table `invoices`");
}

#[test]
fn a_table_comes_back_without_the_triggers_of_a_window_that_was_ended_since() {
    let stage = Stage::postgres();
    stage.write(
        "migrations/0001_x/up.sql",
        "update orders set total = total + 1;",
    );
    stage.write(
        "migrations/0001_x/down.sql",
        "update orders set total = total - 1;",
    );
    stage.run(&["apply", "--yes"], 0);
    let triggers = "select count(*)::text from pg_trigger where tgrelid = 'orders'::regclass and not tgisinternal";
    assert_ne!(stage.one(triggers), "0", "the window is open");
    stage.backup();
    stage.run(&["seal", "--yes"], 0);
    stage.sql("drop view big; drop table orders");
    stage.run(&restore(&stage, "orders"), 0);
    assert_eq!(stage.one(triggers), "0");
    stage.sql("insert into orders (customer, total) values (1, 1)");
}
