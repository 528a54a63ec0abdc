//! Rows written in the window that the old schema cannot hold.

use crate::walk::{Walk, Walked};

fn check(walk: &Walk<'_>, breaks: &[&str], quarantined: &[&str]) -> Walked {
    let walked = walk.there_and_back();
    let conflicts = walked.gauge.conflicts.iter();
    let found: Vec<&str> = conflicts.map(|conflict| conflict.breaks.as_str()).collect();
    assert_eq!(found, breaks);
    let rows: Vec<&str> = walked
        .quarantined
        .iter()
        .map(|row| row.row.as_str())
        .collect();
    assert_eq!(rows, quarantined);
    assert_eq!(walked.rows, walked.twin);
    walked
}

#[test]
fn a_unique_index_that_was_dropped() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a collate nocase, b);
            create unique index by_a on t (a) where b is not null;
            create unique index by_lower on t (lower(b));
            insert into t values (1, 'x', 'p'), (2, 'y', 'q'), (3, 'z', null), (4, 'z', null);",
        forward: "drop index by_a; drop index by_lower",
        writes: "insert into t values (5, 'X', 'new'), (6, 'fine', 'r'), (7, 'other', 'Q');
            update t set a = 'Y' where id = 1;
            insert into t values (8, 'Z', null);",
        twin_writes: Some("insert into t values (6, 'fine', 'r'), (8, 'Z', null)"),
        ..Walk::default()
    };
    check(
        &walk,
        &["unique constraint `a`", "unique index `by_lower`"],
        &[
            r#"{"id":"1","a":"Y","b":"p"}"#,
            r#"{"id":"5","a":"X","b":"new"}"#,
            r#"{"id":"7","a":"other","b":"Q"}"#,
        ],
    );
}

#[test]
fn checks_types_and_nulls() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a int not null check (a > 0), b text) strict;
            insert into t values (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z');",
        forward: "create table n (id integer primary key, a, b); insert into n select * from t; drop table t;
            alter table n rename to t",
        writes: "insert into t values (4, null, 'a'), (5, -1, 'b'), (6, 'six', x'00ff'), (7, 7.0, 'fits');
            update t set a = -2, b = 1.5 where id = 2; update t set b = 'fits' where id = 3;",
        twin_writes: Some("insert into t values (7, 7.0, 'fits'); update t set b = 'fits' where id = 3;"),
        ..Walk::default()
    };
    check(
        &walk,
        &[
            "check constraint `a > 0`",
            "column `a` must not be null",
            "cannot store TEXT value in INT column t.a",
        ],
        &[
            r#"{"id":"2","a":"-2","b":"1.5"}"#,
            r#"{"id":"4","a":null,"b":"a"}"#,
            r#"{"id":"5","a":"-1","b":"b"}"#,
            r#"{"id":"6","a":"six","b":"x'00ff'"}"#,
        ],
    );
}

#[test]
fn a_column_that_the_old_schema_demands_is_filled_or_in_conflict() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a not null); insert into t values (1, 'x');",
        forward: "alter table t drop column a",
        writes: "insert into t values (2)",
        twin_writes: Some(""),
        ..Walk::default()
    };
    check(&walk, &["column `a` must not be null"], &[r#"{"id":"2"}"#]);
    let filled = Walk {
        fill: &[("t", "a", "'n' || id")],
        twin_writes: Some("insert into t values (2, 'n2')"),
        ..walk
    };
    filled.there_and_back().like_twin();
}

#[test]
fn rows_in_which_a_fill_fails_go() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a text not null, b); insert into t values (1, 'x', '{}');",
        forward: "alter table t drop column a",
        writes: "insert into t values (2, '{\"a\": 5}'), (3, 'no json'), (4, '{}')",
        twin_writes: Some("insert into t values (2, '5', '{\"a\": 5}')"),
        fill: &[("t", "a", "b ->> 'a'")],
        ..Walk::default()
    };
    check(
        &walk,
        &[
            "the expression under [fill] for column `a` fails: malformed JSON",
            "column `a` must not be null",
        ],
        &[r#"{"id":"3","b":"no json"}"#, r#"{"id":"4","b":"{}"}"#],
    );
}

#[test]
fn who_refers_to_a_row_that_goes_goes_along() {
    for foreign_keys in [false, true] {
        let walk = Walk {
            setup: "create table p (id integer primary key, a unique);
                create table c (id integer primary key, p references p on delete cascade);
                create table d (c references c on delete cascade, x, primary key (c, x)) without rowid;
                insert into p values (1, 'x'); insert into c values (1, 1); insert into d values (1, 'd');",
            forward: "create table n (id integer primary key, a); insert into n select * from p;
                drop table d; drop table c; drop table p; alter table n rename to p;
                create table c (id integer primary key, p references p on delete cascade);
                create table d (c references c on delete cascade, x, primary key (c, x)) without rowid;
                insert into c values (1, 1); insert into d values (1, 'd');",
            writes: "insert into p values (2, 'x'), (3, 'y'); insert into c values (2, 2), (3, 1), (4, 3);
                insert into d values (2, 'goes'), (3, 'stays');",
            twin_writes: Some("insert into p values (3, 'y'); insert into c values (3, 1), (4, 3); insert into d values (3, 'stays');"),
            foreign_keys,
            ..Walk::default()
        };
        check(
            &walk,
            &["unique constraint `a`"],
            &[
                r#"{"id":"2","a":"x"}"#,
                r#"{"id":"2","p":"2"}"#,
                r#"{"c":"2","x":"goes"}"#,
            ],
        );
    }
}

