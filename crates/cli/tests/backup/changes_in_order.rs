//! Triggers, partitions, sequences and schemas that a change log has to cope with.

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    what_triggers_wrote_is_not_written_twice,
    a_table_that_somebody_alters_is_told,
    pruning_a_backup_ends_its_log,
    every_kind_of_value_comes_back,
    a_migration_whose_rollback_failed_is_undone,
    a_single_table_comes_back_without_the_log,
);

fn take(stage: &Stage) {
    stage.run(&["backup", "--to", "backups", "--with-changes"], 0);
}

/// Restores with a replay beside the database, and requires that it is equal.
#[track_caller]
fn comes_back(stage: &Stage) {
    let now = stage.state();
    let new = stage.beside("restored");
    stage.run(
        &["restore", "--to", "backups", "--replay", "--into", &new],
        0,
    );
    let restored = stage.state_of(&new).unwrap();
    assert_eq!(restored.1, now.1);
    assert_eq!(restored.0.logical, now.0.logical);
}

fn what_triggers_wrote_is_not_written_twice(stage: &Stage) {
    stage.sql("create table seen (id integer primary key, customer integer, name text)");
    match stage.is_sqlite() {
        true => stage.sql(
            "create trigger a after update on customers when new.name = 'first' begin
               update customers set name = 'second' where id = new.id;
               insert into seen (customer, name) values (new.id, new.name); end;",
        ),
        // One that writes the row itself, and the next row of the same statement before that one's own triggers fire.
        false => stage.sql(
            "create sequence numbers; alter table seen alter id set default nextval('numbers');
             create function a() returns trigger language plpgsql as $$ begin
               if new.name = 'first' then
                 update customers set name = 'second' where id in (new.id, new.id + 1);
                 insert into seen (customer, name) values (new.id, new.name);
               end if; return null; end $$;
             create trigger a after update on customers for each row execute function a()",
        ),
    }
    take(stage);
    stage.sql("update customers set name = 'first' where id in (1, 2, 3)");
    comes_back(stage);
}

fn a_table_that_somebody_alters_is_told(stage: &Stage) {
    if stage.is_sqlite() {
        // A trigger that names a column keeps it from being dropped.
        take(stage);
        stage.sql("alter table customers add column more integer; update customers set more = 1 where id = 1");
    } else {
        take(stage);
        stage.sql("alter table customers add column more integer; update customers set more = 1 where id = 1; \
                   create table made_since (id integer)");
    }
    let new = stage.beside("restored");
    let outcome = stage.run(
        &["restore", "--to", "backups", "--replay", "--into", &new],
        9,
    );
    assert_says(
        &outcome.stdout,
        match stage.is_sqlite() {
            true => "what was written to `customers` was not logged, or not all of it",
            false => "the table has no column \"more\" in the backup",
        },
    );
    if !stage.is_sqlite() {
        assert_says(
            &outcome.stdout,
            "what was written to `made_since` was not logged",
        );
    }
}

fn pruning_a_backup_ends_its_log(stage: &Stage) {
    stage.write("tightrope.toml", "[backup]\nto = \"backups\"\nchanges = true\nkeep_last = 1\nkeep_daily = 0\nkeep_weekly = 0\n");
    stage.run(&["backup"], 0);
    stage.sql("delete from orders where id = 1");
    stage.run(&["backup", "carry"], 0);
    let listed = stage.tightrope(&["backup", "list"]).run();
    assert_says(&listed.stdout, "changes are logged:");
    assert_says(&listed.stdout, "(1 change,");
    stage.write(
        "tightrope.toml",
        "[backup]\nto = \"backups\"\nkeep_last = 1\nkeep_daily = 0\nkeep_weekly = 0\n",
    );
    stage.run(&["backup", "--prove"], 0);
    stage.run(&["backup", "prune", "--yes"], 0);
    assert_eq!(stage.names().len(), 1);
    let ended = stage.run(&["backup", "end-changes"], 0);
    assert_says(&ended.stdout, "No changes are logged.");
}

