//! What stands in the catalog comes back as it stood there.

use super::{check_postgres, check_postgres_in_words, check_postgres_late};

#[test]
fn definitions_that_the_server_reads_back_otherwise_come_back_as_they_were() {
    let before = [
        "create table t (a varchar(10) constraint c1 check (a in ('x', 'y')), b varchar(3), c bigint)",
        "create view v as select * from t where a in ('x', 'y') and c = any (array[1, 2])",
        "create materialized view m as select * from t where b not in ('x', 'y') or b in (a, 'z')",
        "create index i on t (b) where a in ('x', 'y')",
        "create policy p on t using (a in ('x', 'y')) with check (b in ('p', 'q'))",
        "create rule r as on delete to t where old.a in ('x', 'z') do instead nothing",
        "create function f() returns trigger language plpgsql as $$ begin return new; end $$",
        "create trigger g before insert on t for each row when (new.a in ('x', 'y')) execute function f()",
        "create domain d as varchar(5) check (value in ('x', 'y'))",
        "insert into t values ('x', 'p', 1)",
    ];
    let forward = [
        "drop view v",
        "drop materialized view m",
        "drop index i",
        "drop policy p on t",
        "drop rule r on t",
        "drop trigger g on t",
        "drop domain d",
        "alter table t drop constraint c1",
    ];
    check_postgres(&before, &forward, &["insert into t values ('y', 'q', 2)"]);
    check_postgres(&before, &["drop table t cascade"], &[]);
}

#[test]
fn privileges_on_columns_are_what_they_were_when_those_on_their_table_go() {
    let before = [
        "create table t (a integer primary key, b integer, c integer)",
        "grant select (b), update (b, c) on t to pg_monitor",
        "grant select (c) on t to public",
    ];
    for forward in [
        "grant all on t to pg_monitor",
        "grant select on t to pg_read_all_stats with grant option",
        "alter table t owner to pg_monitor",
        "grant update on t to pg_monitor; revoke select (b) on t from pg_monitor; grant insert (a) on t to public",
    ] {
        check_postgres(&before, &forward.split("; ").collect::<Vec<_>>(), &[]);
    }
}

/// Nothing of a table that goes stands in the way of what it needed.
#[test]
fn a_table_that_goes_with_its_type_comes_back_with_it() {
    let before = [
        "create type mood as enum ('sad', 'ok')",
        "create domain label as text check (value <> '')",
        "create function f() returns integer language sql as $$ select 7 $$",
        "create table t (a integer primary key, b mood not null default 'ok', c label, d integer default f())",
        "create index i on t (b)",
        "insert into t values (1, 'sad', 'x', 1), (2, 'ok', null, 2)",
    ];
    check_postgres(
        &before,
        &[
            "drop index if exists i",
            "drop table if exists t",
            "drop type if exists mood",
        ],
        &[],
    );
    check_postgres(
        &before,
        &["drop table t", "drop function f()", "drop domain label"],
        &[],
    );
}

#[test]
fn a_value_of_an_enum_that_was_renamed_fits() {
    check_postgres(
        &[
            "create type mood as enum ('sad', 'so, so')",
            "create table t (a integer primary key, b mood, c integer)",
            "insert into t values (1, 'so, so', 1), (2, 'sad', 2)",
        ],
        &["alter type mood rename value 'so, so' to 'fair'"],
        &["update t set c = 3"],
    );
}

#[test]
fn a_sequence_has_the_owner_of_its_table_that_is_built_anew() {
    check_postgres(
        &[
            "create table t (a serial primary key, b text, c text)",
            "insert into t (b, c) values ('x', 'y')",
        ],
        &[
            "alter table t drop column b",
            "alter table t owner to pg_monitor",
        ],
        &["insert into t (c) values ('z')"],
    );
}

