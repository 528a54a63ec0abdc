//! Sequences and counters go on where they were: none gives again what it has given.

use super::{check_postgres, check_postgres_in_words, check_sqlite};

const NUMBERED: [&str; 8] = [
    "create sequence s increment 5 start 100",
    "create sequence d increment -1",
    "create table t (a integer primary key default nextval('s'), b integer)",
    "create table i (a integer generated always as identity primary key, b integer)",
    "create table r (a serial primary key, b integer)",
    "insert into t (b) values (1), (2)",
    "insert into i (b) values (1), (2)",
    "insert into r (b) values (1), (2)",
];

/// Three numbers are drawn from each before the migration.
fn check_each(forward: &[&str]) {
    for forward in forward {
        check_postgres(&NUMBERED, &forward.split("; ").collect::<Vec<_>>(), &[]);
    }
}

#[test]
fn a_sequence_that_is_dropped_or_starts_anew_goes_on_where_it_was() {
    check_each(&[
        "alter table t alter a drop default; drop sequence s",
        "alter table t alter a drop default; drop sequence s; create sequence s start 7",
        "alter sequence s restart",
        "alter sequence s restart with 9000",
        "select setval('s', 105, false)",
        "do $$ begin perform setval('s', 1000000); perform setval('s', 100, false); end $$",
        "alter sequence d increment 2 minvalue -100 maxvalue 1000 restart with 5",
        "alter table r alter a type bigint; alter sequence r_a_seq rename to x; alter sequence x restart",
        "create schema n; alter sequence s set schema n; alter sequence n.s restart",
    ]);
}

#[test]
fn the_sequence_of_a_column_goes_on_where_it_was() {
    check_each(&[
        "truncate i restart identity",
        "truncate t, i, r restart identity",
        "alter table i alter a restart with 1",
        "alter table i alter a drop identity",
        "alter table r alter a drop default; drop sequence r_a_seq; alter table r alter a add generated always as identity",
        "drop table t, i, r",
        "drop table r; create table r (a serial primary key, c text)",
        "alter table r drop column a",
        "alter table i drop column a",
    ]);
}

/// A row that was written since has no number of before: it gets the next one.
#[test]
fn rows_written_since_are_numbered_on_where_their_column_was_gone() {
    let tables = [
        "create table t (a bigserial primary key, b integer)",
        "create table t (a integer generated always as identity primary key, b integer)",
        "create table t (a serial unique, b integer primary key)",
        "create table t (a serial unique, b integer)",
    ];
    let writes = [(
        "insert into t (b) values (8)",
        "insert into t (b) values (8)",
    )];
    for table in tables {
        let before = [table, "insert into t (b) values (1), (2)"];
        check_postgres_in_words(&before, &["alter table t drop column a"], &writes);
    }
}

#[test]
fn a_counter_of_sqlite_goes_on_where_it_was() {
    let before = [
        "create table t (a integer primary key autoincrement, b integer)",
        "insert into t (b) values (1), (2), (3)",
        "delete from t where a = 3",
    ];
    for forward in [
        "drop table t",
        "delete from t; delete from sqlite_sequence",
        "update sqlite_sequence set seq = 0; update t set b = 7",
        "create table n (a integer primary key, b integer); insert into n select * from t; drop table t; alter table n rename to t",
        "create table n (a integer primary key autoincrement, b integer, c integer); insert into n select *, 1 from t; drop table t; \
         alter table n rename to t",
    ] {
        check_sqlite(&before, &forward.split("; ").collect::<Vec<_>>(), &[]);
    }
}

#[test]
fn an_identity_that_nobody_may_write_is_no_hindrance_to_values_that_come_back() {
    check_postgres(
        &[
            "create table t (a integer primary key, b bigint generated always as identity, c text)",
            "create table u (a bigint generated always as identity, b text)",
            "insert into t (a, c) values (1, 'x'), (2, 'y')",
            "insert into u (b) values ('x'), ('y')",
        ],
        &[
            "update t set c = 'new'",
            "do $do$ begin alter table u add column c integer generated always as (length(b)) stored; end $do$",
        ],
        &[
            "update t set c = 'mine' where a = 1",
            "insert into u (b) values ('z')",
        ],
    );
}
