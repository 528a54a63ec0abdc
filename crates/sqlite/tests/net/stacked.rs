//! Two migrations with their windows over one table.

use crate::walk::{Database, Walk};

#[test]
fn what_was_touched_under_the_newer_one_is_handed_down() {
    let setup = "create table t (id integer primary key, a, b);
        insert into t values (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4), (5, 'e', 5), (6, 'f', 6);";
    let first = Walk {
        setup,
        forward: "update t set a = upper(a), b = b * 10",
        ..Walk::default()
    };
    let second = Walk {
        forward: "alter table t add column c; update t set b = b + 1, c = id",
        ..first.clone()
    };
    let mut one = first.migrate();
    one.database.write(
        "update t set a = 'one' where id = 1; insert into t values (10, 'x', 1), (11, 'y', 1);
         update t set id = 40 where id = 4;",
    );
    let session = one.session.as_mut();
    session.begin().unwrap();
    let net = session.net().unwrap();
    net.suspend(&one.kept, &[tightrope_model::TableName::new("", "t")])
        .unwrap();
    session.commit().unwrap();
    let mut two = second.migrate_in(one.database, 2);
    two.database.write(
        "update t set b = 'two' where id = 2; update t set b = 7 where id = 1; delete from t where id in (3, 11);
         update t set id = 12 where id = 10; insert into t values (13, 'z', 1, 1);
         update t set id = 41 where id = 40; update t set a = 'moved', c = 5 where id = 41;
         update t set id = 99 where id = 5; update t set id = 5 where id = 6; update t set id = 6 where id = 99;",
    );
    let tables = [tightrope_model::TableName::new("", "t")];
    second.back_then(&mut two, |session, kept| {
        session
            .net()
            .unwrap()
            .resume(&one.kept, kept, &tables)
            .unwrap();
    });
    two.database
        .write("update t set a = 'last' where id = 13; update t set b = 'last' where id = 41");
    one.database = two.database;
    first.back(&mut one);
    let twin = Database::new(setup, false);
    twin.write(
        "update t set a = 'one', b = 7 where id = 1; update t set b = 'two' where id = 2; delete from t where id = 3;
         update t set id = 41, a = 'moved', b = 'last' where id = 4; insert into t values (12, 'x', 1), (13, 'last', 1);
         update t set id = 99 where id = 5; update t set id = 5 where id = 6; update t set id = 6 where id = 99;",
    );
    assert_eq!(one.database.contents(false), twin.contents(false));
}
