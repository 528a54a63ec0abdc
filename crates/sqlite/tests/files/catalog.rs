//! What the catalog sees, what it rightly does not, and what it makes of a table that was rebuilt.

use crate::support::{Database, must, state};
use tightrope_engine::Session;
use tightrope_model::{ObjectId, ObjectKind, Verdict};

const BASE: &str = r#"
    create table users (id integer primary key, name text not null default 'x', email text collate nocase, note text);
    create table orders (
        id integer primary key autoincrement,
        user_id integer not null references users (id) on delete cascade,
        amount numeric(10, 2) not null check (amount >= 0),
        state text default 'new',
        constraint one_state unique (user_id, state)
    );
    create table tags (order_id integer, tag text, primary key (order_id, tag)) without rowid;
    create table strict_one (a integer, b text) strict;
    create table made (a integer, twice as (a * 2));
    create index orders_by_amount on orders (amount desc, state);
    create unique index users_by_email on users (email) where email is not null;
    create view rich as select id, amount from orders where amount > 100;
    create trigger stamp after update on users begin update users set note = 'changed' where id = new.id; end;
    create virtual table search using fts5 (title, body);
"#;

/// Statements that have to change the logical fingerprint, and those that bring it back.
const MUTATIONS: &[(&str, &str)] = &[
    ("create table t (a)", "drop table t"),
    (
        "drop table strict_one",
        "create table strict_one (a integer, b text) strict",
    ),
    (
        "alter table users rename to people",
        "alter table people rename to users",
    ),
    (
        "alter table users add column age integer",
        "alter table users drop column age",
    ),
    (
        "alter table users add column age integer not null default 0",
        "alter table users drop column age",
    ),
    (
        "alter table users drop column email_2",
        "alter table users add column email_2 text",
    ),
    (
        "alter table users rename column name to title",
        "alter table users rename column title to name",
    ),
    (
        "alter table users rename column name to \"full name\"",
        "alter table users rename column \"full name\" to name",
    ),
    (
        "alter table orders rename column state to status",
        "alter table orders rename column status to state",
    ),
    (
        "alter table users rename column id to number",
        "alter table users rename column number to id",
    ),
    (
        "drop table made; create table made (a integer, twice as (a * 3))",
        "drop table made; create table made (a integer, twice as (a * 2))",
    ),
    (
        "drop table made; create table made (a integer, twice as (a * 2) stored)",
        "drop table made; create table made (a integer, twice generated always as (a * 2))",
    ),
    (
        "drop table made; create table made (a integer, twice)",
        "drop table made; create table made (a integer, twice as (a * 2))",
    ),
    (
        "drop table made; create table made (a text, twice as (a * 2))",
        "drop table made; create table made (a integer, twice as (a * 2))",
    ),
    (
        "drop table made; create table made (a integer not null, twice as (a * 2))",
        "drop table made; create table made (a integer, twice as (a * 2))",
    ),
    (
        "drop table made; create table made (a integer unique, twice as (a * 2))",
        "drop table made; create table made (a integer, twice as (a * 2))",
    ),
    (
        "drop table made; create table made (a integer default 1, twice as (a * 2))",
        "drop table made; create table made (a integer, twice as (a * 2))",
    ),
    (
        "drop table made; create table made (a integer collate rtrim, twice as (a * 2))",
        "drop table made; create table made (a integer, twice as (a * 2))",
    ),
    (
        "drop table made; create table made (a integer references users, twice as (a * 2))",
        "drop table made; create table made (a integer, twice as (a * 2))",
    ),
    (
        "drop table made; create table made (a integer, twice as (a * 2), check (a > 0))",
        "drop table made; create table made (a integer, twice as (a * 2))",
    ),
    (
        "drop table strict_one; create table strict_one (a integer, b text)",
        "drop table strict_one; create table strict_one (a integer, b text) strict",
    ),
    (
        "drop table tags; create table tags (order_id integer, tag text, primary key (order_id, tag))",
        "drop table tags; create table tags (order_id integer, tag text, primary key (order_id, tag)) without rowid",
    ),
    (
        "drop table tags; create table tags (order_id integer, tag text, primary key (tag, order_id)) without rowid",
        "drop table tags; create table tags (order_id integer, tag text, primary key (order_id, tag)) without rowid",
    ),
    (
        "drop table tags; create table tags (order_id integer, tag text, primary key (order_id, tag) on conflict replace) without rowid",
        "drop table tags; create table tags (order_id integer, tag text, primary key (order_id, tag)) without rowid",
    ),
    ("create index i on users (name)", "drop index i"),
    ("create index i on users (lower(name))", "drop index i"),
    (
        "create index i on users (name collate nocase)",
        "drop index i",
    ),
    (
        "drop index orders_by_amount",
        "create index orders_by_amount on orders (amount desc, state)",
    ),
    (
        "drop index orders_by_amount; create index orders_by_amount on orders (amount, state)",
        "drop index orders_by_amount; create index orders_by_amount on orders (amount desc, state)",
    ),
    (
        "drop index orders_by_amount; create index orders_by_amount on orders (state, amount desc)",
        "drop index orders_by_amount; create index orders_by_amount on orders (amount desc, state)",
    ),
    (
        "drop index orders_by_amount; create unique index orders_by_amount on orders (amount desc, state)",
        "drop index orders_by_amount; create index orders_by_amount on orders (amount desc, state)",
    ),
    (
        "drop index users_by_email; create unique index users_by_email on users (email)",
        "drop index users_by_email; create unique index users_by_email on users (email) where email is not null",
    ),
    (
        "drop index users_by_email; create unique index users_by_email on users (email) where email <> ''",
        "drop index users_by_email; create unique index users_by_email on users (email) where email is not null",
    ),
    (
        "drop view rich",
        "create view rich as select id, amount from orders where amount > 100",
    ),
    (
        "drop view rich; create view rich as select id, amount from orders where amount > 200",
        "drop view rich; create view rich as select id, amount from orders where amount > 100",
    ),
    (
        "drop view rich; create view rich (number, worth) as select id, amount from orders where amount > 100",
        "drop view rich; create view rich as select id, amount from orders where amount > 100",
    ),
    (
        "create trigger g instead of insert on rich begin select 1; end",
        "drop trigger g",
    ),
    (
        "drop trigger stamp",
        "create trigger stamp after update on users begin update users set note = 'changed' where id = new.id; end",
    ),
    (
        "drop trigger stamp; create trigger stamp after insert on users begin update users set note = 'changed' where id = new.id; end",
        "drop trigger stamp; create trigger stamp after update on users begin update users set note = 'changed' where id = new.id; end",
    ),
    (
        "drop trigger stamp; create trigger stamp after update on users begin update users set note = 'Changed' where id = new.id; end",
        "drop trigger stamp; create trigger stamp after update on users begin update users set note = 'changed' where id = new.id; end",
    ),
    (
        "drop table search; create virtual table search using fts5 (title)",
        "drop table search; create virtual table search using fts5 (title, body)",
    ),
    (
        "drop table search; create virtual table search using fts5 (title, body, tokenize = 'porter')",
        "drop table search; create virtual table search using fts5 (title, body)",
    ),
    ("pragma user_version = 7", "pragma user_version = 0"),
    ("pragma application_id = 7", "pragma application_id = 0"),
    (
        "create table c (p integer references users on delete restrict)",
        "drop table c",
    ),
];

