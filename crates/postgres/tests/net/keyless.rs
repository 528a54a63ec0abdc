//! Tables without a key: rows are compared whole, and equal ones are counted.

use tightrope_model::Keep;

use crate::support::servers;
use crate::walk::Walk;

const LOG: &str = "create table log (what text, n numeric, r text);
insert into log values ('a', 1, 'x'), ('a', 1, 'x'), ('a', 1, 'y'), ('b', null, null), ('c', 1.50, 'z'), ('d', 1.5, 'z');
";
const SHAPE: &str = "(what text, n numeric, r text)";

fn check(case: &Walk<'_>) {
    for server in servers() {
        for rebuild in [None, Some(("log", SHAPE))] {
            let undo = if rebuild.is_some() { "" } else { case.undo };
            Walk {
                rebuild,
                undo,
                keep: Some(Keep::Whole),
                ..case.clone()
            }
            .there_and_back(&server)
            .like_twin();
        }
    }
}

#[test]
fn a_column_comes_back_in_rows_without_a_key() {
    check(&Walk {
        setup: LOG,
        forward: "alter table log drop column r;",
        writes: "update log set n = 7 where what = 'c';
            update log set what = 'e' where what = 'd';
            update log set what = 'f' where what = 'e';
            delete from log where what = 'b';
            insert into log (what, n) values ('new', 1), ('new', 1);
            delete from log where ctid = (select min(ctid) from log where what = 'new');",
        undo: "alter table log add r text;",
        ..Walk::default()
    });
}

#[test]
fn of_equal_rows_as_many_come_back_as_there_were() {
    check(&Walk {
        setup: LOG,
        forward: "delete from log where what = 'a';
            insert into log values ('fresh', 0, null), ('fresh', 0, null), ('c', 1.50, 'z');",
        writes: "update log set n = 3 where what = 'fresh' and ctid = (select min(ctid) from log where what = 'fresh');
            insert into log values ('a', 1, 'x');
            update log set n = 9 where what = 'd';",
        twin_writes: Some(
            "insert into log values ('a', 1, 'x'), ('fresh', 3, null);
            update log set n = 9 where what = 'd';",
        ),
        ..Walk::default()
    });
}

#[test]
fn rewritten_rows_without_a_key_are_what_they_were() {
    check(&Walk {
        setup: LOG,
        forward: "update log set r = upper(r), n = n + 1;",
        writes: "insert into log values ('n', 1, 'n');",
        ..Walk::default()
    });
}

#[test]
fn a_truncate_empties_a_table_without_a_key() {
    check(&Walk {
        setup: LOG,
        forward: "alter table log drop column r;",
        writes: "insert into log (what) values ('gone');
            truncate log;
            insert into log (what, n) values ('a', 1), ('z', 0);",
        undo: "alter table log add r text;",
        ..Walk::default()
    });
}