#[test]
fn a_domain_is_as_strict_as_it_was_when_the_rows_of_the_migration_are_gone() {
    check_postgres(
        &[
            "create domain pos as integer constraint above check (value > 0)",
            "create domain known as text not null",
            "create table x (id integer primary key, v pos, k known, note varchar(20))",
            "insert into x select i, i, 'k', 'note ' || i from generate_series(1, 5) i",
        ],
        &[
            "alter domain pos drop constraint above",
            "alter domain pos add constraint above check (value > -10)",
            "alter domain known drop not null",
            "alter table x alter column note type varchar(3) using left(note, 3)",
            "update x set v = -1, k = null where id = 2",
            "insert into x values (10, -2, null, 'new')",
        ],
        &[
            "update x set note = 'q' where id in (2, 3)",
            "insert into x values (6, 6, 'k', 'six')",
        ],
    );
    check_postgres(
        &[
            "create domain known as text",
            "create table x (id integer primary key, k known)",
            "insert into x values (1, null), (2, 'two')",
        ],
        &[
            "update x set k = 'one' where k is null",
            "alter domain known set not null",
            "alter domain known set default 'nobody'",
        ],
        &["update x set k = 'q' where id = 2"],
    );
}

#[test]
fn what_a_script_changes_with_triggers_off_comes_back() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text, n integer default 0)",
            "insert into t select i, 'b' || i from generate_series(1, 50) i",
            "create function up() returns trigger language plpgsql as 'begin new.n := new.n + 1; return new; end'",
            "create trigger up before update on t for each row execute function up()",
            "create table p (a integer primary key, b text) partition by range (a)",
            "create table p1 partition of p for values from (0) to (100)",
            "insert into p select i, 'b' || i from generate_series(1, 50) i",
        ],
        &[
            "alter table t disable trigger all",
            "update t set b = 'q' where a = 3",
            "delete from t where a = 4",
            "alter table t enable trigger all",
            "do $$ begin alter table p disable trigger user; update p set b = 'x' where a = 7; alter table p enable trigger user; end $$",
        ],
        &[
            "update t set b = 'w' where a in (3, 5)",
            "delete from p where a = 8",
            "insert into p values (60, 'new')",
        ],
    );
}

#[test]
fn what_belongs_to_a_table_has_its_name_and_its_schema_back() {
    check_postgres(
        &[
            "create table t (a serial primary key, b text unique, c integer generated by default as identity)",
            "create index i on t (b, a)",
            "insert into t (b) values ('x'), ('y')",
        ],
        &[
            "alter index i rename to j",
            "alter sequence t_a_seq rename to other_seq",
            "alter table t rename constraint t_b_key to other_key",
            "create schema aside",
            "alter table t set schema aside",
        ],
        &[],
    );
    check_postgres(
        &[
            "create schema aside",
            "create table aside.t (a serial primary key, b text)",
            "create index i on aside.t (b, a)",
            "create table u (a integer)",
            "create index i on u (a)",
        ],
        &[
            "alter index aside.i rename to k",
            "alter table aside.t set schema public",
            "alter table t rename to v",
            "alter sequence t_a_seq rename to v_seq",
        ],
        &[],
    );
}

/// Twin seed 701272: what was caught after the label had another name was kept under that one.
#[test]
fn rows_that_go_after_a_value_of_their_enum_was_renamed_come_back() {
    check_postgres(
        &[
            "create type mood as enum ('sad', 'ok')",
            "create table t (a integer primary key, b mood, c text)",
            "insert into t select i, case when i % 2 = 0 then 'sad'::mood else 'ok' end, 'c' from generate_series(1, 40) i",
        ],
        &[
            "alter type mood rename value 'sad' to 'low'",
            "delete from t where a = 4",
            "update t set c = 'x', b = 'ok' where a = 6",
        ],
        &[
            "update t set c = 'y' where a = 8",
            "update t set c = 'z' where a = 6",
        ],
    );
}