/// Rebuilds of `orders` that differ in one thing each.
const REBUILDS: &[&str] = &[
    "user_id integer not null references users (id) on delete set null, amount numeric(10, 2) not null check (amount >= 0), state text default 'new', constraint one_state unique (user_id, state)",
    "user_id integer not null references users (id) on delete cascade deferrable initially deferred, amount numeric(10, 2) not null check (amount >= 0), state text default 'new', constraint one_state unique (user_id, state)",
    "user_id integer not null references users (id) on delete cascade, amount numeric(10, 2) not null check (amount > 0), state text default 'new', constraint one_state unique (user_id, state)",
    "user_id integer not null references users (id) on delete cascade, amount numeric(10, 2) not null, state text default 'new', constraint one_state unique (user_id, state)",
    "user_id integer not null references users (id) on delete cascade, amount numeric(10, 2) not null check (amount >= 0), state text default 'New', constraint one_state unique (user_id, state)",
    "user_id integer not null references users (id) on delete cascade, amount numeric(10, 2) not null check (amount >= 0), state text default 'new', constraint one_state unique (state, user_id)",
    "user_id integer not null references users (id) on delete cascade, amount numeric(10, 2) not null check (amount >= 0), state text default 'new', constraint one_state unique (user_id, state) on conflict ignore",
    "user_id integer not null, amount numeric(10, 2) not null check (amount >= 0), state text default 'new', constraint one_state unique (user_id, state)",
];