fn every_kind_of_value_comes_back(stage: &Stage) {
    if stage.is_sqlite() {
        stage.sql(
            "create table kinds (a, b text, c blob, d real, e integer, f generated always as (e + 1) stored);
             create table named (name text primary key, value) without rowid;
             create table \"odd \"\"name\" (\"a column\", \"rowid\" text)",
        );
        take(stage);
        stage.sql(
            "insert into kinds (a, b, c, d, e) values (1, '1', x'31', 1.0, 1), (1.0, 'a' || char(0) || 'b', x'', 9e999, -9223372036854775808),
               (cast(x'ff' as text), '''', zeroblob(9), -0.0, null), (x'00', null, null, 1e-300, 9007199254740993);
             insert into named values ('a', 1), ('b', x'00'); update named set name = 'c' where name = 'a'; delete from named where name = 'b';
             insert or replace into named values ('c', 2); insert into \"odd \"\"name\" values (1, 'x'), (2, 'y'); delete from \"odd \"\"name\" where rowid = 'x';
             vacuum; update kinds set a = 'last' where e = 1",
        );
    } else {
        stage.sql(
            "create type mood as enum ('a b', 'c\"d'); create type pair as (a text, b integer);
             create domain positive as integer check (value > 0);
             create table kinds (id integer generated always as identity, a jsonb, b json, c double precision, d real[], e mood, f pair,
               g positive, h tsrange, i interval, j bytea, k numeric, l text[], m timestamptz, n bit(3), o inet, p money, q \"char\", r xml,
               s integer generated always as (g + 1) stored);
             create table measured (at date, value integer, primary key (at, value)) partition by range (at);
             create table measured_1 partition of measured for values from ('2026-01-01') to ('2026-02-01');
             create table measured_2 (value integer not null, at date not null);
             alter table measured attach partition measured_2 for values from ('2026-02-01') to ('2026-03-01');
             alter table kinds drop column q; create table empty ()",
        );
        take(stage);
        stage.sql(
            "set datestyle = 'SQL, DMY'; set extra_float_digits = -15; set bytea_output = 'escape';
             insert into kinds (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, r) values
               ('null', '{\"a\":1, \"a\" : 2}', 0.1::float8 + 0.2, '[3:4]={1.5,NaN}', 'c\"d', row('x,\"(', null), 7, '[2026-02-03,)', '1 mon -2 days',
                '\\x00ff5c', 1.500, array['a,b', null, 'null', ''], '2026-02-03 04:05:06.7+02', b'101', '::1', 12.34, '<a>&lt;</a>'),
               (null, 'null', 'infinity', '{}', null, null, null, 'empty', null, '', 'NaN', '{{a},{b}}', '-infinity', null, null, null, null);
             update kinds set c = 1e-310 where g is null; update kinds set k = k * 2 where g = 7; delete from kinds where g is null;
             insert into measured values ('2026-01-05', 1), ('2026-01-06', 2); update measured set at = '2026-02-07' where value = 1;
             update measured set value = 9 where value = 2; insert into measured_2 (value, at) values (5, '2026-02-08');
             insert into empty default values; set session_replication_role = replica; insert into measured values ('2026-01-09', 1)",
        );
    }
    comes_back(stage);
}

fn a_migration_whose_rollback_failed_is_undone(stage: &Stage) {
    stage.sql("create table loose (note text); insert into loose values ('a'), ('b')");
    stage.write(
        "migrations/0001_x/up.sql",
        "alter table customers add column x integer; update customers set name = 'CUSTOMER' where id < 10;
         update loose set note = note || '!';",
    );
    stage.write(
        "migrations/0001_x/down.sql",
        "alter table customers drop column x;",
    );
    take(stage);
    stage.run(
        &["apply", "--yes", "--unrehearsed", "--reason", "a test"],
        0,
    );
    stage.sql(
        "update customers set name = 'app' where id = 5; update customers set x = 1 where id = 6;
         insert into customers (id, name) values (600, 'new'); update customers set name = 'newer' where id = 600;
         delete from orders where id = 7; insert into loose values ('c'); delete from loose where note = 'a!'",
    );
    let new = stage.beside("restored");
    let outcome = stage.run(
        &[
            "restore",
            "--to",
            "backups",
            "--replay",
            "--without-migrations",
            "--into",
            &new,
            "--json",
        ],
        9,
    );
    let unreplayed = outcome.json()["replayed"]["unreplayed"]
        .as_array()
        .unwrap()
        .clone();
    let told = |table: &str| {
        unreplayed
            .iter()
            .filter(|one| one["table"] == table)
            .count()
    };
    let name = |id: i64| stage.one_on(&new, &format!("select name from customers where id = {id}"));
    assert_eq!(name(5), "app");
    assert_eq!(name(600), "newer");
    assert_eq!(name(1), "customer 1", "what the migration did is not there");
    assert_eq!(told("customers"), 1, "{unreplayed:?}");
    // Rows without a key that the migration has changed are found by nobody: that is told.
    let loose = told("loose");
    assert_eq!(
        loose,
        if stage.is_sqlite() { 2 } else { 1 },
        "{unreplayed:?}"
    );
}

fn a_single_table_comes_back_without_the_log(stage: &Stage) {
    take(stage);
    stage.sql("drop view big; drop table orders");
    // Only the log of the backup itself is gone, as it is once another one has taken its place.
    stage.run(&["backup", "end-changes", "--to", "backups"], 0);
    stage.run(
        &[
            "restore", "--to", "backups", "--into", &stage.url, "--table", "orders",
        ],
        0,
    );
    stage.sql("update orders set total = 1 where id = 1");
}