#[test]
fn a_schema_that_went_is_there_before_what_moves_back_to_it() {
    check_postgres_in_words(
        &[
            "create schema app",
            "create table app.t (a serial primary key, b text, constraint c check (b <> ''))",
            "create function app.f(x integer) returns integer language sql as 'select x'",
            "create type app.mood as enum ('sad')",
            "grant usage on schema app to public",
            "comment on schema app is 'the application'",
            "insert into app.t (b) values ('x'), ('y')",
        ],
        &[
            "alter table app.t set schema public",
            "alter function app.f set schema public",
            "alter type app.mood set schema public",
            "alter table t rename column b to d",
            "drop schema app",
            "update t set d = 'migrated' where a = 2",
        ],
        &[
            (
                "insert into t (d) values ('z')",
                "insert into app.t (b) values ('z')",
            ),
            ("delete from t where a = 2", "delete from app.t where a = 2"),
        ],
    );
}

#[test]
fn schemas_that_exchanged_their_names_have_them_back() {
    check_postgres_in_words(
        &[
            "create schema one",
            "create schema two",
            "create table one.t (a integer primary key)",
            "create table two.t (a integer primary key, b integer default 4)",
            "create view two.v as select b from two.t",
            "insert into one.t values (1)",
            "insert into two.t values (2, 3)",
        ],
        &[
            "create schema three",
            "alter table one.t set schema three",
            "drop schema one",
            "alter schema two rename to one",
            "alter schema three rename to two",
            "alter table one.t drop column b cascade",
        ],
        &[
            (
                "insert into two.t values (5)",
                "insert into one.t values (5)",
            ),
            (
                "insert into one.t values (6)",
                "insert into two.t values (6)",
            ),
        ],
    );
    check_postgres_in_words(
        &[
            "create schema app",
            "create table app.t (a integer primary key, b integer default 4)",
            "insert into app.t values (1)",
        ],
        &[
            "alter schema app rename to legacy",
            "create schema app",
            "alter table legacy.t set schema app",
            "create table app.fresh (a integer)",
        ],
        &[(
            "insert into app.t values (5)",
            "insert into app.t values (5)",
        )],
    );
}

#[test]
fn rows_that_a_constraint_leaves_alone_which_was_never_validated_stay() {
    for forward in [
        &["alter table t drop constraint f, drop constraint c"][..],
        &[
            "alter table t rename to u",
            "alter table u rename to t",
            "alter table p rename column a to z",
        ],
    ] {
        check_postgres(
            &[
                "create table p (a integer primary key, b integer)",
                "create table t (a integer primary key, b integer, c text)",
                "insert into t values (1, 99, 'x'), (2, null, 'y'), (3, 99, 'y')",
                "alter table t add constraint f foreign key (b) references p (a) not valid",
                "alter table t add constraint c check (c <> 'x') not valid",
            ],
            forward,
            &[
                "update t set c = 'new' where a = 2",
                "update t set c = 'other' where a = 3",
                "insert into p values (3)",
                "insert into t values (5, 3, 'z')",
            ],
        );
    }
}

#[test]
fn what_a_composite_type_loses_comes_back_also_to_rows_that_no_rehearsal_has_seen() {
    let before = [
        "create type address as (street text, zip integer)",
        "create table t (a integer primary key, b address, c address[])",
    ];
    let rows = [
        "insert into t values (1, row('s', 1), array[row('s', 2)::address]), (2, null, '{}'), (4, row('t', 4), null)",
    ];
    for forward in [
        &[
            "alter type address add attribute city text cascade",
            "alter type address drop attribute zip cascade",
        ][..],
        &[
            "alter type address drop attribute zip cascade",
            "alter type address add attribute zip integer cascade",
        ],
    ] {
        let writes = [
            "delete from t where a = 2",
            "update t set c = null where a = 1",
        ];
        check_postgres_late(&before, &rows, forward, &writes);
        let all: Vec<&str> = before.iter().chain(&rows).copied().collect();
        check_postgres(&all, forward, &writes);
    }
}
