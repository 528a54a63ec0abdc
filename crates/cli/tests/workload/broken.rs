//! Queries that fail after a migration, or did so before.

use crate::stage::{Stage, queries_in};

const QUERIES: &str = "select note from orders where customer = 7;
select id, amount from orders where id = 3;
select name from customers order by name;
update orders set note = 'x' where id = 5;
select nothing from orders;";

#[test]
fn a_migration_that_drops_a_column_names_the_queries_that_use_it() {
    let stage = Stage::postgres();
    stage.queries(QUERIES);
    stage.migration("alter table orders drop column note;");
    let migration = stage.rehearse(3);
    assert_eq!(migration["verdict"], "breaks-queries");
    assert_eq!(migration["certified"], false);
    let trial = &migration["workload"];
    let mut broken = queries_in(&trial["broken"]);
    broken.sort_unstable();
    let expect = [
        "select note from orders where customer = $1",
        "update orders set note = $1 where id = $2",
    ];
    assert_eq!(broken, expect);
    assert_eq!(trial["broken"][0]["code"], "42703");
    assert_eq!(queries_in(&trial["broken_after_rollback"]), [""; 0]);
    assert_eq!(
        queries_in(&trial["set_aside"]),
        ["select nothing from orders"]
    );
    let told = stage.run("rehearse --workload workload.toml", 3).stdout;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "this migration breaks 2 queries that your application runs",
        "column \"note\" does not exist (line 1, column 8 of the query)",
        "1 set aside, for they fail already before",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn a_renamed_table_breaks_its_queries_and_apply_refuses() {
    let stage = Stage::postgres();
    stage.queries(QUERIES);
    stage.migration("alter table customers rename to clients;");
    stage.write("tightrope.toml", "[workload]\nfile = \"workload.toml\"\n");
    let migration = stage.rehearse(3);
    let broken = queries_in(&migration["workload"]["broken"]);
    assert_eq!(broken, ["select name from customers order by name"]);
    // The queries are tried where `apply` rehearses by itself, too.
    let refused = stage.run("apply --yes", 3);
    assert!(
        refused
            .stderr
            .contains("breaks 1 query that your application runs"),
        "{refused}"
    );
}

#[test]
fn a_policy_that_warns_lets_it_through_and_the_certificate_says_so() {
    let stage = Stage::postgres();
    stage.queries(QUERIES);
    stage.migration("alter table customers rename to clients;");
    let policy = "[workload]\nfile = \"workload.toml\"\nbroken_queries = \"warn\"\n";
    stage.write("tightrope.toml", policy);
    let migration = stage.rehearse(0);
    assert_eq!(
        (&migration["verdict"], &migration["certified"]),
        (&"exact".into(), &true.into())
    );
    let certificate: serde_json::Value = serde_json::from_str(&certificate(&stage)).unwrap();
    let witnessed = &certificate["workload"];
    assert_eq!(witnessed["queries"], 5);
    assert_eq!(witnessed["set_aside"], 1);
    let broken = &migration["workload"]["broken"][0]["fingerprint"];
    assert_eq!(&witnessed["broken"][0], broken);
    stage.run("apply --yes", 0);
}

fn certificate(stage: &Stage) -> String {
    let files = std::fs::read_dir(stage.path("migrations/0001_change")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let found = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    std::fs::read_to_string(found.last().unwrap()).unwrap()
}

#[test]
fn a_good_migration_earns_its_certificate_with_all_queries_behind_it() {
    let stage = Stage::postgres();
    stage.queries(QUERIES);
    stage.migration(
        "alter table orders add column paid_at timestamptz; create index on orders (paid_at);",
    );
    let migration = stage.rehearse(0);
    assert_eq!(migration["verdict"], "exact");
    let trial = &migration["workload"];
    assert_eq!(
        (&trial["queries"], &trial["fails"]),
        (&5.into(), &false.into())
    );
    assert_eq!(trial["replay"]["queries"], 4, "{trial:#}");
}

#[test]
fn a_rollback_that_leaves_queries_broken_is_named() {
    let stage = Stage::postgres();
    // A view that nobody misses but the application: everything else comes back.
    stage.queries("select length(name) from customers where id = 1; select upper_name(1);");
    stage.database().execute("create function upper_name(n int) returns text language sql as 'select upper(name) from customers where id = n'").unwrap();
    stage.migration("alter table customers rename column name to title;");
    stage.write(
        "migrations/0001_change/down.sql",
        "alter table customers rename column title to nam;",
    );
    let migration = stage.rehearse(3);
    assert_eq!(migration["verdict"], "schema-differs");
    let trial = &migration["workload"];
    // A function's body is looked at when it runs: the replay meets it.
    assert_eq!(
        trial["broken_after_rollback"].as_array().unwrap().len(),
        2,
        "{trial:#}"
    );
}

#[test]
fn queries_are_prepared_on_sqlite_too() {
    let stage = Stage::sqlite();
    stage.queries(QUERIES);
    stage.migration("alter table orders drop column note;");
    let migration = stage.rehearse(3);
    assert_eq!(migration["verdict"], "breaks-queries");
    let trial = &migration["workload"];
    assert_eq!(
        queries_in(&trial["set_aside"]),
        ["select nothing from orders"]
    );
    let broken = queries_in(&trial["broken"]);
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(
        trial["broken"][0]["message"]
            .as_str()
            .unwrap()
            .contains("note")
    );
}

#[test]
fn names_are_looked_for_where_the_application_looks() {
    let stage = Stage::postgres();
    stage
        .database()
        .execute("create schema app; create table app.things (a int)")
        .unwrap();
    stage.queries("select a from things;");
    stage.migration("alter table app.things rename to items;");
    let migration = stage.rehearse(0);
    assert_eq!(
        queries_in(&migration["workload"]["set_aside"]),
        ["select a from things"]
    );
    stage.write(
        "tightrope.toml",
        "[workload]\nsearch_path = \"app, public\"\n",
    );
    let migration = stage.rehearse(3);
    assert_eq!(
        queries_in(&migration["workload"]["broken"]),
        ["select a from things"]
    );
}
