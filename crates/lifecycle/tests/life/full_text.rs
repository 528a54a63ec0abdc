//! An index over the rows of a table finds what is in the table, also after a rollback.

use tightrope_lifecycle::RollbackOptions;
use tightrope_testkit::phases::Case;

use crate::sqlite;

#[test]
fn what_a_rollback_brings_back_is_found() {
    let case = Case {
        before: "create table t (id integer primary key autoincrement, a text, b text); \
                 create virtual table ft using fts5 (a, content = 't', content_rowid = 'id'); \
                 create trigger ai after insert on t begin insert into ft (rowid, a) values (new.id, new.a); end; \
                 create trigger ad after delete on t begin \
                 insert into ft (ft, rowid, a) values ('delete', old.id, old.a); end; \
                 create trigger au after update on t begin \
                 insert into ft (ft, rowid, a) values ('delete', old.id, old.a); \
                 insert into ft (rowid, a) values (new.id, new.a); end; \
                 insert into t (a, b) values ('alpha', 'x'), ('beta', 'y'), ('gamma', 'z');",
        forward: "update t set a = a || ' changed' where id = 1; delete from t where id = 3;",
        ..Case::default()
    };
    let desk = sqlite().desk(&case);
    desk.apply(true);
    desk.execute("update t set a = 'written' where id = 2; insert into t (a) values ('inserted');");
    desk.try_roll_back(&RollbackOptions::default())
        .expect("it goes back");
    let mut session = desk.session();
    let mut found = |word: &str| {
        let query = format!("select group_concat(rowid) from ft where ft match '{word}'");
        let rows = session.query(&query, &[]).expect("the index is read");
        rows[0][0].text().unwrap_or("none").to_owned()
    };
    let words = ["alpha", "changed", "beta", "written", "gamma", "inserted"];
    assert_eq!(words.map(&mut found), ["1", "none", "none", "2", "3", "4"]);
    desk.execute("insert into ft (ft, rank) values ('integrity-check', 1)");
}
