//! Columns that stay in the table alone, because the script does no more than to set others.

use crate::walk::{Database, InWindow, Walk, texts};

const GOODS: &str = "create table goods (id integer primary key, name text, price, check (price < 100 or name <> 'cheap'));
    create table other (a);
    insert into goods values (1, 'one', 1), (2, 'two', 2.0), (3, x'03', '3'), (4, null, null), (5, 'five', 5);";

/// The names that the net holds of rows, as far as it holds any.
fn held(there: &InWindow) -> Vec<String> {
    let rows = "select quote(c$2) from tightrope_net_1_1_rows order by r$";
    texts(&there.database.plain(), rows)
}

const NOTHING: [&str; 5] = ["NULL"; 5];
const ALL: [&str; 5] = ["'one'", "'two'", "X'03'", "NULL", "'five'"];

/// What is held when the window opens.
fn check(setup: &str, forward: &str, expect: [&str; 5]) {
    for foreign_keys in [false, true] {
        let walk = Walk {
            setup,
            forward,
            foreign_keys,
            ..Walk::default()
        };
        let mut there = walk.migrate();
        assert_eq!(held(&there), expect, "{forward}");
        walk.back(&mut there);
        let twin = Database::new(setup, foreign_keys);
        let now = there.database.contents(true);
        assert_eq!(now, twin.contents(true), "{forward}");
    }
}

#[test]
fn only_what_the_script_can_set_is_copied() {
    for forward in [
        "update goods set price = 0",
        "update goods set Price = 0 where id < 3; update goods set price = price || '!' where id > 4",
        "insert into other values (1); update goods set price = 0; select * from goods",
        "with n as (select 7 as n) update goods set price = n from n",
    ] {
        check(GOODS, forward, NOTHING);
    }
    let keyless = GOODS.replace("integer primary key", "integer");
    check(&keyless, "update goods set price = 0", NOTHING);
}

#[test]
fn all_is_copied_where_rows_can_lose_more() {
    for forward in [
        "update goods set price = 0 where id = 1; update goods set name = 'x' where id = 2",
        "update goods set price = 0 where id < 3; create index by_name on goods (name)",
        "update goods set price = 0 where id < 3; insert into goods values (6, 'six', 6); delete from goods where id = 6",
        "update goods set price = 0 where id < 3; delete from goods where id > 9",
        "savepoint here; update goods set price = 0; rollback to here; update goods set name = 'x'; release here",
        "update goods set (name, price, id) = (price, name, id)",
    ] {
        check(GOODS, forward, ALL);
    }
    for more in [
        "create unique index u on goods (price)",
        "create unique index u on goods (lower(price))",
        "create unique index u on goods (id) where price > 7",
        "create trigger g after update on other begin delete from goods where id = 9; end",
        "create trigger g after update on other begin replace into goods select * from goods where id = 9; end",
        "create trigger g after update on other begin update goods set name = 'x' where id = 9; end",
    ] {
        let setup = format!("{GOODS} {more}; insert into other values (1)");
        let forward = "update goods set price = id; update other set a = 2";
        check(&setup, forward, ALL);
    }
    let generated = GOODS.replace("price,", "price, twice as (price || 'x') unique,");
    check(&generated, "update goods set price = id + 10", ALL);
}

#[test]
fn what_the_application_does_to_such_rows_stays() {
    for (setup, writes) in [
        (GOODS, ""),
        (&GOODS.replace("integer primary key", "integer"), ""),
        (GOODS, "pragma recursive_triggers = on;"),
    ] {
        let writes = format!(
            "{writes} update goods set name = 'mine' where id = 1; update goods set price = 70 where id = 1;
             update goods set id = 20 where id = 2; update goods set name = 'moved' where id = 20;
             insert into goods values (2, 'new', 2); update goods set name = 'newer' where id = 2;
             delete from goods where id = 3; insert into goods values (3, 'again', 0); delete from goods where id = 3;
             update goods set id = 3 where id = 4; update goods set name = 'four' where id = 3;
             replace into goods values (5, 'other', 1); update or replace goods set id = 5 where id = 20;"
        );
        let walk = Walk {
            setup,
            forward: "update goods set price = 50",
            writes: &writes,
            ..Walk::default()
        };
        walk.there_and_back().like_twin();
    }
}

#[test]
fn a_written_row_that_does_not_fit_gives_its_place_to_the_whole_row_of_before() {
    let setup = "create table goods (id integer primary key, name text, price, note, check (price < 100 or name <> 'cheap'));
        insert into goods values (1, 'dear', 200, 'a'), (2, 'dear', 300, 'b'), (3, 'dear', 400, 'c');";
    let walk = Walk {
        setup,
        forward: "update goods set price = 50",
        writes: "update goods set name = 'cheap', note = 'mine' where id = 2; update goods set note = 'fits' where id = 3",
        twin_writes: Some("update goods set note = 'fits' where id = 3"),
        ..Walk::default()
    };
    let walked = walk.there_and_back();
    assert_eq!(walked.gauge.in_conflict(), 1);
    assert_eq!(walked.quarantined.len(), 1, "{:?}", walked.quarantined);
    assert_eq!(walked.rows, walked.twin);
}

#[test]
fn values_that_a_written_rollback_loses_come_back() {
    let walk = Walk {
        setup: GOODS,
        forward: "update goods set price = 50",
        writes: "update goods set name = 'mine' where id = 1",
        rollback: Some("update goods set price = null, name = iif(id = 1, name, 'lost')"),
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn under_a_newer_migration_the_older_net_holds_all() {
    let first = Walk {
        setup: GOODS,
        forward: "update goods set price = 50",
        ..Walk::default()
    };
    let second = Walk {
        forward: "update goods set name = upper(name)",
        ..first.clone()
    };
    let mut one = first.migrate();
    one.database
        .write("update goods set name = 'mine' where id = 1; delete from goods where id = 2");
    let tables = [tightrope_model::TableName::new("", "goods")];
    one.session.begin().unwrap();
    let net = one.session.net().unwrap();
    net.suspend(&one.kept, &tables).unwrap();
    one.session.commit().unwrap();
    assert_eq!(held(&one), ["'one'", "NULL", "X'03'", "NULL", "'five'"]);
    let mut two = second.migrate_in(one.database, 2);
    two.database.write(
        "update goods set name = 'cheap' where id = 5; update goods set price = 7 where id = 4",
    );
    second.back_then(&mut two, |session, kept| {
        let net = session.net().unwrap();
        net.resume(&one.kept, kept, &tables).unwrap();
    });
    one.database = two.database;
    one.database
        .write("update goods set name = 'last' where id = 3");
    first.back(&mut one);
    let twin = Database::new(GOODS, false);
    twin.write(
        "update goods set name = 'mine' where id = 1; delete from goods where id = 2;
         update goods set name = 'cheap' where id = 5; update goods set price = 7 where id = 4;
         update goods set name = 'last' where id = 3",
    );
    assert_eq!(one.database.contents(false), twin.contents(false));
}
