//! Foreign keys: rows that others refer to, and rows that went along.

use crate::support::servers;
use crate::walk::{FAMILY, KEEPS, Walk, like_twin};

#[test]
fn children_that_a_delete_takes_along_come_back() {
    like_twin(
        &Walk {
            setup: FAMILY,
            forward: "delete from parents where id in (1, 2);",
            writes: "update parents set name = 'mine' where id = 3;
                delete from children where parent = 4;
                insert into toys values (11, 2);",
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn children_of_before_follow_what_became_of_their_parents() {
    like_twin(
        &Walk {
            setup: FAMILY,
            forward: "delete from toys;
                delete from children where id in (1, 2, 3, 6, 7);",
            writes: "delete from parents where id = 2;
                delete from parents where id = 3;
                insert into parents values (3, 'again');
                update parents set id = 40 where id = 4;",
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn a_dropped_child_table_comes_back_without_the_children_of_deleted_parents() {
    for server in servers() {
        let walk = Walk {
            setup: FAMILY,
            forward: "drop table toys;
                drop table children;",
            writes: "delete from parents where id = 2;
                update parents set id = 40 where id = 4;",
            undo: "create table children (id int primary key, parent int);
                create table toys (id int primary key, child int);",
            ..Walk::default()
        };
        walk.there_and_back(&server).like_twin();
    }
}

#[test]
fn children_whose_parents_could_not_have_gone_go_to_quarantine() {
    for server in servers() {
        let walked = Walk {
            setup: "create table parents (id int primary key);
                create table children (id int primary key, parent int references parents);
                insert into parents values (1), (2);
                insert into children values (10, 1), (20, 2);",
            forward: "delete from children;",
            writes: "delete from parents where id = 1;",
            twin_writes: Some(""),
            ..Walk::default()
        }
        .there_and_back(&server);
        assert_eq!(walked.rows["children"], ["(20,2)"]);
        assert_eq!(walked.quarantined.len(), 1);
        assert_eq!(
            walked.quarantined[0].row,
            r#"{"id" : "10", "parent" : "1"}"#
        );
    }
}

#[test]
fn a_cascade_of_the_application_is_seen() {
    like_twin(
        &Walk {
            setup: FAMILY,
            forward: "update children set id = id where false;
                update toys set child = null where id = 1;",
            writes: "delete from parents where id = 1;
                update parents set id = 20 where id = 2;",
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn rows_of_the_migration_stay_where_the_application_refers_to_them() {
    for server in servers() {
        for keep in KEEPS {
            let walked = Walk {
                setup: FAMILY,
                forward: "insert into parents values (8, 'eight'), (9, 'nine');
                    insert into children values (80, 8), (90, 9);
                    update children set parent = 9 where id = 1;",
                writes: "insert into toys values (11, 80);",
                twin_writes: Some(""),
                keep: Some(keep),
                ..Walk::default()
            }
            .there_and_back(&server);
            assert_eq!(walked.rows["parents"].last().unwrap(), "(8,eight)");
            assert_eq!(walked.rows["parents"].len(), 6);
            assert!(walked.rows["children"].contains(&"(80,8)".to_owned()));
            assert!(walked.rows["children"].contains(&"(1,2)".to_owned()));
            assert_eq!(walked.rows["children"].len(), 11);
            assert_eq!(walked.merged.removed, 2);
        }
    }
}