#[test]
fn a_value_set_free_and_taken_again() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a unique); insert into t values (1, 'x'), (2, 'y');",
        forward: "create table n (id integer primary key, a); insert into n select * from t; drop table t;
            alter table n rename to t",
        writes: "update t set a = 'y' where id = 1; insert into t values (3, 'x')",
        twin_writes: Some(""),
        ..Walk::default()
    };
    check(
        &walk,
        &["unique constraint `a`"],
        &[r#"{"id":"1","a":"y"}"#, r#"{"id":"3","a":"x"}"#],
    );
}

#[test]
fn a_row_goes_out_whole_and_can_be_put_back() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a unique, b); insert into t values (1, 'x', null);",
        forward: "create table n (id integer primary key, a, b); insert into n select * from t; drop table t;
            alter table n rename to t",
        writes: "insert into t values (2, 'x', 0.1), (3, 'x', x'00ff'), (4, 'x', 'a' || char(0) || 'b'), (5, 'x', '1')",
        twin_writes: Some(""),
        ..Walk::default()
    };
    let mut there = walk.migrate();
    there.database.write(walk.writes);
    let (_, quarantined) = walk.back(&mut there);
    assert_eq!(quarantined.len(), 4);
    let net = there.session.net().unwrap();
    assert!(net.put_back(&quarantined[0]).is_err());
    there
        .database
        .write("drop table t; create table t (id integer primary key, a, b)");
    for row in &quarantined {
        there.session.net().unwrap().put_back(row).unwrap();
    }
    let twin = crate::walk::Database::new("create table t (id integer primary key, a, b)", false);
    twin.write(walk.writes);
    assert_eq!(there.database.contents(true), twin.contents(true));
}

#[test]
fn rows_that_an_old_foreign_key_does_not_allow() {
    let walk = Walk {
        setup: "create table p (id integer primary key, a); create table o (id text primary key);
            create table t (id integer primary key, p integer references p on delete cascade, o text references o, more);
            insert into p values (1, 'x'), (2, 'y'), (3, 'z'); insert into o values ('a'), ('b');
            insert into t values (1, 1, 'a', 1), (2, 2, 'b', 2), (3, 3, null, 3), (4, null, 'a', 4);",
        forward: "create table n (id integer primary key, p integer, o text, more); insert into n select * from t;
            drop table t; alter table n rename to t; update p set a = upper(a)",
        writes: "insert into t values (5, 9, null, 5), (6, 1, 'b', 6), (7, null, 'c', 7), (8, null, null, 8), (9, '1', null, 9);
            update t set p = 8, more = 'mine' where id = 1;
            delete from p where id = 3; delete from o where id = 'b';
            insert into p values (4, 'new'); insert into t values (10, 4, null, 10);",
        twin_writes: Some("insert into t values (8, null, null, 8), (9, '1', null, 9); insert into p values (4, 'new');
            insert into t values (10, 4, null, 10); delete from t where id = 2; delete from p where id = 3; delete from o where id = 'b'"),
        foreign_keys: true,
        ..Walk::default()
    };
    check(
        &walk,
        &["foreign key `o` to o", "foreign key `p` to p"],
        &[
            r#"{"id":"2","p":"2","o":"b","more":"2"}"#,
            r#"{"id":"6","p":"1","o":"b","more":"6"}"#,
            r#"{"id":"7","p":null,"o":"c","more":"7"}"#,
            r#"{"id":"1","p":"8","o":"a","more":"mine"}"#,
            r#"{"id":"3","p":"3","o":null,"more":"3"}"#,
            r#"{"id":"5","p":"9","o":null,"more":"5"}"#,
        ],
    );
    let unenforced = Walk {
        twin_writes: None,
        foreign_keys: false,
        ..walk
    };
    let walked = check(&unenforced, &[], &[]);
    assert_eq!(walked.rows["t"].len(), 10);
}

#[test]
fn rows_whose_parents_of_before_are_gone() {
    for (action, goes) in [
        ("on delete cascade", true),
        ("", true),
        ("on delete restrict on update cascade", true),
        ("on delete set null", false),
    ] {
        let setup = format!(
            "create table p (id integer primary key); create table t (id integer primary key, p integer references p {action}, a);
             create table c (id integer primary key, t integer references t);
             insert into p values (1), (2), (3), (4);
             insert into t values (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z'); insert into c values (1, 2), (2, 3);"
        );
        let kept = if goes {
            "delete from c where t = 2; delete from t where id = 2; delete from p where id = 2"
        } else {
            "delete from p where id = 2"
        };
        let walk = Walk {
            setup: &setup,
            forward: "update t set p = 4, a = a || '!'",
            writes: "delete from p where id = 2",
            twin_writes: Some(kept),
            foreign_keys: true,
            ..Walk::default()
        };
        let (breaks, quarantined): (&[&str], &[&str]) = match goes {
            true => (
                &["foreign key `p` to p, for what they referred to before is gone"],
                &[r#"{"id":"2","p":"4","a":"y!"}"#, r#"{"id":"1","t":"2"}"#],
            ),
            false => (&[], &[]),
        };
        check(&walk, breaks, quarantined);
    }
}
