//! What was written while nobody logged it is told.

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(what_was_written_past_the_log_is_told,);

/// Restores with a replay beside the database, which must name the tables.
#[track_caller]
fn told(stage: &Stage, tables: &str) {
    let new = stage.beside("restored");
    let outcome = stage.run(
        &["restore", "--to", "backups", "--replay", "--into", &new],
        9,
    );
    assert_says(&outcome.stdout, "all that was logged up to");
    assert_says(
        &outcome.stdout,
        &format!("what was written to {tables} was not logged, or not all of it"),
    );
}

fn what_was_written_past_the_log_is_told(stage: &Stage) {
    if stage.is_sqlite() {
        stage.sql("create table plain (id integer primary key)");
        stage.run(&["backup", "--to", "backups", "--with-changes"], 0);
        stage.sql(
            "alter table plain rename to plain_old; create table plain (id integer primary key);
             insert into plain values (1)",
        );
        return told(stage, "`plain`");
    }
    stage.sql(
        "create table parts (id integer primary key) partition by range (id);
         create table parts_1 partition of parts for values from (0) to (10);
         create table again (id integer primary key)",
    );
    stage.run(&["backup", "--to", "backups", "--with-changes"], 0);
    stage.sql(
        "alter table again disable trigger all; insert into again values (1); alter table again enable trigger all;
         alter table parts detach partition parts_1; insert into parts_1 values (1);
         alter table parts attach partition parts_1 for values from (0) to (10)",
    );
    told(stage, "`again`, `parts_1`");
    // A migration lets it be logged again; what was written before stays told.
    stage.write(
        "migrations/0001_x/up.sql",
        "alter table customers add column x integer;",
    );
    stage.write(
        "migrations/0001_x/down.sql",
        "alter table customers drop column x;",
    );
    stage.run(&["apply", "--yes"], 0);
    assert_eq!(
        stage.one("select count(*)::text from pg_trigger where tgname like '!tightrope_changes%' and tgenabled <> 'A'"),
        "0"
    );
    let carried = stage.run(&["backup", "carry", "--to", "backups"], 0);
    assert_says(&carried.stdout, "again");
}
