//! Columns that come, go and change.

use crate::walk::Walk;

const USERS: &str = "create table users (id integer primary key, name text not null, age int default 7, note);
    insert into users values (1, 'Ann Lee', 30, 1), (2, 'Bob Ray', 40, 1.0), (3, 'Cy Poe', null, x'00'), (4, 'Di Fox', 5, 'x');";

#[test]
fn a_dropped_column_has_its_values_again() {
    let walk = Walk {
        setup: USERS,
        forward: "alter table users drop column age; alter table users drop column note",
        writes: "update users set name = 'Other' where id = 1; delete from users where id = 2;
            insert into users (id, name) values (9, 'New');",
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn a_split_column_is_filled_from_what_is_there_now() {
    let walk = Walk {
        setup: USERS,
        forward: "alter table users add column first; alter table users add column last;
            update users set first = substr(name, 1, instr(name, ' ') - 1), last = substr(name, instr(name, ' ') + 1);
            alter table users drop column name",
        writes: "insert into users (id, first, last) values (9, 'New', 'One'); update users set age = 1 where id = 1",
        twin_writes: Some("insert into users (id, name) values (9, 'New One'); update users set age = 1 where id = 1"),
        fill: &[("users", "name", "first || ' ' || last")],
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn renamed_columns_and_tables_keep_what_was_written() {
    let walk = Walk {
        setup: USERS,
        forward: "alter table users rename column name to full_name; alter table users rename to people;
            update people set full_name = upper(full_name)",
        writes: "update people set full_name = 'Mine' where id = 1; insert into people (id, full_name) values (9, 'New');
            delete from people where id = 3",
        twin_writes: Some("update users set name = 'Mine' where id = 1; insert into users (id, name) values (9, 'New');
            delete from users where id = 3"),
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn a_narrowed_type_gets_its_values_back() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a text); insert into t values (1, '007'), (2, 'x'), (3, '1.50');",
        forward: "create table n (id integer primary key, a integer); insert into n select id, cast(a as integer) from t;
            drop table t; alter table n rename to t",
        writes: "update t set a = 8 where id = 3; insert into t values (4, 5)",
        twin_writes: Some("update t set a = '8' where id = 3; insert into t values (4, '5')"),
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn a_dropped_table_comes_back_with_its_rows() {
    let walk = Walk {
        setup: "create table t (a, b text); insert into t (rowid, a, b) values (5, 1, 'x'), (9, 1.0, null);
            create table c (id integer primary key autoincrement, x); insert into c (x) values (1), (2), (3); delete from c where id = 3;
            create virtual table f using fts5 (a); insert into f (rowid, a) values (7, 'word');",
        forward: "drop table t; drop table c; drop table f",
        rowids: true,
        ..Walk::default()
    };
    let walked = walk.there_and_back().like_twin();
    assert_eq!(walked.merged.returned, 5);
}
