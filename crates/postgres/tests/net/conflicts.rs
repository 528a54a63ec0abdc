//! What the application writes in the window and the old schema cannot hold.

use std::collections::BTreeMap;

use tightrope_engine::Window;
use tightrope_model::{Keep, TableName};

use crate::support::{servers, session, url};
use crate::walk::{Walk, Walked, contents, script};

/// The conflicts that the gauge counts, in words with their numbers.
fn gauged(walk: &Walk<'_>, check: impl Fn(BTreeMap<String, u64>, Walked)) {
    for server in servers() {
        let mut there = walk.migrate(&server);
        script(session(&url(&there.database)).as_mut(), walk.writes);
        let window = Window {
            before: &there.before,
            after: &there.after,
            fill: &walk.fill,
        };
        let gauge = there
            .session
            .net()
            .unwrap()
            .gauge(&there.kept, &window)
            .unwrap();
        assert!(
            gauge
                .conflicts
                .iter()
                .all(|conflict| !conflict.samples.is_empty())
        );
        let conflicts: BTreeMap<String, u64> = gauge
            .conflicts
            .iter()
            .map(|conflict| (conflict.breaks.clone(), conflict.rows))
            .collect();
        let (merged, quarantined) = walk.back(&mut there);
        let walked = Walked {
            merged,
            quarantined,
            rows: contents(there.session.as_mut()),
            twin: BTreeMap::new(),
        };
        check(conflicts, walked);
    }
}

fn check(
    walk: &Walk<'_>,
    conflicts: &[(&str, u64)],
    quarantined: &[&str],
    rows: &[(&str, &[&str])],
) {
    gauged(walk, |found, walked| {
        let expected: BTreeMap<String, u64> = conflicts
            .iter()
            .map(|(breaks, rows)| ((*breaks).to_owned(), *rows))
            .collect();
        assert_eq!(found, expected);
        let mut taken: Vec<&str> = walked.quarantined.iter().map(|q| q.row.as_str()).collect();
        taken.sort_unstable();
        assert_eq!(taken, quarantined);
        for (table, rows) in rows {
            assert_eq!(&walked.rows[*table], rows, "{table}");
        }
    });
}

#[test]
fn a_value_that_was_unique_goes_where_the_application_repeated_it() {
    check(
        &Walk {
            setup: "create table people (id int primary key, email text, active bool default true, constraint one_email unique (email));
                create unique index one_active on people (lower(email)) where active;
                insert into people values (1, 'a'), (2, 'b'), (3, 'c'), (4, null);",
            forward: "alter table people drop constraint one_email;
                drop index one_active;",
            writes: "insert into people values (5, 'a'), (6, 'new'), (7, null);
                update people set email = 'c' where id = 2;
                insert into people values (8, 'twice', true), (9, 'twice', false), (10, 'NEW', true);",
            undo: "alter table people add constraint one_email unique (email);
                create unique index one_active on people (lower(email)) where active;",
            keep: Some(Keep::Nothing),
            ..Walk::default()
        },
        &[("unique constraint `one_email`", 3), ("unique index `one_active`", 3)],
        &[
            r#"{"id" : "10", "email" : "NEW", "active" : "true"}"#,
            r#"{"id" : "2", "email" : "c", "active" : "true"}"#,
            r#"{"id" : "5", "email" : "a", "active" : "true"}"#,
            r#"{"id" : "9", "email" : "twice", "active" : "false"}"#,
        ],
        &[("people", &["(1,a,t)", "(3,c,t)", "(4,,t)", "(6,new,t)", "(7,,t)", "(8,twice,t)"])],
    );
}

#[test]
fn checks_and_not_null_of_before_hold_for_what_was_written() {
    check(
        &Walk {
            setup: "create table goods (id int primary key, price int not null check (price > 0), stock int, check (stock < price));
                insert into goods values (1, 10, 1), (2, 20, 1);",
            forward: "alter table goods drop constraint goods_price_check;
                alter table goods drop constraint goods_check;
                alter table goods rename price to cost;
                alter table goods alter cost drop not null;",
            writes: "insert into goods values (3, -1, null), (4, null, 1), (5, 5, 4);
                update goods set stock = 100 where id = 2;",
            undo: "alter table goods rename cost to price;
                alter table goods alter price set not null;
                alter table goods add constraint goods_price_check check (price > 0);
                alter table goods add constraint goods_check check (stock < price);",
            keep: Some(Keep::Nothing),
            ..Walk::default()
        },
        &[
            ("check constraint `goods_check`", 1),
            ("check constraint `goods_price_check`", 1),
            ("column `price` must not be null", 1),
        ],
        &[
            r#"{"id" : "2", "cost" : "20", "stock" : "100"}"#,
            r#"{"id" : "3", "cost" : "-1", "stock" : null}"#,
            r#"{"id" : "4", "cost" : null, "stock" : "1"}"#,
        ],
        &[("goods", &["(1,10,1)", "(5,5,4)"])],
    );
}

const NAMES: &str = "create table people (id int primary key, name text not null);
insert into people values (1, 'Ann Bee'), (2, 'Cid Dee');
";
const SPLIT: &str = "alter table people add first text, add last text;
update people set first = split_part(name, ' ', 1), last = split_part(name, ' ', 2);
alter table people drop name;
";

