//! Rows that are alike in all that a query orders by: they may come in any order, and nobody is accused of it.

use serde_json::Value;

use crate::stage::{Stage, queries_in};

/// The one query whose order is open, and nothing that is changed.
#[track_caller]
fn only_open(migration: &Value, difference: &str) -> Value {
    let replay = &migration["workload"]["replay"];
    assert_eq!(queries_in(&replay["results"]), [""; 0], "{replay:#}");
    assert_eq!(queries_in(&replay["volatile"]), [""; 0], "{replay:#}");
    let open = replay["open_orders"].as_array().unwrap();
    assert_eq!(open.len(), 1, "{replay:#}");
    assert_eq!(open[0]["difference"]["rows"], difference, "{replay:#}");
    open[0].clone()
}

/// How the rows of the one query that is changed differ; no order is open.
#[track_caller]
fn only_changed(migration: &Value) -> Value {
    assert_eq!(migration["verdict"], "changes-queries", "{migration:#}");
    let replay = &migration["workload"]["replay"];
    assert_eq!(queries_in(&replay["open_orders"]), [""; 0], "{replay:#}");
    let results = replay["results"].as_array().unwrap();
    assert_eq!(results.len(), 1, "{replay:#}");
    results[0]["difference"]["rows"].clone()
}

/// A stage without limits on cost: what is looked at here is the order.
fn postgres() -> Stage {
    let stage = Stage::postgres();
    let limits = "[workload]\nblocks_limit = 1000.0\ntime_limit = 1000.0\n";
    stage.write("tightrope.toml", limits);
    stage
}

/// So many orders of two customers, alike by pairs.
fn sqlite() -> Stage {
    let stage = Stage::sqlite();
    stage.sqlite_execute(
        "with recursive n (n) as (select 2 union all select n + 1 from n where n < 40)
         insert into orders select n, 1, n / 8, 'n' || n % 3 from n;
         insert into customers values (2, 'bo', null), (3, 'ANA', null), (4, 'cleo', null);",
    );
    stage
}

#[test]
fn ties_that_a_new_index_brings_in_another_order_are_no_change() {
    let stage = postgres();
    stage.queries("select note from orders where customer = 7 order by trunc(amount / 10);");
    stage.migration(
        "drop index orders_by_customer;
        create index orders_by_place on orders (customer, (trunc(amount / 10)), id desc);",
    );
    let open = only_open(&stage.rehearse(0), "order");
    assert_eq!(
        (&open["ties"], &open["when"]),
        (&true.into(), &"forward".into())
    );
    let told = stage.run("rehearse --workload workload.toml", 0).stdout;
    let told: Vec<&str> = told.split_whitespace().collect();
    let said = "its order is not determined by the query";
    assert!(told.join(" ").contains(said), "{told:?}");
}

#[test]
fn other_rows_behind_a_limit_are_no_change_if_they_tie() {
    let stage = postgres();
    stage.queries("select id, note from orders order by amount limit 3 offset 2;");
    stage.migration("create index orders_by_amount on orders (amount, id desc);");
    let open = only_open(&stage.rehearse(0), "rows");
    assert_eq!(open["ties"], true);
}

#[test]
fn other_rows_behind_a_limit_are_a_change_if_they_do_not_tie() {
    let stage = postgres();
    stage
        .database()
        .execute("create view board as select id, note, -amount::int as place from orders")
        .unwrap();
    stage.queries("select id, note from board order by place limit 3;");
    stage.migration(
        "create or replace view board as select id, note, amount::int as place from orders;",
    );
    assert_eq!(only_changed(&stage.rehearse(3)), "rows");
}

#[test]
fn another_collation_behind_a_limit_is_a_change_though_other_rows_tie() {
    let stage = postgres();
    // A hundred rows each have an `n`, an `N` or an `o` there, and the limit cuts through the first of them.
    stage.queries("select id from customers order by substr(name, 2, 1) limit 7;");
    stage.migration(
        "create collation natural_order (provider = icu, locale = 'und');
        alter table customers alter column name type text collate natural_order;",
    );
    assert_eq!(only_changed(&stage.rehearse(3)), "rows");
}

#[test]
fn another_order_among_ties_is_a_change_if_others_have_moved_as_well() {
    let stage = postgres();
    stage
        .database()
        .execute(
            "create view board as select id, -(amount % 5) as place from orders where id < 200",
        )
        .unwrap();
    stage.queries(
        "select id from board order by place; select id, place from board order by 2 desc, 1;",
    );
    stage.migration("create or replace view board as select id, amount % 5 as place from orders where id < 200;");
    let migration = stage.rehearse(3);
    let results = migration["workload"]["replay"]["results"]
        .as_array()
        .unwrap();
    let mut found: Vec<(&str, &str)> = results
        .iter()
        .map(|one| {
            (
                one["sql"].as_str().unwrap(),
                one["difference"]["rows"].as_str().unwrap(),
            )
        })
        .collect();
    found.sort_unstable();
    // The second one shows the key itself.
    let expect = [
        ("select id from board order by place", "order"),
        ("select id, place from board order by 2 desc, 1", "rows"),
    ];
    assert_eq!(found, expect);
}

#[test]
fn an_order_that_cannot_be_looked_into_is_a_remark() {
    let stage = postgres();
    stage
        .database()
        .execute("create view board as select id, -id as place from orders where id < 9")
        .unwrap();
    // What changes rows in its own `with` cannot be put into another query.
    stage.queries(
        "with touched as (update customers set name = name where id = 1 returning id) select b.id from board b order by b.place;",
    );
    stage.migration(
        "create or replace view board as select id, id as place from orders where id < 9;",
    );
    let open = only_open(&stage.rehearse(0), "order");
    assert_eq!(open["ties"], false);
    assert!(
        open["text"]
            .as_str()
            .unwrap()
            .contains("cannot be found out"),
        "{open:#}"
    );
}

#[test]
fn ties_on_sqlite_are_no_change_with_a_new_index_and_with_a_limit() {
    let stage = sqlite();
    stage.queries("select id from orders order by amount;");
    stage.migration("create index orders_by_amount on orders (amount, id desc);");
    assert_eq!(only_open(&stage.rehearse(0), "order")["ties"], true);
    stage.queries("select id from orders order by amount limit 3 offset 9;");
    assert_eq!(only_open(&stage.rehearse(0), "rows")["ties"], true);
    // What the collation of the key holds alike ties as well.
    stage.queries("select name from customers order by name collate nocase;");
    stage.migration("create index customers_by_name on customers (name collate nocase, id desc);");
    assert_eq!(only_open(&stage.rehearse(0), "order")["ties"], true);
}

#[test]
fn another_order_on_sqlite_is_a_change() {
    let stage = sqlite();
    stage.sqlite_execute("create view people as select id, name, name as place from customers");
    stage.queries("select name from people order by place;");
    stage.migration(
        "drop view people;
        create view people as select id, name, name collate nocase as place from customers;",
    );
    assert_eq!(only_changed(&stage.rehearse(3)), "order");
}
