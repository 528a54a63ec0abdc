//! A written rollback script, after which the net makes rows exact and the inverse the schema.

use crate::walk::Walk;

const USERS: &str = "create table users (id integer primary key, name text not null, age int default 7, note);
    insert into users values (1, 'Ann Lee', 30, 1), (2, 'Bob Ray', 40, 1.0), (3, 'Cy', null, x'00'), (4, 'Di Fox', 5, 'x');";

#[test]
fn values_that_a_script_cannot_know_come_back() {
    let walk = Walk {
        setup: USERS,
        forward: "alter table users drop column age; update users set name = upper(name)",
        rollback: Some(
            "alter table users add column age int default 7; update users set name = lower(name)",
        ),
        writes: "update users set name = 'OTHER' where id = 1; delete from users where id = 2; insert into users (id, name) values (9, 'NEW')",
        twin_writes: Some(
            "update users set name = 'other' where id = 1; delete from users where id = 2; insert into users (id, name) values (9, 'new')",
        ),
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn what_a_script_computes_from_written_values_stays() {
    let walk = Walk {
        setup: USERS,
        forward: "alter table users add column first; alter table users add column last;
            update users set first = substr(name, 1, instr(name || ' ', ' ') - 1), last = substr(name, instr(name || ' ', ' ') + 1);
            alter table users drop column name",
        rollback: Some("alter table users add column name text not null default '';
            update users set name = first || ' ' || last;
            alter table users drop column first; alter table users drop column last"),
        writes: "update users set last = 'Moss' where id = 1; update users set age = 8 where id = 3;
            insert into users (id, first, last) values (9, 'New', 'One')",
        twin_writes: Some("update users set name = 'Ann Moss' where id = 1; update users set age = 8 where id = 3;
            insert into users (id, name) values (9, 'New One')"),
        fill: &[("users", "name", "first || ' ' || last")],
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn a_table_that_a_script_only_makes_again_gets_its_rows() {
    let walk = Walk {
        setup: USERS,
        forward: "drop table users",
        rollback: Some(
            "create table users (id integer primary key, name text not null, age int default 7, note)",
        ),
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn a_script_that_rebuilds_the_table() {
    let walk = Walk {
        setup: USERS,
        forward: "create table n (id integer primary key, full_name, note); insert into n select id, name, null from users;
            drop table users; alter table n rename to users",
        rollback: Some("create table n (id integer primary key, name text not null, age int default 7, note);
            insert into n (id, name, note) select id, coalesce(full_name, '?'), note from users;
            drop table users; alter table n rename to users"),
        writes: "update users set note = 'mine' where id = 1; insert into users values (9, 'New', 1)",
        twin_writes: Some("update users set note = 'mine' where id = 1; insert into users (id, name, note) values (9, 'New', 1)"),
        fill: &[("users", "name", "full_name")],
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}
