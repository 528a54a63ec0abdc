//! Tables that are renamed while they are logged: a change belongs to the table that it was written to, whatever that is called.

use tightrope_testkit::process::Outcome;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    tables_that_swap_their_names_keep_their_changes,
    a_renamed_table_keeps_its_changes,
    a_new_table_under_an_old_name_takes_no_place,
    a_migration_that_swaps_names_is_undone_with_every_change_in_its_table,
    a_new_table_that_no_migration_has_made_takes_no_place_past_one_either,
    a_table_that_a_migration_has_made_again_has_the_place_of_the_old_one,
    a_log_of_an_older_tightrope_goes_on,
);

const OTHER_TABLE: &str =
    "it was written to another table than the one that has this name in the backup";

const SWAP: &str = "alter table one rename to passing; alter table two rename to one; alter table passing rename to two";

/// Two tables that differ in nothing but their rows, and a backup with a log.
fn taken(stage: &Stage) {
    stage.sql(
        "create table one (id integer primary key, v text); create table two (id integer primary key, v text);
         insert into one values (1, 'a1'); insert into two values (1, 'b1'), (9, 'b9')",
    );
    stage.run(&["backup", "--to", "backups", "--with-changes"], 0);
}

/// Restores beside the database, and gives what was said.
#[track_caller]
fn restored(stage: &Stage, more: &[&str], code: i32) -> Outcome {
    let new = stage.beside("restored");
    let mut arguments = vec!["restore", "--to", "backups", "--replay", "--into", &new];
    arguments.extend(more);
    stage.run(&arguments, code)
}

/// The rows of a table of the restored database.
#[track_caller]
fn has(stage: &Stage, table: &str, rows: &str) {
    let list = match stage.is_sqlite() {
        true => "group_concat(id || ' ' || v, ', ')",
        false => "string_agg(id || ' ' || v, ', ')",
    };
    let query = format!("select {list} from (select * from {table} order by id) t");
    assert_eq!(stage.one_on(&stage.beside("restored"), &query), rows);
}

fn apply(stage: &Stage, forward: &str, rollback: &str) {
    stage.write("migrations/0001_x/up.sql", forward);
    stage.write("migrations/0001_x/down.sql", rollback);
    let unrehearsed = ["apply", "--yes", "--unrehearsed", "--reason", "a test"];
    stage.run(&unrehearsed, 0);
}

/// The change log's number.
fn log(stage: &Stage) -> String {
    stage.one(match stage.is_sqlite() {
        true => "select substr(min(name), 19) from sqlite_schema where name glob 'tightrope_changes_[0-9]*'",
        false => "select substr(min(relname), 9) from pg_class where relname ~ '^changes_[0-9]+$'",
    })
}

fn tables_that_swap_their_names_keep_their_changes(stage: &Stage) {
    taken(stage);
    stage.sql("insert into one values (2, 'a2'); update two set v = 'b1 before' where id = 1");
    stage.run(&["backup", "carry", "--to", "backups"], 0);
    stage.sql(&format!(
        "begin; insert into one values (3, 'a3'); {SWAP}; insert into one values (3, 'b3'); commit"
    ));
    stage.sql(
        "update one set v = 'b1 after' where id = 1; update two set v = 'a1 after' where id = 1; delete from one where id = 9;
         insert into two values (4, 'a4'); insert into one values (2, 'b2')",
    );
    let outcome = restored(stage, &[], 0);
    has(stage, "one", "1 a1 after, 2 a2, 3 a3, 4 a4");
    has(stage, "two", "1 b1 after, 2 b2, 3 b3");
    assert_says(&outcome.stdout, "all that was committed up to");
    if !stage.is_sqlite() {
        assert_says(
            &outcome.stdout,
            "what was written to `two` is in `one`: the table was called so when the backup was taken",
        );
    }
}

fn a_renamed_table_keeps_its_changes(stage: &Stage) {
    taken(stage);
    stage.sql("insert into one values (2, 'a2'); alter table one rename to other");
    stage.sql("insert into other values (3, 'a3'); update other set v = 'a1 after' where id = 1");
    restored(stage, &[], 0);
    has(stage, "one", "1 a1 after, 2 a2, 3 a3");
}

