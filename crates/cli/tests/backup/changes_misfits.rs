//! Tables that become partitions while they are logged, and what has no place in the backup: the rest comes back all the same.

use tightrope_testkit::process::Outcome;

use crate::stage::{Stage, assert_says};

/// A database of PostgreSQL with these tables, and a backup with a log.
fn taken(tables: &str) -> Stage {
    let stage = Stage::postgres();
    stage.sql(tables);
    stage.run(&["backup", "--to", "backups", "--with-changes"], 0);
    stage
}

fn restore(stage: &Stage, new: &str, more: &[&str], code: i32) -> Outcome {
    let mut arguments = vec!["restore", "--to", "backups", "--replay", "--into", new];
    arguments.extend(more);
    stage.run(&arguments, code)
}

#[test]
fn a_logged_table_becomes_a_partition_and_no_row_comes_back_twice() {
    let stage = taken(
        "create table pt (id integer, primary key (id)) partition by range (id);
         create table below (id integer, primary key (id)) partition by range (id);
         create table below_1 partition of below for values from (200) to (250);
         create table solo (id integer primary key); create table loose (id integer not null)",
    );
    stage.sql(
        "insert into solo values (100); alter table pt attach partition solo for values from (100) to (200);
         alter table pt attach partition below for values from (200) to (300);
         insert into pt values (101), (201); update pt set id = 102 where id = 101",
    );
    let new = stage.beside("restored");
    restore(&stage, &new, &[], 0);
    let ids = |table: &str| {
        stage.one_on(
            &new,
            &format!("select string_agg(id::text, ' ' order by id) from {table}"),
        )
    };
    assert_eq!(ids("solo"), "100 102");
    assert_eq!(ids("below"), "201");
}

#[test]
fn migrations_attach_and_detach_partitions_of_logged_tables() {
    let stage = Stage::postgres();
    stage.write(
        "migrations/0001_x/up.sql",
        "alter table logs rename to logs_old;
         create table logs (id integer not null, v text, primary key (id)) partition by range (id);
         alter table logs attach partition logs_old for values from (0) to (100);
         alter table pt detach partition p1;",
    );
    stage.write(
        "migrations/0001_x/down.sql",
        "alter table pt attach partition p1 for values from (0) to (100);
         alter table logs detach partition logs_old; drop table logs; alter table logs_old rename to logs;",
    );
    stage.sql(
        "create table logs (id integer not null, v text, primary key (id));
         create table pt (id integer not null) partition by range (id);
         create table p1 partition of pt for values from (0) to (100)",
    );
    stage.run(&["backup", "--to", "backups", "--with-changes"], 0);
    let unreviewed = ["apply", "--yes", "--unrehearsed", "--reason", "a test"];
    stage.run(&unreviewed, 0);
    stage.sql("insert into logs values (1, 'in between'); insert into p1 values (1)");
    let row_triggers = "select string_agg(tgrelid::regclass || ' ' || n, ', ' order by tgrelid::regclass::text) from \
        (select tgrelid, count(*) as n from pg_trigger where tgname ~ '^!tightrope_changes_[0-9]+(_of_[0-9]+)?$' \
          and tgrelid in (select oid from pg_class where relname in ('logs', 'logs_old', 'pt', 'p1')) group by 1) g";
    assert_eq!(stage.one(row_triggers), "logs 1, logs_old 1, p1 1, pt 1");
    stage.run(&["rollback", "--yes"], 0);
    stage.sql("insert into logs values (2, 'after'); insert into pt values (2)");
    assert_eq!(stage.one(row_triggers), "logs 1, p1 1, pt 1");
    let new = stage.beside("restored");
    restore(&stage, &new, &["--without-migrations"], 9);
    assert_eq!(
        stage.one_on(&new, "select string_agg(id::text, ' ' order by id) from p1"),
        "1 2"
    );
    stage.run(&["backup", "end-changes", "--to", "backups"], 0);
    assert_eq!(
        stage.one("select count(*)::text from pg_trigger where tgname like '!tightrope_changes%'"),
        "0"
    );
}

#[test]
fn rows_without_their_parents_are_told_and_the_rest_comes_back() {
    let stage = taken(
        "create table parents (id integer primary key); create table childs (id integer primary key, parent integer references parents);
         create table grand (id integer primary key, child integer references childs)",
    );
    stage.sql(
        "insert into parents values (1); insert into childs values (1, 1); insert into childs values (9, null);
         alter table parents add column more integer; insert into parents values (2, 2);
         insert into childs values (2, 2); insert into grand values (1, 1), (2, 2), (3, null)",
    );
    let new = stage.beside("restored");
    let outcome = restore(&stage, &new, &[], 9);
    assert_says(&outcome.stdout, "its parent was not replayed");
    let ids = |table: &str| {
        stage.one_on(
            &new,
            &format!("select string_agg(id::text, ' ' order by id) from {table}"),
        )
    };
    assert_eq!(
        (ids("parents"), ids("childs"), ids("grand")),
        ("1".to_owned(), "1 9".to_owned(), "1 3".to_owned())
    );
    assert_eq!(
        stage.one_on(&new, "select count(*)::text from pg_constraint where conrelid in ('childs'::regclass, 'grand'::regclass) and contype = 'f'"),
        "2"
    );
}

#[test]
fn a_sequence_beyond_the_limits_of_the_backup_stands_at_its_limit() {
    let stage = taken("create sequence small as integer; create table t (id integer primary key)");
    stage.sql("alter sequence small as bigint; select setval('small', 5000000000); insert into t values (1)");
    let new = stage.beside("restored");
    let outcome = restore(&stage, &new, &[], 0);
    assert_says(&outcome.stdout, "small` stood at 5000000000");
    assert_eq!(
        stage.one_on(&new, "select last_value::text from small"),
        "2147483647"
    );
    assert_eq!(stage.one_on(&new, "select count(*)::text from t"), "1");
}