#[test]
fn a_lost_column_that_must_not_be_null_asks_for_a_fill() {
    let walk = Walk {
        setup: NAMES,
        forward: SPLIT,
        writes: "insert into people values (3, 'Eve', 'Eff');
            update people set last = 'Zed' where id = 2;",
        rebuild: Some(("people", "(id int primary key, name text not null)")),
        ..Walk::default()
    };
    check(
        &walk,
        &[("column `name` must not be null", 1)],
        &[r#"{"id" : "3", "first" : "Eve", "last" : "Eff"}"#],
        &[("people", &["(1,\"Ann Bee\")", "(2,\"Cid Dee\")"])],
    );
    let fill = [(
        (TableName::new("public", "people"), "name".to_owned()),
        "first || ' ' || last".to_owned(),
    )];
    check(
        &Walk {
            fill: fill.into(),
            ..walk
        },
        &[],
        &[],
        &[(
            "people",
            &["(1,\"Ann Bee\")", "(2,\"Cid Dee\")", "(3,\"Eve Eff\")"],
        )],
    );
}

#[test]
fn rows_in_which_a_fill_fails_go() {
    let fill = |expression: &str| {
        let column = (TableName::new("public", "people"), "name".to_owned());
        [(column, expression.to_owned())].into()
    };
    let walk = Walk {
        setup: NAMES,
        forward: SPLIT,
        writes: "insert into people values (3, 'Eve', 'Eff'), (4, 'Gus', '0'), (5, null, '7');
            update people set last = 'Zed' where id = 2;",
        rebuild: Some(("people", "(id int primary key, name text not null)")),
        fill: fill("first || (7 / last::int)"),
        ..Walk::default()
    };
    check(
        &walk,
        &[
            (
                "the expression under [fill] for column `name` fails: invalid input syntax for type integer: \"Eff\"",
                2,
            ),
            ("column `name` must not be null", 1),
        ],
        &[
            r#"{"id" : "3", "first" : "Eve", "last" : "Eff"}"#,
            r#"{"id" : "4", "first" : "Gus", "last" : "0"}"#,
            r#"{"id" : "5", "first" : null, "last" : "7"}"#,
        ],
        &[("people", &["(1,\"Ann Bee\")", "(2,\"Cid Dee\")"])],
    );
}

#[test]
fn rows_whose_fill_does_not_fit_the_old_type_go() {
    let fill = |column: &str, expression: &str| {
        let column = (TableName::new("public", "people"), column.to_owned());
        (column, expression.to_owned())
    };
    let walk = Walk {
        setup:
            "create table people (id int primary key, name varchar(7) not null, age int not null);
            insert into people values (1, 'Ann Bee', 30);",
        forward: "alter table people add first text, add last text;
            update people set first = 'Ann', last = 'Bee';
            alter table people drop name, drop age;",
        writes: "insert into people values (3, 'Eve', 'Eff'), (4, 'Gustavo', '1'), (5, 'a', 'b '), (6, '12', '7');",
        rebuild: Some((
            "people",
            "(id int primary key, name varchar(7) not null, age int not null)",
        )),
        fill: [fill("name", "first || ' ' || last"), fill("age", "first")].into(),
        ..Walk::default()
    };
    check(
        &walk,
        &[
            (
                "the expression under [fill] for column `name` fails: value too long for type character varying(7)",
                1,
            ),
            (
                "the expression under [fill] for column `age` fails: invalid input syntax for type integer: \"Eve\"",
                3,
            ),
        ],
        &[
            r#"{"id" : "3", "first" : "Eve", "last" : "Eff"}"#,
            r#"{"id" : "4", "first" : "Gustavo", "last" : "1"}"#,
            r#"{"id" : "5", "first" : "a", "last" : "b "}"#,
        ],
        &[("people", &["(1,\"Ann Bee\",30)", "(6,\"12 7\",12)"])],
    );
}

#[test]
fn values_that_do_not_fit_the_old_type_go() {
    check(
        &Walk {
            setup:
                "create type mood as enum ('sad', 'ok');
                create table t (id int primary key, n int, v varchar(5), m mood);
                insert into t values (1, 1, 'abc', 'sad'), (2, 2, 'abc', 'ok'), (3, 3, null, null);",
            forward: "alter table t alter n type bigint, alter v type varchar(50);
                alter type mood add value 'happy';",
            writes: "update t set n = 5000000000 where id = 1;
                update t set v = 'too long' where id = 2;
                insert into t values (4, 4, 'four', 'ok'), (5, 5, '', 'happy');",
            undo: "alter table t alter n type int, alter v type varchar(5);",
            keep: Some(Keep::Columns),
            ..Walk::default()
        },
        &[
            ("column `m` was of type public.mood", 1),
            ("column `n` was of type integer", 1),
            ("column `v` was of type character varying(5)", 1),
        ],
        &[
            r#"{"id" : "1", "n" : "5000000000", "v" : "abc", "m" : "sad"}"#,
            r#"{"id" : "2", "n" : "2", "v" : "too long", "m" : "ok"}"#,
            r#"{"id" : "5", "n" : "5", "v" : "", "m" : "happy"}"#,
        ],
        &[("t", &["(3,3,,)", "(4,4,four,ok)"])],
    );
}

const FAMILY: &str = "create table parents (id int primary key, name text unique);
create table children (id int primary key, parent int references parents on delete restrict);
insert into parents values (1, 'a'), (2, 'b'), (3, 'c');
insert into children values (10, 1), (20, 2), (30, null);
";

#[test]
fn rows_that_refer_to_nothing_go() {
    check(
        &Walk {
            setup: FAMILY,
            forward: "alter table children drop constraint children_parent_fkey;",
            writes: "insert into children values (40, 4), (50, 3);
                delete from parents where id = 1;
                update parents set id = 22 where id = 2;
                update children set parent = 22 where id = 20;",
            undo: "alter table children add constraint children_parent_fkey foreign key (parent) references parents on delete restrict;",
            keep: Some(Keep::Nothing),
            ..Walk::default()
        },
        &[("foreign key `children_parent_fkey`", 2)],
        &[
            r#"{"id" : "10", "parent" : "1"}"#,
            r#"{"id" : "40", "parent" : "4"}"#,
        ],
        &[
            ("children", &["(20,22)", "(30,)", "(50,3)"]),
            ("parents", &["(22,b)", "(3,c)"]),
        ],
    );
}

#[test]
fn rows_that_refer_to_a_row_in_conflict_go_with_it() {
    check(
        &Walk {
            setup: FAMILY,
            forward: "alter table parents drop constraint parents_name_key;
                update children set parent = null where id = 10;",
            writes: "insert into parents values (4, 'a');
                insert into children values (40, 4);
                update children set parent = 4 where id = 20;",
            undo: "alter table parents add unique (name);",
            ..Walk::default()
        },
        &[("unique constraint `parents_name_key`", 1)],
        &[
            r#"{"id" : "20", "parent" : "4"}"#,
            r#"{"id" : "4", "name" : "a"}"#,
            r#"{"id" : "40", "parent" : "4"}"#,
        ],
        &[
            ("children", &["(10,1)", "(30,)"]),
            ("parents", &["(1,a)", "(2,b)", "(3,c)"]),
        ],
    );
}

#[test]
fn a_row_of_before_keeps_its_unique_value_when_it_comes_back() {
    check(
        &Walk {
            setup: "create table u (id int primary key, name text unique);
                insert into u values (1, 'a'), (2, 'b');",
            forward: "delete from u where id = 1;
                update u set name = 'x' where id = 2;",
            writes: "insert into u values (3, 'a'), (4, 'b'), (5, 'c');",
            ..Walk::default()
        },
        &[("unique constraint `u_name_key`", 2)],
        &[
            r#"{"id" : "3", "name" : "a"}"#,
            r#"{"id" : "4", "name" : "b"}"#,
        ],
        &[("u", &["(1,a)", "(2,b)", "(5,c)"])],
    );
}

#[test]
fn what_excluded_each_other_still_does() {
    check(
        &Walk {
            setup: "create table rooms (id int primary key, slot int4range, constraint free exclude using gist (slot with &&));
                insert into rooms values (1, '[1,5)'), (2, '[5,9)');",
            forward: "alter table rooms drop constraint free;",
            writes: "insert into rooms values (3, '[4,6)'), (4, '[10,12)'), (5, '[11,13)');",
            undo: "alter table rooms add constraint free exclude using gist (slot with &&);",
            keep: Some(Keep::Nothing),
            ..Walk::default()
        },
        &[("exclusion constraint `free`", 2)],
        &[
            r#"{"id" : "3", "slot" : "[4,6)"}"#,
            r#"{"id" : "5", "slot" : "[11,13)"}"#,
        ],
        &[("rooms", &["(1,\"[1,5)\")", "(2,\"[5,9)\")", "(4,\"[10,12)\")"])],
    );
}

#[test]
fn a_quarantined_row_can_be_put_back_once_it_fits() {
    for server in servers() {
        let walk = Walk {
            setup: "create table t (id int generated always as identity primary key, tags text[], at timestamptz, twice int generated always as (id * 2) stored);
                insert into t (tags, at) values ('{a,\"b c\"}', '2024-01-02 03:04:05.678+00');",
            forward: "alter table t alter at drop not null;",
            keep: Some(Keep::Nothing),
            ..Walk::default()
        };
        let mut there = walk.migrate(&server);
        let before = contents(there.session.as_mut());
        let row = tightrope_engine::Quarantined {
            table: TableName::new("public", "t"),
            reason: String::new(),
            row: r#"{"id" : "7", "tags" : "{x,NULL}", "at" : null}"#.to_owned(),
        };
        there.session.begin().unwrap();
        there.session.net().unwrap().put_back(&row).unwrap();
        there.session.commit().unwrap();
        let now = contents(there.session.as_mut());
        assert_eq!(now["t"][1], "(7,\"{x,NULL}\",)");
        assert_eq!(now["t"][0], before["t"][0]);
    }
}
