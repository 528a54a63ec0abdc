//! Tables that are published, and have nothing that tells their rows from each other while the net writes.

use tightrope_model::Keep;

use crate::support::{servers, session, url};
use crate::walk::{KEEPS, Walk, like_twin, script};

#[test]
fn rows_come_back_to_a_published_table_without_a_key() {
    like_twin(
        &Walk {
            setup: "create table t (id int primary key, a text, b text);
                insert into t values (1, 'a1', 'b1'), (2, 'a2', 'b2'), (3, 'a3', 'b3');
                create publication everything for all tables;",
            forward: "update t set a = 'changed' where id < 3;
                delete from t where id = 3;
                alter table t drop b;
                alter table t drop constraint t_pkey;
                alter table t add unique (id);",
            writes: "insert into t (id, a) values (4, 'mine');",
            undo: "alter table t add b text;",
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn a_row_in_conflict_leaves_a_published_table_without_a_key() {
    let walk = Walk {
        setup: "create table t (id int primary key, a text);
            create table child (id int primary key, of int references t);
            insert into t values (1, 'a1'), (2, 'a2');
            create publication everything for all tables;",
        forward: "alter table child drop constraint child_of_fkey;
            alter table t drop constraint t_pkey;",
        writes: "insert into t values (1, 'twice'), (3, 'mine');",
        twin_writes: Some("insert into t values (3, 'mine');"),
        undo: "alter table t add primary key (id);
            alter table child add foreign key (of) references t;",
        keep: Some(Keep::Whole),
        ..Walk::default()
    };
    for server in servers() {
        let walked = walk.there_and_back(&server);
        assert_eq!(walked.quarantined.len(), 1, "{:?}", walked.quarantined);
        assert_eq!(walked.rows["t"].len(), 3);
    }
}

#[test]
fn what_a_table_is_told_by_is_as_it_was() {
    let walk = Walk {
        setup: "create table none (id int, a text);
            alter table none replica identity nothing;
            create table whole (id int, a text);
            alter table whole replica identity full;
            create table key (id int primary key, a text);
            create table plain (id int, a text);
            insert into none values (1, 'a');
            insert into whole values (1, 'a');
            insert into key values (1, 'a');
            insert into plain values (1, 'a');",
        forward: "update none set a = 'b';
            update whole set a = 'b';
            update key set a = 'b';
            update plain set a = 'b';",
        keep: Some(Keep::Whole),
        ..Walk::default()
    };
    for server in servers() {
        let mut there = walk.migrate(&server);
        let publish = "create publication everything for all tables;";
        script(session(&url(&there.database)).as_mut(), publish);
        let before = there.session.catalog().unwrap();
        walk.back(&mut there);
        assert_eq!(there.session.catalog().unwrap(), before);
        let rows = "select a from none union all select a from whole union all select a from key union all select a from plain";
        let rows = there.session.query(rows, &[]).unwrap();
        assert!(
            rows.iter().all(|row| row[0].text() == Some("a")),
            "{rows:?}"
        );
    }
}
