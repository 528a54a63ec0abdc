//! The catalog, and that reading leaves no trace.

use super::Subject;
use super::desk::Desk;

/// A session says on what server and database it is.
pub fn a_session_knows_where_it_is(subject: &Subject) {
    let desk = Desk::new(subject);
    let server = desk.session.server();
    assert_eq!(server.engine, subject.engine().kind());
    assert!(!server.database.is_empty());
    let major = format!("{}.", server.major);
    assert!(server.version.starts_with(&major), "{server:?}");
}

/// The catalog shows what the open transaction has made and changed.
pub fn the_catalog_sees_the_open_transaction(subject: &Subject) {
    let mut desk = Desk::with(subject, &["create table t (id integer primary key)"]);
    if !desk.session.capabilities().transactional_ddl {
        return;
    }
    let before = desk.session.catalog().expect("the catalog can be read");
    desk.begin();
    desk.run("alter table t add column v text");
    desk.run("create table u (id integer)");
    assert_eq!(desk.shape("t").columns, ["id", "v"]);
    assert_eq!(desk.shape("u").columns, ["id"]);
    let inside = desk.session.catalog().expect("the catalog can be read");
    assert_ne!(inside.fingerprint(), before.fingerprint());
    desk.commit();
    let after = desk.session.catalog().expect("the catalog can be read");
    assert_eq!(after.fingerprint(), inside.fingerprint());
}

/// Two sessions read the same catalog, whatever their settings.
pub fn the_catalog_is_the_same_for_everybody(subject: &Subject) {
    let statements = [
        "create table t (id integer primary key, v text default 'x' not null, n integer check (n > 0))",
        "create table child (id integer primary key, t integer references t (id) on delete cascade)",
        "create unique index t_v on t (v)",
        "create view seen as select id, v from t where n > 1",
    ];
    let mut desk = Desk::with(subject, &statements);
    let plain = desk.session.catalog().expect("the catalog can be read");
    for setting in subject.sql.settings {
        let mut other = desk.another();
        super::desk::run(other.as_mut(), setting.change);
        let seen = other.catalog().expect("the catalog can be read");
        assert_eq!(seen, plain, "after {}", setting.change);
    }
}

/// A table's shape holds its columns by name and the key in its own order.
pub fn a_table_has_its_shape(subject: &Subject) {
    let statements = [
        "create table t (z text not null, a text not null, m text, primary key (z, a))",
        "create table u (b text, a text)",
    ];
    let mut desk = Desk::with(subject, &statements);
    let shape = desk.shape("t");
    assert_eq!(shape.columns, ["a", "m", "z"]);
    assert_eq!(shape.key, ["z", "a"]);
    let shape = desk.shape("u");
    assert_eq!(shape.columns, ["a", "b"]);
    assert!(shape.key.is_empty());
}

/// Reading changes no setting of the session and leaves it outside a transaction.
pub fn reading_leaves_no_trace(subject: &Subject) {
    let statements = [
        "create table t (id integer primary key)",
        "insert into t values (1)",
    ];
    let mut desk = Desk::with(subject, &statements);
    for setting in subject.sql.settings {
        desk.session = desk.another();
        desk.run(setting.change);
        let before = desk.value(setting.show);
        read_everything(&mut desk);
        assert_eq!(desk.value(setting.show), before, "after {}", setting.change);
        desk.begin();
        read_everything(&mut desk);
        assert_eq!(
            desk.value(setting.show),
            before,
            "in a transaction, after {}",
            setting.change
        );
        desk.commit();
        assert_eq!(
            desk.value(setting.show),
            before,
            "after a commit, after {}",
            setting.change
        );
    }
}

fn read_everything(desk: &mut Desk<'_>) {
    let shape = desk.shape("t");
    desk.checksum("t");
    let mut rows = desk.session.rows(&shape).expect("rows can be read");
    assert_eq!(rows.next_batch().expect("rows can be read").len(), 1);
    drop(rows);
    desk.session.has_store().expect("the store is looked for");
    desk.session
        .index_validity(None, "none")
        .expect("an index is looked for");
    desk.session
        .liveness()
        .expect("the session proves its life");
}
