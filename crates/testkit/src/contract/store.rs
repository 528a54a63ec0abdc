//! Tightrope's own tables.

use tightrope_model::Value;

use super::Subject;
use super::desk::Desk;

/// A desk with one of our own tables; its name.
fn with_own_table<'a>(subject: &'a Subject) -> (Desk<'a>, String) {
    let mut desk = Desk::new(subject);
    let dialect = desk.session.store_dialect();
    for statement in dialect.prepare {
        desk.run(statement);
    }
    let table = format!("{}contract", dialect.prefix);
    desk.run(&format!(
        "create table {table} (n {}, v text)",
        dialect.serial_key
    ));
    (desk, table)
}

/// Nothing of ours is in a new database.
pub fn a_new_database_has_no_store(subject: &Subject) {
    let mut desk = Desk::with(subject, &["create table journal (id integer)"]);
    assert!(!desk.session.has_store().expect("the store is looked for"));
}

/// Our own tables change nothing in the catalog.
pub fn own_tables_are_no_part_of_the_catalog(subject: &Subject) {
    let mut empty = Desk::new(subject);
    let expect = empty.session.catalog().expect("the catalog can be read");
    let (mut desk, table) = with_own_table(subject);
    desk.run(&format!("insert into {table} (v) values ('x')"));
    let catalog = desk.session.catalog().expect("the catalog can be read");
    assert_eq!(catalog, expect);
}

/// A key of our own tables counts by itself, upwards.
pub fn own_keys_count_by_themselves(subject: &Subject) {
    let (mut desk, table) = with_own_table(subject);
    let insert = format!("insert into {table} (v) values ($1)");
    for value in ["one", "two"] {
        let rows = desk.session.query(&insert, &[Value::from(value)]);
        assert_eq!(rows.expect("a row is written"), Vec::<Vec<Value>>::new());
    }
    let locked = desk.session.store_dialect().for_update;
    desk.begin();
    let select = format!("select n, v from {table} where n > $1 order by n{locked}");
    let rows = desk.session.query(&select, &[Value::Integer(0)]);
    let rows = rows.expect("the rows are read");
    desk.commit();
    let [one, two] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(
        [&one[1], &two[1]],
        [&Value::from("one"), &Value::from("two")]
    );
    assert!(one[0].integer() < two[0].integer());
}

/// The server's time comes as text: `2026-01-31T23:59:59.123456Z`.
pub fn the_time_is_text(subject: &Subject) {
    let mut desk = Desk::new(subject);
    let select = format!("select {}", desk.session.store_dialect().now);
    let rows = desk.session.query(&select, &[]).expect("the time is known");
    let time = rows[0][0].text().expect("the time is text");
    let digits_as_zero: String = time
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
        .collect();
    assert_eq!(digits_as_zero, "0000-00-00T00:00:00.000000Z", "{time}");
}
