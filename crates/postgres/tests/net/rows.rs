//! Rows that a migration changes, deletes and inserts.

use tightrope_model::Keep;

use crate::support::servers;
use crate::walk::{Walk, Walked};

const GOODS: &str =
    "create table goods (id int primary key, name text not null, price numeric not null);
insert into goods select i, 'thing ' || i, i + 0.50 from generate_series(1, 20) i;
";

fn walk(walk: &Walk<'_>, check: impl Fn(Walked)) {
    for server in servers() {
        for keep in [Keep::Whole, Keep::Changed] {
            let rebuild = Some((
                "goods",
                "(id int primary key, name text not null, price numeric not null)",
            ));
            for rebuild in [None, rebuild] {
                check(
                    Walk {
                        keep: Some(keep),
                        rebuild,
                        ..walk.clone()
                    }
                    .there_and_back(&server),
                );
            }
        }
    }
}

#[test]
fn values_come_back_but_for_those_that_the_application_wrote() {
    let case = Walk {
        setup: GOODS,
        forward: "update goods set price = price * 2, name = upper(name);",
        writes: "update goods set price = 7.00 where id = 1;
            update goods set name = 'mine' where id in (2, 3);
            update goods set id = id + 100 where id > 18;
            delete from goods where id = 5;
            insert into goods values (5, 'new', 1.0), (21, 'newer', 1.00);",
        ..Walk::default()
    };
    walk(&case, |walked| drop(walked.like_twin()));
}

#[test]
fn a_number_written_in_another_way_is_another_value() {
    let case = Walk {
        setup: GOODS,
        forward: "update goods set price = round(price, 1);",
        writes: "update goods set price = price + 0.000 where id = 1;",
        twin_writes: Some("update goods set price = 1.500 where id = 1;"),
        ..Walk::default()
    };
    walk(&case, |walked| drop(walked.like_twin()));
}

#[test]
fn deleted_rows_come_back_and_inserted_ones_go() {
    let case = Walk {
        setup: GOODS,
        forward: "delete from goods where id > 10;
            insert into goods select i, 'fresh', 0 from generate_series(100, 104) i;",
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
    walk(&case, |walked| {
        let walked = walked.like_twin();
        assert_eq!(walked.merged.kept, 2);
    });
}

#[test]
fn a_row_whose_key_the_application_took_goes_to_quarantine() {
    let case = Walk {
        setup: GOODS,
        forward: "delete from goods where id > 10;",
        writes: "insert into goods values (11, 'taken', 1);
            insert into goods values (12, 'for a moment', 1);
            delete from goods where id = 12;
            update goods set id = 13 where id = 1;",
        twin_writes: Some(""),
        ..Walk::default()
    };
    walk(&case, |walked| {
        let rows: Vec<&str> = walked.quarantined.iter().map(|q| q.row.as_str()).collect();
        assert_eq!(
            rows,
            [
                r#"{"id" : "11", "name" : "thing 11", "price" : "11.50"}"#,
                r#"{"id" : "13", "name" : "thing 13", "price" : "13.50"}"#
            ]
        );
        let goods = &walked.rows["goods"];
        assert_eq!(goods.len(), 19);
        assert!(goods.contains(&"(11,taken,1)".to_owned()));
        assert!(goods.contains(&"(12,\"thing 12\",12.50)".to_owned()));
        assert!(goods.contains(&"(13,\"thing 1\",1.50)".to_owned()));
    });
}

#[test]
fn a_truncate_of_the_application_leaves_nothing_of_before() {
    let case = Walk {
        setup: GOODS,
        forward: "update goods set price = 0;
            delete from goods where id > 15;",
        writes: "insert into goods values (50, 'short-lived', 1);
            truncate goods;
            insert into goods values (1, 'again', 1), (16, 'again', 2);
            update goods set price = 3 where id = 1;",
        ..Walk::default()
    };
    walk(&case, |walked| drop(walked.like_twin()));
}
