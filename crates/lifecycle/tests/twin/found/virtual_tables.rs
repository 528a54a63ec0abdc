//! Full-text and R*Tree tables of SQLite, into which triggers and migrations write.

use super::check_sqlite;

const TABLE: &str = "create table t (id integer primary key autoincrement, a text, b text)";
const ROWS: &str = "insert into t (a, b) values ('alpha one', 'x'), ('beta two', 'y'), ('gamma three', 'z'), ('delta', 'd')";

#[test]
fn rows_of_a_full_text_table_come_back_beside_those_that_were_written_since() {
    check_sqlite(
        &[
            TABLE,
            "create virtual table ft using fts5 (a, b)",
            "create trigger ai after insert on t begin insert into ft (rowid, a, b) values (new.id, new.a, new.b); end",
            "create trigger ad after delete on t begin delete from ft where rowid = old.id; end",
            "create trigger au after update on t begin update ft set a = new.a, b = new.b where rowid = new.id; end",
            "create virtual table rt using rtree (id, x0, x1)",
            "insert into rt values (1, 0, 1), (2, 5, 6), (3, 7, 8)",
            ROWS,
        ],
        &[
            "update t set a = a || ' changed' where id in (1, 2)",
            "delete from t where id = 3",
            "insert into t values (10, 'mine', 'm')",
            "update rt set x1 = 3 where id = 1",
            "delete from rt where id = 2",
            "insert into rt values (9, 0, 9)",
        ],
        &[
            "update t set b = 'written' where id = 4",
            "insert into t (id, a) values (20, 'inserted')",
            "delete from t where id = 4",
            "insert into rt values (30, 1, 2)",
            "delete from rt where id = 3",
        ],
    );
}

#[test]
fn a_full_text_table_is_written_without_another() {
    check_sqlite(
        &[
            "create virtual table ft using fts4 (a, b)",
            "create table t (a integer primary key)",
            "insert into ft (rowid, a, b) values (1, 'one', 'x'), (2, 'two', 'y'), (3, 'three', 'z')",
        ],
        &[
            "update ft set b = 'changed' where rowid = 1",
            "delete from ft where rowid = 3",
            "insert into ft (rowid, a, b) values (4, 'four', 'w')",
        ],
        &[
            "insert into t values (1)",
            "update ft set a = 'mine' where rowid = 2",
        ],
    );
}

#[test]
fn a_full_text_table_that_the_migration_made_goes() {
    check_sqlite(
        &[TABLE, ROWS],
        &[
            "create virtual table ft using fts5 (a)",
            "insert into ft (rowid, a) select id, a from t",
            "create trigger ai after insert on t begin insert into ft (rowid, a) values (new.id, new.a); end",
            "update t set a = upper(a)",
        ],
        &[
            "insert into t (a) values ('new')",
            "update t set a = 'mine' where id = 1",
        ],
    );
}
