//! Foreign keys: nothing cascades on the way back, whether they are enforced or not.

use crate::support::{check, check_with};

const FAMILY: &str = "create table parents (id integer primary key, name text unique);
    create table children (id integer primary key, parent references parents on delete cascade,
        other text REFERENCES parents(name) on delete set null on update cascade);
    create table grandchildren (id integer primary key, child int references children(id) on delete cascade);
    insert into parents values (1, 'a'), (2, 'b');
    insert into children values (1, 1, 'a'), (2, 2, 'b'), (3, null, null);
    insert into grandchildren values (1, 1), (2, 1), (3, 3);";

#[test]
fn a_parent_is_made_again_and_its_children_stay() {
    check(FAMILY, "alter table parents add column x");
    check(FAMILY, "alter table parents rename column id to number");
    check(FAMILY, "alter table parents rename to ancestors");
    check(FAMILY, "alter table children add column x");
    check(FAMILY, "alter table grandchildren add column x");
    check(
        FAMILY,
        "alter table parents add column x; alter table grandchildren add column x",
    );
    check(
        FAMILY,
        "alter table parents add column x; alter table children add column x; alter table grandchildren add column x",
    );
}

#[test]
fn restricting_keys_hold_nothing_up() {
    check(
        "create table p (id integer primary key); create table c (p not null references p on delete restrict);
         create table d (p references p on delete set default);
         insert into p values (1), (2); insert into c values (1), (1); insert into d values (2);",
        "alter table p add column x",
    );
}

#[test]
fn a_table_that_refers_to_itself() {
    let tree = "create table tree (id integer primary key, up references tree on delete cascade);
        insert into tree values (1, 3), (2, 1), (3, null), (4, 4);";
    check(tree, "alter table tree add column x");
    check(tree, "alter table tree rename to forest");
}

#[test]
fn tables_in_a_circle() {
    let circle = "create table a (id integer primary key, b references b on delete cascade deferrable initially deferred);
        create table b (id integer primary key, a references a on delete cascade deferrable initially deferred);
        begin; insert into a values (1, 1); insert into b values (1, 1); commit;";
    check(circle, "alter table a add column x");
    check(
        circle,
        "alter table a add column x; alter table b add column x",
    );
    check(circle, "create table c (id integer primary key, d references d); create table d (id integer primary key, c references c);
        insert into d values (1, null); insert into c values (1, 1); update d set c = 1");
}

#[test]
fn a_new_parent_goes_and_takes_no_child_along() {
    check(
        "create table books (id integer primary key, title); insert into books values (1, 'a'), (2, 'b');",
        "create table authors (id integer primary key); insert into authors values (5);
         alter table books add column author references authors on delete cascade; update books set author = 5",
    );
    check(
        "create table books (id integer primary key, title); insert into books values (1, 'a'), (2, 'b');
         create table authors (x); insert into authors values (9);",
        "alter table authors rename to writers;
         create table authors (id integer primary key); insert into authors values (5);
         alter table books add column author references authors on delete cascade; update books set author = 5",
    );
}

#[test]
fn orphans_from_the_time_before_keys_were_enforced() {
    check(
        "pragma foreign_keys = off; create table p (id integer primary key, a); create table c (id integer primary key, p references p);
         insert into p values (1, 1); insert into c values (1, 1), (2, 99); pragma foreign_keys = on;",
        "alter table c add column x; alter table p add column x",
    );
}

#[test]
fn a_parent_that_is_not_there() {
    // With keys enforced nobody can write into such a table.
    check_with(
        false,
        "create table c (a references nowhere); insert into c values (1)",
        "alter table c add column x",
    );
}
