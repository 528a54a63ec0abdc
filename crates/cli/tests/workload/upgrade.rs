//! The same queries on two servers: what an upgrade would change is caught before it.

use tightrope_testkit::servers::{TestDatabase, postgres, postgres_majors};

use crate::stage::{Stage, queries_in};

/// From the oldest server to the newest; where the run has one server only, from that to itself.
fn majors() -> (u32, u32) {
    match &postgres_majors()[..] {
        [only] => (*only, *only),
        _ => (12, 18),
    }
}

/// An empty database on a server, with its own way to order text.
fn place(major: u32, options: &str) -> TestDatabase {
    let database = postgres(major).unwrap().create_database().unwrap();
    if !options.is_empty() {
        let mut client = database.server().connect("postgres").unwrap();
        let name = &database.name;
        client
            .batch_execute(&format!("drop database {name}"))
            .unwrap();
        client
            .batch_execute(&format!(
                "create database {name} template template0 {options}"
            ))
            .unwrap();
    }
    database
}

#[test]
fn a_search_that_an_upgrade_would_break_is_caught_in_rehearsal() {
    let (old, new) = majors();
    let stage = Stage::on(old);
    stage.queries(
        "select id, name from customers where id < 9 order by name;
        select id from customers where name < 'a' order by id;
        select id, amount from orders where id = 3;
        select extract(epoch from timestamp '2026-01-02 03:04:05') from customers where id = 1;
        select id from orders where amount = 3 !;",
    );
    // The new server's default is another collation than the old one's.
    let there = place(
        new,
        "locale_provider icu icu_locale 'en-US' locale 'C.UTF-8'",
    );
    let upgrade = format!(
        "rehearse --workload workload.toml --upgrade-to {}",
        there.url()
    );
    let found = stage.run(&format!("{upgrade} --json"), 3).json();
    let trial = &found["workload"];
    assert_eq!(found["passed"], false);
    assert_eq!(found["from"]["major"], old.to_string());
    assert_eq!(found["to"]["major"], new.to_string());
    assert_eq!(found["collations"][0]["what"], "the database", "{found:#}");
    let mut results = queries_in(&trial["replay"]["results"]);
    results.sort_unstable();
    let mut expect = vec![
        "select id from customers where name < $1 order by id",
        "select id, name from customers where id < $1 order by name",
    ];
    if old < 14 && new >= 14 {
        // extract() gives another type, and `!` is no operator any more.
        expect.insert(
            0,
            "select extract(epoch from cast($1 as timestamp)) from customers where id = $2",
        );
        assert_eq!(
            queries_in(&trial["broken"]),
            ["select id from orders where amount = $1 !"]
        );
    }
    assert_eq!(results, expect, "{trial:#}");
    let told = stage.run(&upgrade, 3).stdout;
    for words in ["the database: libc C.UTF-8 → icu en-US", "another order"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // Nothing is left behind on either server.
    for major in [old, new] {
        let mut client = postgres(major).unwrap().connect("postgres").unwrap();
        let sql = "select count(*) from pg_database where datname like 'tightrope_scratch_%' \
                   and shobj_description(oid, 'pg_database') like $1";
        let mine = format!("%{}%", stage.database().name);
        let left: i64 = client.query_one(sql, &[&mine]).unwrap().get(0);
        assert_eq!(left, 0);
    }
}

#[test]
fn an_upgrade_that_changes_nothing_passes() {
    let (old, new) = majors();
    let stage = Stage::on(old);
    stage.queries(
        "select id, name from customers where id < 9 order by name;
        select count(*) from orders where customer = 7;",
    );
    let there = place(new, "");
    let upgrade = format!(
        "rehearse --workload workload.toml --upgrade-to {}",
        there.url()
    );
    let told = stage.run(&upgrade, 0).stdout;
    assert!(
        told.contains("Every query that works here works there"),
        "{told}"
    );
}

#[test]
fn an_upgrade_is_not_rehearsed_without_queries_or_elsewhere() {
    let stage = Stage::postgres();
    let url = stage.url.clone();
    let refused = stage.run(&format!("rehearse --upgrade-to {url}"), 1);
    assert!(refused.stderr.contains("none are named"), "{refused}");
    stage.queries("select 1 from orders;");
    let refused = stage.run(
        "rehearse --workload workload.toml --upgrade-to sqlite://x.db",
        1,
    );
    assert!(refused.stderr.contains("can be upgraded to"), "{refused}");
    let nowhere =
        "rehearse --workload workload.toml --upgrade-to postgres://postgres@127.0.0.1:1/x";
    stage.run(nowhere, 6);
}