fn rebuild(id: &str, body: &str) -> String {
    format!(
        "drop view rich; create table n (id {id}, {body});
         insert into n (id, user_id, amount, state) select id, user_id, amount, state from orders;
         drop table orders; alter table n rename to orders;
         create index orders_by_amount on orders (amount desc, state);
         create view rich as select id, amount from orders where amount > 100;"
    )
}

const ORDERS: &str = "user_id integer not null references users (id) on delete cascade, amount numeric(10, 2) not null check (amount >= 0), state text default 'new', constraint one_state unique (user_id, state)";

fn verdict(database: &Database, session: &mut dyn Session, sql: &str) -> (Verdict, Vec<String>) {
    let before = session.catalog().unwrap();
    database
        .plain()
        .execute_batch(sql)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let differences = before.differences(&session.catalog().unwrap());
    (
        differences.verdict(),
        differences.iter().map(ToString::to_string).collect(),
    )
}

#[test]
fn every_mutation_is_seen_and_taken_back() {
    let database = Database::new(BASE);
    database
        .plain()
        .execute_batch("alter table users add column email_2 text")
        .unwrap();
    let mut session = database.session();
    assert!(MUTATIONS.len() + REBUILDS.len() >= 50);
    let keep = rebuild("integer primary key autoincrement", ORDERS);
    let mut pairs: Vec<(String, String)> = MUTATIONS
        .iter()
        .map(|(change, back)| ((*change).to_owned(), (*back).to_owned()))
        .collect();
    pairs.extend(REBUILDS.iter().map(|body| {
        (
            rebuild("integer primary key autoincrement", body),
            keep.clone(),
        )
    }));
    pairs.push((rebuild("integer primary key", ORDERS), keep.clone()));
    for (change, back) in pairs {
        let before = session.catalog().unwrap();
        let (seen, _) = verdict(&database, session.as_mut(), &change);
        assert_eq!(seen, Verdict::SchemaDiffers, "{change}");
        database
            .plain()
            .execute_batch(&back)
            .unwrap_or_else(|error| panic!("{back}: {error}"));
        let after = session.catalog().unwrap();
        let differences = before.differences(&after);
        let shown: Vec<String> = differences.iter().map(ToString::to_string).collect();
        assert_ne!(
            differences.verdict(),
            Verdict::SchemaDiffers,
            "{change}: {shown:?}"
        );
        assert_eq!(
            before.fingerprint().logical,
            after.fingerprint().logical,
            "{change}"
        );
    }
}

fn check(before: &str, after: &str, expect: Verdict) {
    let database = Database::new(before);
    let mut session = database.session();
    let (verdict, shown) = verdict(&database, session.as_mut(), after);
    assert_eq!(verdict, expect, "{before} / {after}: {shown:#?}");
}

#[test]
fn a_table_that_means_the_same_is_at_most_another_text() {
    let again = |text: &str| format!("drop table t; {text}");
    let base = "create table t (a integer primary key, b text not null default 'x' unique, check (b <> ''))";
    check(base, &again(base), Verdict::Exact);
    for text in [
        "CREATE TABLE \"t\" (\"a\" INTEGER PRIMARY KEY, [b] TEXT NOT NULL DEFAULT ('x') UNIQUE, CHECK (\"b\" != ''))",
        "create table t (a integer, b text not null default 'x', primary key (a), unique (b), check (b <> ''))",
        "create table t (a integer primary key, -- the key\n b text default 'x' not null constraint one unique check (b <> ''))",
    ] {
        check(base, &again(text), Verdict::TextOnly);
    }
    check(
        base,
        &again(
            "create table t (b text not null default 'x' unique, a integer primary key, check (b <> ''))",
        ),
        Verdict::ColumnOrder,
    );
    check(
        base,
        &again(
            "create table t (a integer primary key, b text not null default 'X' unique, check (b <> ''))",
        ),
        Verdict::SchemaDiffers,
    );
}