fn a_new_table_under_an_old_name_takes_no_place(stage: &Stage) {
    taken(stage);
    stage.sql(
        "alter table one rename to one_old; create table one (id integer primary key, v text);
         insert into one values (1, 'new'), (2, 'new'); insert into one_old values (2, 'a2')",
    );
    if !stage.is_sqlite() {
        // As a copy by pg_dump would have it: its changes are logged from now on.
        let log = log(stage);
        stage.sql(&format!(
            "create trigger again after insert or update or delete on one for each row execute function tightrope.changes_{log}_note();
             insert into one values (3, 'new'); update one set v = 'newer' where id = 1"
        ));
    }
    let outcome = restored(stage, &[], 9);
    has(stage, "one", "1 a1, 2 a2");
    assert_says(&outcome.stdout, "one` was not logged, or not all of it");
    if !stage.is_sqlite() {
        assert_says(&outcome.stdout, "2 changes could not be replayed");
        assert_says(&outcome.stdout, &format!("`one`: {OTHER_TABLE}"));
    }
}

fn a_migration_that_swaps_names_is_undone_with_every_change_in_its_table(stage: &Stage) {
    taken(stage);
    stage.sql("insert into one values (2, 'a2')");
    apply(stage, SWAP, SWAP);
    stage.sql("insert into one values (2, 'b2'); update two set v = 'a1 after' where id = 1; delete from one where id = 9");
    restored(stage, &["--without-migrations"], 0);
    has(stage, "one", "1 a1 after, 2 a2");
    has(stage, "two", "1 b1, 2 b2");
}

fn a_new_table_that_no_migration_has_made_takes_no_place_past_one_either(stage: &Stage) {
    taken(stage);
    stage.sql(
        "alter table one rename to one_old; create table one (id integer primary key, v text)",
    );
    apply(
        stage,
        "create table three (id integer primary key);",
        "drop table three;",
    );
    stage
        .sql("insert into one values (1, 'new'), (2, 'new'); insert into one_old values (2, 'a2')");
    let outcome = restored(stage, &["--without-migrations"], 9);
    has(stage, "one", "1 a1, 2 a2");
    assert_says(&outcome.stdout, OTHER_TABLE);
    assert_says(&outcome.stdout, "one` was not logged, or not all of it");
}

fn a_table_that_a_migration_has_made_again_has_the_place_of_the_old_one(stage: &Stage) {
    taken(stage);
    stage.sql("insert into one values (2, 'a2')");
    apply(
        stage,
        "create table fresh (id integer primary key, v text); insert into fresh select * from one; drop table one;
         alter table fresh rename to one;",
        "select 1;",
    );
    stage.sql("insert into one values (3, 'a3'); update one set v = 'a1 after' where id = 1");
    restored(stage, &["--without-migrations"], 0);
    has(stage, "one", "1 a1 after, 2 a2, 3 a3");
}

fn a_log_of_an_older_tightrope_goes_on(stage: &Stage) {
    taken(stage);
    let log = log(stage);
    stage.sql(&match stage.is_sqlite() {
        true => format!(
            "alter table tightrope_changes_{log}_tables drop column relation; alter table tightrope_changes_{log}_tables drop column gap"
        ),
        false => format!("drop table tightrope.changes_{log}_attached"),
    });
    stage.sql("insert into one values (2, 'a2')");
    stage.run(&["backup", "carry", "--to", "backups"], 0);
    stage.sql("insert into one values (3, 'a3')");
    apply(
        stage,
        "alter table two add column w text;",
        "alter table two drop column w;",
    );
    stage.sql("insert into one values (4, 'a4'); insert into two values (2, 'b2', null)");
    restored(stage, &["--without-migrations"], 0);
    has(stage, "one", "1 a1, 2 a2, 3 a3, 4 a4");
    has(stage, "two", "1 b1, 2 b2, 9 b9");
}

#[test]
fn rows_that_a_trigger_has_read_from_another_table_take_no_place() {
    let stage = Stage::sqlite();
    taken(&stage);
    stage.sql(
        "pragma legacy_alter_table = on; alter table one rename to one_old; create table one (id integer primary key, v text);
         insert into one values (2, 'wrong'); insert into one_old values (2, 'right')",
    );
    let outcome = restored(&stage, &[], 9);
    has(&stage, "one", "1 a1");
    assert_says(&outcome.stdout, &format!("`one`: {OTHER_TABLE}"));
}
