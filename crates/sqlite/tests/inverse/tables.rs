//! Tables and columns.

use crate::support::{check, check_schema};

const USERS: &str = "create table  Users (id integer primary key, name text not null, -- the name
        email TEXT COLLATE nocase default 'a@b', age INT check (age > 0));
    insert into users values (1, 'a', 'x', 3), (7, 'b', null, 4), (3, 'c', 'z', 5);";

#[test]
fn a_column_that_was_added_goes() {
    check(USERS, "alter table users add column phone text");
    check(
        USERS,
        "alter table users add column phone text not null default 'none'; update users set phone = name",
    );
    check(
        USERS,
        "alter table users add column a; alter table users add column b",
    );
}

#[test]
fn a_renamed_column_gets_its_name_back() {
    check(USERS, "alter table users rename column name to full_name");
    check(
        USERS,
        "alter table users rename name to n; alter table users rename n to m; alter table users add column name",
    );
    check(
        "create table t (a, b, c); insert into t values (1, 2, 3)",
        "alter table t rename a to x; alter table t rename b to a; alter table t rename x to b",
    );
}

#[test]
fn a_dropped_column_is_in_its_place_again() {
    check_schema(USERS, "alter table users drop column email");
    check_schema(
        USERS,
        "alter table users drop column age; alter table users add column age int",
    );
}

#[test]
fn a_renamed_table_gets_its_name_back() {
    check(USERS, "alter table users rename to people");
    check(
        USERS,
        "alter table users rename to people; create table users (a); insert into users values (1)",
    );
    check(
        "create table a (x); create table b (y, z); insert into a values (1); insert into b values (2, 3);",
        "alter table a rename to c; alter table b rename to a; alter table c rename to b",
    );
    check(
        USERS,
        "alter table users rename to u; alter table u rename to \"USERS\"",
    );
    check(
        USERS,
        "alter table users rename to people; alter table people rename column name to n; alter table people add column x",
    );
}

#[test]
fn a_table_rebuilt_in_twelve_steps_is_its_own_successor() {
    check(
        USERS,
        "create table new_users (id integer primary key, email text, age, name text);
         insert into new_users select id, email, age, name from users;
         drop table users;
         alter table new_users rename to users",
    );
}

#[test]
fn a_new_table_goes_and_a_dropped_one_is_there_again() {
    check(
        USERS,
        "create table a (x); insert into a values (1); create index i on a (x)",
    );
    check_schema(USERS, "drop table users");
    check(USERS, "create table a as select * from users");
    check("", "create table a (x); create view v as select * from a");
}

#[test]
fn every_kind_of_table_comes_back() {
    let forward = "alter table t add column more int";
    for table in [
        "create table t (a text primary key, b) without rowid",
        "create table t (a text primary key, b int) strict",
        "create table t (a integer primary key autoincrement, b)",
        "create table t (a integer primary key desc, b)",
        "create table t (a, b, primary key (a, b) on conflict replace)",
        "create table t (a, b, c as (a || b) stored unique, d generated always as (b) virtual)",
        "create table t (a int, b any, unique (b, a)) strict",
        "create table \"t\" (\"a\" decimal(10, 2), [b] blob /* c */)",
        "create table main.t(a, b)",
        "create table if not exists t(a, b)",
        "create table t as select 1 as a, 'x' as b",
    ] {
        check(
            &format!("{table}; insert or ignore into t (a, b) values (5, 6), (-2, null);"),
            forward,
        );
    }
}

#[test]
fn generated_columns_are_not_written() {
    let table = "create table t (g as (a * 2), a, s as (a + 1) stored, b);
        insert into t values (1, 2), (3, 4);";
    check(table, "alter table t rename column a to z");
    check(table, "alter table t drop column g");
}

#[test]
fn rowids_are_kept() {
    let table = "create table t (a, b); insert into t (rowid, a) values (10, 1), (-5, 2), (3, 3);";
    check(table, "alter table t add column c");
    let table =
        "create table t (rowid text, a); insert into t (_rowid_, a) values (10, 1), (-5, 2);";
    check(table, "alter table t add column c");
    let table = "create table t (rowid text, _rowid_, oid); insert into t values (10, 1, 1);";
    check(table, "alter table t add column c");
    let table =
        "create table t (a text primary key); insert into t (rowid, a) values (10, 1), (-5, 2);";
    check(table, "alter table t add column c integer");
}

#[test]
fn counters_go_on() {
    let table = "create table t (id integer primary key autoincrement, a);
        insert into t (a) values (1), (2), (3); delete from t where id = 3;";
    check(table, "alter table t add column b");
    check(table, "alter table t rename to u");
    check(
        &format!("{table} delete from t;"),
        "alter table t add column b",
    );
}

#[test]
fn values_keep_their_storage_class() {
    check(
        "create table t (a, b text, c integer, d real, e numeric, f blob);
         insert into t values (1, 1, 1, 1, 1, 1), (1.0, 1.0, 1.0, 1.0, 1.0, 1.0), ('1', '01', 'x', 'y', '1e3', '1'),
            (x'00', x'00', x'00', x'00', x'00', x'00'), ('a' || char(0) || 'b', '', 9223372036854775807, 1e300, 0.1, null);",
        "alter table t add column g",
    );
}

#[test]
fn a_type_that_was_changed_comes_back() {
    check(
        "create table t (id integer primary key, a integer); insert into t values (1, 5), (2, null);",
        "create table n (id integer primary key, a text); insert into n select * from t; drop table t;
         alter table n rename to t",
    );
}

#[test]
fn names_that_need_quotes() {
    check(
        "create table \"or\"\"der's\" (\"a \"\"b\" , [select] int, 'c'); insert into \"or\"\"der's\" values (1, 2, 3);
         create index \"i x\" on \"or\"\"der's\" (\"a \"\"b\");
         create view \"v'w\" as select \"a \"\"b\" from \"or\"\"der's\";",
        "drop view \"v'w\"; alter table \"or\"\"der's\" rename column \"select\" to \"x'y\"",
    );
}

#[test]
fn a_table_in_other_letters_is_the_same() {
    check(
        "create table T (A, b); insert into t values (1, 2);",
        "create table n (a, B); insert into n select * from t; drop table t; alter table n rename to t",
    );
}

#[test]
fn settings_come_back() {
    check(
        "pragma user_version = 3",
        "pragma user_version = 4; pragma application_id = 7",
    );
}