#[test]
fn what_renaming_and_adding_do_to_the_text_is_no_difference_of_meaning() {
    let base = "create table t (a integer, b text, check (a > 0)); create table c (x references t (a)); create index i on t (b); create view v as select a from t";
    check(
        base,
        "alter table t rename to u; alter table u rename to t",
        Verdict::TextOnly,
    );
    check(
        base,
        "alter table t rename a to \"z z\"; alter table t rename \"z z\" to a",
        Verdict::TextOnly,
    );
    check(
        base,
        "alter table t add column d integer; alter table t drop column d",
        Verdict::Exact,
    );
    check(
        "create table t (a integer, b text)",
        "alter table t drop column a; alter table t add column a integer",
        Verdict::ColumnOrder,
    );
    check(
        "create table t (a integer, b text)",
        "create table n (b text, a integer); drop table t; alter table n rename to t",
        Verdict::ColumnOrder,
    );
}

#[test]
fn a_reference_to_a_table_is_one_to_its_key() {
    let parent = "create table p (id integer primary key);";
    check(
        &format!("{parent} create table c (p references p)"),
        "drop table c; create table c (p, foreign key (p) references \"P\" (\"id\"))",
        Verdict::TextOnly,
    );
}

#[test]
fn rowids_without_a_key_do_not_count() {
    let database = Database::new(
        "create table t (a); insert into t values (1), (2), (3); delete from t where a = 1",
    );
    let mut session = database.session();
    let before = state(session.as_mut());
    database.plain().execute_batch("vacuum").unwrap();
    assert_eq!(state(session.as_mut()), before);
}

#[test]
fn what_is_no_schema_is_left_out() {
    let base = "create table t (id integer primary key autoincrement, a); create index i on t (a)";
    for sql in [
        "insert into t (a) values (1); delete from t",
        "insert into t (a) values (1); analyze",
        "create table tightrope_journal (a); create index tightrope_i on tightrope_journal (a); create trigger g after insert on tightrope_journal begin select 1; end",
        "vacuum",
        "pragma journal_mode = wal",
        "reindex",
    ] {
        check(base, sql, Verdict::Exact);
    }
}

#[test]
fn a_broken_view_does_not_stop_the_reading() {
    let database = Database::new(
        "create table t (a); create view v as select a from t; create view w as select * from nowhere",
    );
    database
        .plain()
        .execute_batch("pragma legacy_alter_table = on; drop table t")
        .unwrap();
    let catalog = database.session().catalog().unwrap();
    assert_eq!(catalog.count(ObjectKind::View), 2);
}

#[test]
fn a_module_that_is_not_there_does_not_stop_the_reading() {
    let database = Database::new(
        "create table t (a); pragma writable_schema = on;
         insert into sqlite_schema values ('table', 'far', 'far', 0, 'CREATE VIRTUAL TABLE far USING spatial(x, y)');",
    );
    let mut session = database.session();
    let (catalog, sums) = state(session.as_mut());
    assert_eq!(catalog.count(ObjectKind::VirtualTable), 1);
    assert_eq!(sums.len(), 1);
}

fn check_key(sql: &str, key: &[&str]) {
    let database = Database::new(sql);
    let catalog = database.session().catalog().unwrap();
    assert_eq!(catalog.tables()[0].key, key, "{sql}");
}

