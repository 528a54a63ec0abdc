//! Queries that run, and cost more or say something else.

use crate::stage::{Stage, queries_in};

#[test]
fn a_dropped_index_is_found_by_the_blocks_and_the_plans_are_named() {
    let stage = Stage::postgres();
    stage.queries(
        "select note from orders where customer = 7; select name from customers where id = 1;",
    );
    stage.migration("drop index orders_by_customer;");
    let migration = stage.rehearse(3);
    assert_eq!(migration["verdict"], "changes-queries");
    let costs = &migration["workload"]["replay"]["costs"];
    assert_eq!(
        queries_in(costs),
        ["select note from orders where customer = $1"]
    );
    let [before, after] = [0, 1].map(|at| costs[0]["blocks"][at].as_f64().unwrap());
    assert!(after > 2.0 * before, "{costs:#}");
    let plan = &costs[0]["plan"];
    assert!(
        plan[0]
            .as_str()
            .unwrap()
            .contains("using orders_by_customer"),
        "{plan}"
    );
    assert_eq!(plan[1], "Seq Scan on orders");
}

#[test]
fn a_changed_collation_is_found_by_the_order_and_by_what_is_equal() {
    let stage = Stage::postgres();
    stage.queries(
        "select id, name from customers where id < 9 order by name;
        select id from customers where name = 'Ana1';",
    );
    stage.migration(
        "create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        alter table customers alter column name type text collate blind;",
    );
    let migration = stage.rehearse(3);
    assert_eq!(migration["verdict"], "changes-queries");
    let results = &migration["workload"]["replay"]["results"];
    let results: Vec<(&str, &str)> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_eq!(
                (&one["when"], &one["expected"]),
                (&"forward".into(), &false.into())
            );
            (
                one["sql"].as_str().unwrap(),
                one["difference"]["rows"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(results.len(), 2, "{results:?}");
    assert!(results.contains(&(
        "select id, name from customers where id < $1 order by name",
        "order"
    )));
    assert!(results.contains(&("select id from customers where name = $1", "rows")));
}

#[test]
fn rows_that_the_migration_writes_may_change_and_dead_ones_cost_nothing() {
    let stage = Stage::postgres();
    stage.queries(
        "select id, amount from orders where customer = 7; select id from orders limit 3;",
    );
    stage.migration("update orders set amount = amount + 1;");
    let migration = stage.rehearse(0);
    assert_eq!(migration["verdict"], "exact");
    let replay = &migration["workload"]["replay"];
    let results = replay["results"].as_array().unwrap();
    assert_eq!(results.len(), 1, "{replay:#}");
    assert_eq!(results[0]["expected"], true);
    let costs = replay["costs"].as_array().unwrap();
    assert!(
        costs.iter().all(|cost| cost["expected"] == true),
        "{replay:#}"
    );
}

#[test]
fn a_volatile_query_is_left_out_of_the_comparison_and_said() {
    let stage = Stage::postgres();
    stage.queries(
        "select id, random() from customers where id = 3;
        select id, clock_timestamp() from customers where id = 3;
        select count(*) from customers;",
    );
    stage.migration("create table other (a int);");
    let migration = stage.rehearse(0);
    let replay = &migration["workload"]["replay"];
    assert_eq!(replay["queries"], 3);
    assert_eq!(
        replay["volatile"].as_array().unwrap().len(),
        2,
        "{replay:#}"
    );
    assert_eq!(replay["results"].as_array().unwrap().len(), 0);
    let told = stage.run("rehearse --workload workload.toml", 0).stdout;
    assert!(told.contains("differ from call to call"), "{told}");
}

#[test]
fn what_a_query_writes_is_rolled_back() {
    let stage = Stage::postgres();
    stage.queries(
        "delete from orders where customer = 7;
        insert into customers (id, name) values (9000, 'x');
        select count(*) from orders;",
    );
    stage.migration("alter table orders add column more int;");
    let migration = stage.rehearse(0);
    let replay = &migration["workload"]["replay"];
    // Nothing that one of them did has been met by another, nor by the comparison of rows.
    assert_eq!(
        (&replay["queries"], &migration["verdict"]),
        (&3.into(), &"exact".into()),
        "{replay:#}"
    );
    assert_eq!(replay["set_aside"].as_array().unwrap().len(), 0);
}

#[test]
fn what_no_rollback_takes_back_is_not_replayed_and_said() {
    let stage = Stage::postgres();
    let hidden = "create function tell() returns int language plpgsql as
            'begin perform pg_logical_emit_message(false, ''shop'', ''x''); return 1; end';
        create function told() returns trigger language plpgsql as 'begin perform tell(); return new; end';
        create trigger told before update on orders for each row execute function told();";
    stage.database().execute(hidden).unwrap();
    stage.queries(
        "select tell();
        select \"pg_logical_emit_message\"(false, 'shop', 'x');
        update orders set note = 'x' where id = 1;
        update customers set name = 'x' where id = 1;
        select note from orders where id = 1;",
    );
    // One more query reaches outside once the migration is through.
    stage.migration(
        "create trigger told before update on customers for each row execute function told();",
    );
    let migration = stage.rehearse(0);
    let replay = &migration["workload"]["replay"];
    assert_eq!(replay["queries"], 2, "{replay:#}");
    let mut outside = queries_in(&replay["outside"]);
    outside.sort_unstable();
    assert_eq!(
        outside,
        [
            "select \"pg_logical_emit_message\"(false, $1, $2)",
            "select tell()",
            "update customers set name = $1 where id = $2",
            "update orders set note = $1 where id = $2",
        ]
    );
    let told = stage.run("rehearse --workload workload.toml", 0).stdout;
    let words: Vec<&str> = told.split_whitespace().collect();
    assert!(
        words.join(" ").contains("where no rollback reaches"),
        "{told}"
    );
}

#[test]
fn a_query_that_takes_longer_for_the_same_blocks_is_found_by_its_times() {
    let stage = Stage::postgres();
    let price =
        "create function price(n int) returns int language plpgsql as 'begin return n; end';";
    stage.database().execute(price).unwrap();
    stage.queries(
        "select price(id) from customers where id = 3; select name from customers where id = 3;",
    );
    stage.migration(
        "create or replace function price(n int) returns int language plpgsql as 'begin perform pg_sleep(0.03); return n; end';",
    );
    let migration = stage.rehearse(3);
    let costs = &migration["workload"]["replay"]["costs"];
    assert_eq!(
        queries_in(costs),
        ["select price(id) from customers where id = $1"]
    );
    assert!(costs[0]["speed"]["ratio"].as_f64() > Some(1.5), "{costs:#}");
    assert!(costs[0]["blocks"].is_null(), "{costs:#}");
}
