//! Rows, one by one, to be laid beside another table's.

use tightrope_engine::Row;

use super::Subject;
use super::desk::Desk;

/// More rows than come in one batch.
const MANY: usize = 12_000;

fn many() -> String {
    format!(
        "insert into t with recursive n (i) as (select 1 union all select i + 1 from n where i < {MANY}) \
         select i, 'value ' || i from n"
    )
}

/// All rows of a table; the batches are of a bearable size, and an ended stream stays ended.
fn read(desk: &mut Desk<'_>, table: &str) -> Vec<Row> {
    let shape = desk.shape(table);
    let mut stream = desk.session.rows(&shape).expect("rows can be read");
    let mut rows = Vec::new();
    loop {
        let batch = stream.next_batch().expect("rows can be read");
        assert!(batch.len() < 10_000, "a batch of {} rows", batch.len());
        if batch.is_empty() {
            break;
        }
        rows.extend(batch);
    }
    assert!(stream.next_batch().expect("the end is no error").is_empty());
    rows
}

fn assert_ordered(rows: &[Row]) {
    for pair in rows.windows(2) {
        // `Option` has none first, and text compares by bytes.
        assert!(
            pair[0].key <= pair[1].key,
            "{:?} before {:?}",
            pair[0].key,
            pair[1].key
        );
    }
}

/// Values that begin with a letter: an engine whose columns hold any type may mark a text that looks like something else.
fn texts(values: &[&str]) -> Vec<Option<String>> {
    values
        .iter()
        .map(|value| Some((*value).to_owned()))
        .collect()
}

/// Rows come ordered by the exact text of their keys, in bytes, with all values in the order of the shape.
pub fn rows_come_in_the_order_of_their_keys(subject: &Subject) {
    let statements = [
        "create table t (v text, k text not null, n integer not null, primary key (k, n))",
        "insert into t values ('one', 'b', 2), ('two', 'B', 10), ('three', 'é', 1), ('four', 'b', 10), ('five', 'A', 0), ('six', 'z', -1)",
    ];
    let mut desk = Desk::with(subject, &statements);
    let rows = read(&mut desk, "t");
    assert_eq!(rows.len(), 6);
    assert_ordered(&rows);
    assert_eq!(rows[0].key, texts(&["A", "0"]));
    assert_eq!(rows[0].values, texts(&["A", "0", "five"]));
    assert_eq!(rows[5].key, texts(&["é", "1"]));
}

/// A table without a key is ordered by all its values, NULL first, and keeps its duplicates.
pub fn rows_without_a_key_are_ordered_by_everything(subject: &Subject) {
    let statements = [
        "create table t (a text, b text)",
        "insert into t values ('b', null), (null, 'x'), ('a', 'y'), (null, null), ('a', 'y'), ('A', 'z')",
    ];
    let mut desk = Desk::with(subject, &statements);
    let rows = read(&mut desk, "t");
    assert_ordered(&rows);
    assert!(rows.iter().all(|row| row.key == row.values));
    assert_eq!(rows[0].key, [None, None]);
    assert_eq!(rows[2].key, texts(&["A", "z"]));
    assert_eq!(rows[3], rows[4]);
    assert_eq!(rows.len(), 6);
}

/// A large table comes whole, in batches.
pub fn many_rows_come_in_batches(subject: &Subject) {
    let table = "create table t (id integer primary key, v text)";
    let mut desk = Desk::with(subject, &[table, &many()]);
    let rows = read(&mut desk, "t");
    assert_eq!(rows.len(), MANY);
    assert_ordered(&rows);
    desk.begin();
    desk.roll_back();
}

/// A stream that is dropped before its end leaves the session as it was.
pub fn a_stream_left_early_leaves_the_session_usable(subject: &Subject) {
    let table = "create table t (id integer primary key, v text)";
    let mut desk = Desk::with(subject, &[table, &many()]);
    let shape = desk.shape("t");
    let mut stream = desk.session.rows(&shape).expect("rows can be read");
    assert!(!stream.next_batch().expect("rows can be read").is_empty());
    drop(stream);
    desk.begin();
    desk.run("delete from t");
    desk.commit();
    assert!(read(&mut desk, "t").is_empty());
}

/// Inside a transaction the stream sees what it has written, and does not end it.
pub fn a_stream_stays_in_the_open_transaction(subject: &Subject) {
    let table = "create table t (id integer primary key, v text)";
    let mut desk = Desk::with(subject, &[table]);
    desk.begin();
    desk.run("insert into t values (1, 'one')");
    assert_eq!(read(&mut desk, "t").len(), 1);
    desk.run("insert into t values (2, 'two')");
    desk.roll_back();
    assert!(read(&mut desk, "t").is_empty());
}