#[test]
fn only_what_tells_rows_apart_is_a_key() {
    check_key("create table t (id integer primary key, a)", &["id"]);
    check_key("create table t (id integer primary key desc, a)", &[]);
    check_key("create table t (id int primary key, a)", &[]);
    check_key("create table t (id text primary key not null, a)", &["id"]);
    check_key(
        "create table t (b text, a text, primary key (b, a)) without rowid",
        &["b", "a"],
    );
    check_key(
        "create table t (b text not null, a text not null, primary key (b, a))",
        &["b", "a"],
    );
    check_key("create table t (a text not null unique, b)", &["a"]);
    check_key("create table t (a text unique, b)", &[]);
    check_key(
        "create table t (a text not null); create unique index i on t (a) where a > 'b'",
        &[],
    );
    check_key(
        "create table t (a text not null); create unique index i on t (lower(a))",
        &[],
    );
    check_key(
        "create table t (a text not null); create unique index i on t (a)",
        &["a"],
    );
    check_key("create table t (a)", &[]);
}

#[test]
fn columns_come_sorted_with_generated_ones() {
    let database = Database::new("create table t (z, a, m as (z + a), \"B\" as (z) stored)");
    let mut session = database.session();
    let catalog = session.catalog().unwrap();
    assert_eq!(catalog.tables()[0].columns, ["B", "a", "m", "z"]);
    must(session.as_mut(), "insert into t values (1, 2)");
    let (_, sums) = state(session.as_mut());
    assert_eq!(sums[0].rows, 1);
}

#[test]
fn rows_of_full_text_tables_are_summed_and_their_shadows_are_not() {
    let database = Database::new(
        "create virtual table search using fts5 (title); insert into search values ('one'), ('two')",
    );
    let mut session = database.session();
    let (catalog, before) = state(session.as_mut());
    let tables: Vec<&str> = catalog
        .tables()
        .iter()
        .map(|shape| shape.table.name.as_str())
        .collect();
    assert_eq!(tables, ["search"]);
    let shadow = ObjectId::new(ObjectKind::Table, ["search_data"]);
    assert!(catalog.object(&shadow).is_some());
    database
        .plain()
        .execute_batch("insert into search (search) values ('optimize')")
        .unwrap();
    assert_eq!(state(session.as_mut()).1, before);
    database
        .plain()
        .execute_batch("update search set title = 'three' where title = 'two'")
        .unwrap();
    assert_ne!(state(session.as_mut()).1, before);
}

fn check_virtual(using: &str, columns: &[&str], key: &[&str]) {
    let database = Database::new(&format!(
        "create table d (id integer primary key, title); create virtual table s using {using}"
    ));
    let mut session = database.session();
    let (catalog, _) = state(session.as_mut());
    let shape = catalog
        .tables()
        .iter()
        .find(|shape| shape.table.name == "s");
    let read = shape
        .map(|shape| (shape.columns.clone(), shape.key.clone()))
        .unwrap_or_default();
    assert_eq!(read, (owned(columns), owned(key)), "{using}");
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn virtual_tables_are_read_where_they_keep_rows() {
    check_virtual(
        "fts5(title, content)",
        &["content", "rowid", "title"],
        &["rowid"],
    );
    check_virtual("fts4(title)", &["rowid", "title"], &["rowid"]);
    check_virtual("rtree(id, a, b)", &["a", "b", "id"], &["id"]);
    check_virtual("fts5(title, content = 'd', content_rowid = 'id')", &[], &[]);
    check_virtual("fts5(title, content='')", &[], &[]);
}

#[test]
fn names_of_any_kind_are_read() {
    let database = Database::new(
        "create table \"a \"\"b\" (\"select\" integer primary key, [x y] text, 'q' int, unique (\"x y\"));
         create index \"i j\" on \"a \"\"b\" ([x y]); insert into \"a \"\"b\" values (1, 'a', 2)",
    );
    let mut session = database.session();
    let (catalog, sums) = state(session.as_mut());
    assert_eq!(catalog.tables()[0].table.name, "a \"b");
    assert_eq!(catalog.tables()[0].columns, ["q", "select", "x y"]);
    assert_eq!(sums[0].rows, 1);
    assert!(
        catalog
            .object(&ObjectId::new(
                ObjectKind::Constraint,
                ["a \"b", "unique (\"x y\")"]
            ))
            .is_some()
    );
}
