//! Sums of rows: equal for equal rows, different for different ones.

use tightrope_model::TableChecksum;

use super::Subject;
use super::desk::Desk;

/// The checksum of a table with these rows, inserted in this order; the database is as empty afterwards as before.
fn sum(desk: &mut Desk<'_>, table: &str, rows: &[&str]) -> TableChecksum {
    desk.run(table);
    for row in rows {
        desk.run(&format!("insert into t values ({row})"));
    }
    let sum = desk.checksum("t");
    desk.run("drop table t");
    sum
}

const KEYED: &str = "create table t (id integer primary key, a text, b text)";
const LOOSE: &str = "create table t (a text, b text)";

/// A table without rows has a sum, of no rows.
pub fn an_empty_table_has_no_rows(subject: &Subject) {
    let mut desk = Desk::new(subject);
    assert_eq!(sum(&mut desk, LOOSE, &[]).rows, 0);
    assert_eq!(sum(&mut desk, LOOSE, &["null, null"]).rows, 1);
}

/// Neither the order of rows nor the physical order of columns plays a part.
pub fn order_plays_no_part(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let one = sum(
        &mut desk,
        KEYED,
        &["1, 'a', 'x'", "2, 'b', 'y'", "3, 'c', 'z'"],
    );
    let other = sum(
        &mut desk,
        KEYED,
        &["3, 'c', 'z'", "1, 'a', 'x'", "2, 'b', 'y'"],
    );
    assert_eq!(one, other);
    let turned = "create table t (b text, a text)";
    let one = sum(&mut desk, LOOSE, &["'a', 'b'"]);
    assert_eq!(sum(&mut desk, turned, &["'b', 'a'"]), one);
}

/// Values that have changed places between rows or columns are seen.
pub fn swapped_values_are_seen(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let one = sum(&mut desk, KEYED, &["1, 'a', 'x'", "2, 'b', 'y'"]);
    for rows in [
        ["1, 'b', 'x'", "2, 'a', 'y'"],
        ["1, 'x', 'a'", "2, 'b', 'y'"],
        ["1, 'x', 'a'", "2, 'y', 'b'"],
        ["2, 'a', 'x'", "1, 'b', 'y'"],
    ] {
        assert_ne!(sum(&mut desk, KEYED, &rows), one, "{rows:?}");
    }
}

/// Equal rows do not cancel each other out.
pub fn duplicates_are_counted(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let [a, b, c] = ["'a', ''", "'b', ''", "'c', ''"];
    assert_ne!(
        sum(&mut desk, LOOSE, &[a, b, b]),
        sum(&mut desk, LOOSE, &[a, c, c])
    );
    assert_ne!(
        sum(&mut desk, LOOSE, &[a, a, b]),
        sum(&mut desk, LOOSE, &[a, b, b])
    );
}

/// A letter that has moved from one column to the next is seen.
pub fn fields_do_not_run_into_each_other(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let one = sum(&mut desk, LOOSE, &["'ab', 'c'"]);
    for row in [
        "'a', 'bc'",
        "'abc', ''",
        "'', 'abc'",
        "'ab', 'c '",
        "'AB', 'c'",
    ] {
        assert_ne!(sum(&mut desk, LOOSE, &[row]), one, "{row}");
    }
}

/// NULL is neither an empty text nor another column's NULL.
pub fn null_is_not_empty(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let rows = ["null, ''", "'', null", "null, null", "'', ''", "'NULL', ''"];
    let sums: Vec<TableChecksum> = rows
        .iter()
        .map(|row| sum(&mut desk, LOOSE, &[row]))
        .collect();
    for (index, one) in sums.iter().enumerate() {
        for (other, another) in sums.iter().enumerate().skip(index + 1) {
            assert_ne!(one, another, "{} and {}", rows[index], rows[other]);
        }
    }
}

/// The sum is of what the open transaction sees.
pub fn the_sum_sees_the_open_transaction(subject: &Subject) {
    let mut desk = Desk::with(subject, &[LOOSE, "insert into t values ('a', 'b')"]);
    let before = desk.checksum("t");
    desk.begin();
    desk.run("insert into t values ('c', 'd')");
    let inside = desk.checksum("t");
    assert_eq!(inside.rows, 2);
    assert_ne!(inside, before);
    desk.roll_back();
    assert_eq!(desk.checksum("t"), before);
}

/// Several tables come in the order in which they were asked for; none at all is no error.
pub fn sums_come_in_the_order_asked(subject: &Subject) {
    let statements = [
        "create table one (a text)",
        "create table two (a text)",
        "insert into two values ('x'), ('y')",
    ];
    let mut desk = Desk::with(subject, &statements);
    let (one, two) = (desk.shape("one"), desk.shape("two"));
    let mut counts = |tables: &[_]| -> Vec<u64> {
        let sums = desk
            .session
            .checksums(tables)
            .expect("the tables can be summed up");
        sums.iter().map(|sum| sum.rows).collect()
    };
    assert_eq!(counts(&[one.clone(), two.clone()]), [0, 2]);
    assert_eq!(counts(&[two, one]), [2, 0]);
    assert!(counts(&[]).is_empty());
}
