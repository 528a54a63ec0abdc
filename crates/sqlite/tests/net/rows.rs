//! Rows that a migration changes, deletes and inserts.

use crate::walk::{Walk, Walked};
use tightrope_model::Keep;

const GOODS: &str =
    "create table goods (id integer primary key, name text not null, price not null);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 20)
    insert into goods select i, 'thing ' || i, i + 0.5 from n;";

/// The same with a key that is no rowid, and in a table without rowids.
fn shapes(sql: &str) -> [String; 3] {
    let text = sql.replace("id integer primary key", "id text not null primary key");
    let bare = text.replace("price not null)", "price not null) without rowid");
    [sql.to_owned(), text, bare]
}

/// In place, and with the table built anew; whole rows kept, and only those that change.
fn check(walk: &Walk<'_>, check: impl Fn(Walked)) {
    for setup in shapes(walk.setup) {
        for keep in [None, Some(Keep::Changed), Some(Keep::Columns)] {
            let more = format!("{}; alter table goods add column more", walk.forward);
            for forward in [walk.forward, &more] {
                for foreign_keys in [false, true] {
                    let walk = Walk {
                        setup: &setup,
                        forward,
                        keep,
                        foreign_keys,
                        ..walk.clone()
                    };
                    check(walk.there_and_back());
                }
            }
        }
    }
}

#[test]
fn values_come_back_but_for_those_that_the_application_wrote() {
    let case = Walk {
        setup: GOODS,
        forward: "update goods set price = price * 2, name = upper(name)",
        writes: "update goods set price = 7.00 where id = 1;
            update goods set name = 'mine' where id in (2, 3);
            update goods set id = id + 100 where id in (18, 19);
            delete from goods where id = 5;
            insert into goods (id, name, price) values (5, 'new', 1.0), (21, 'newer', 1);",
        ..Walk::default()
    };
    check(&case, |walked| drop(walked.like_twin()));
}

#[test]
fn deleted_rows_come_back_and_inserted_ones_go() {
    let case = Walk {
        setup: GOODS,
        forward: "delete from goods where id in (11, 12, 13);
            insert into goods values (100, 'fresh', 0), (101, 'fresh', 0), (102, 'fresh', 0)",
        writes: "update goods set price = 1 where id = 1;
            update goods set price = 1 where id = 100;
            delete from goods where id = 101;
            delete from goods where id = 2;",
        twin_writes: Some(
            "update goods set price = 1 where id = 1;
            insert into goods values (100, 'fresh', 1);
            delete from goods where id = 2;",
        ),
        ..Walk::default()
    };
    check(&case, |walked| {
        let walked = walked.like_twin();
        assert_eq!(walked.merged.kept, 2);
    });
}

#[test]
fn a_key_that_the_application_has_taken_stays_taken() {
    let case = Walk {
        setup: GOODS,
        forward: "delete from goods where id in (11, 12, 13)",
        writes: "insert into goods (id, name, price) values (11, 'mine', 0);
            insert into goods (id, name, price) values (12, 'gone again', 0); delete from goods where id = 12;",
        twin_writes: Some("update goods set name = 'mine', price = 0 where id = 11"),
        ..Walk::default()
    };
    check(&case, |walked| {
        assert_eq!(walked.rows, walked.twin);
        let [lost] = &walked.quarantined[..] else {
            panic!("{:?}", walked.quarantined);
        };
        assert!(lost.row.contains("\"name\":\"thing 11\""), "{lost:?}");
    });
}

#[test]
fn keys_that_move_and_swap_in_the_window() {
    let case = Walk {
        setup: GOODS,
        forward: "update goods set name = 'x' || name",
        writes: "update goods set id = 999 where id = 1; update goods set id = 1 where id = 2;
            update goods set id = 2 where id = 999; update goods set price = 3 where id = 2;
            update goods set id = 500 where id = 7; insert into goods (id, name, price) values (7, 'other', 1);
            update goods set id = 501 where id = 7; delete from goods where id = 500;
            insert into goods (id, name, price) values (600, 'short', 1); update goods set id = 601 where id = 600;
            delete from goods where id = 601;",
        ..Walk::default()
    };
    check(&case, |walked| drop(walked.like_twin()));
}

#[test]
fn replace_deletes_without_a_trigger() {
    let setup = "create table goods (id integer primary key, name text unique, price not null);
        insert into goods values (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4), (5, 'e', 5);";
    let case = Walk {
        setup,
        forward: "update goods set price = price + 100",
        writes: "insert or replace into goods (id, name, price) values (1, 'a', 7);
            replace into goods (id, name, price) values (2, 'c', 9);
            update or replace goods set name = 'd', price = 0 where id = 5;",
        ..Walk::default()
    };
    check(&case, |walked| drop(walked.like_twin()));
    let writes = format!("pragma recursive_triggers = on; {}", case.writes);
    let case = Walk {
        writes: &writes,
        ..case
    };
    check(&case, |walked| drop(walked.like_twin()));
}

#[test]
fn upserts_and_conflict_clauses_do_not_break_the_application() {
    let case = Walk {
        setup: GOODS,
        forward: "update goods set price = price + 100",
        writes: "insert into goods (id, name, price) values (1, 'up', 3) on conflict do update set name = 'upsert';
            insert into goods (id, name, price) values (1, 'up', 3) on conflict do nothing;
            insert or rollback into goods (id, name, price) values (40, 'new', 3);
            insert or abort into goods (id, name, price) values (41, 'new', 3);
            insert or fail into goods (id, name, price) values (42, 'new', 3);
            insert or ignore into goods (id, name, price) values (42, 'ignored', 3);
            update or rollback goods set price = 1 where id in (2, 40);
            update or fail goods set id = id + 1000 where id in (3, 41);
            update or ignore goods set id = 4 where id = 5;
            insert or rollback into goods (id, name, price) values (3, 'again', 3);
            insert into goods (id, name, price) values (3, 'x', 3) on conflict do update set price = 77;",
        ..Walk::default()
    };
    check(&case, |walked| drop(walked.like_twin()));
}

#[test]
fn what_a_key_does_to_the_row_that_refers_to_itself_is_the_applications() {
    for (action, forward) in [
        ("cascade", "update t set c = c || '!'"),
        ("set null", "update t set c = c || '!'"),
        ("cascade", "alter table t add column d"),
        ("set null", "alter table t drop column c"),
    ] {
        let setup = format!(
            "create table t (a integer primary key, b integer references t on update {action}, c text);
             insert into t values (1, 1, 'one'), (2, 1, 'two'), (3, 2, 'three');"
        );
        let case = Walk {
            setup: &setup,
            forward,
            writes: "update t set a = 7 where a = 1; update t set a = 1 where a = 3; update t set a = 8 where a = 7;",
            foreign_keys: true,
            ..Walk::default()
        };
        case.there_and_back().like_twin();
    }
}
