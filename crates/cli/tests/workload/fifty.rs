//! Fifty queries over a library's database, thirty migrations: every query that breaks is named, and no other.
//!
//! What breaks is not what tightrope says: each query is run, with its own values, on a copy that was migrated by hand.

use crate::stage::Stage;

const SCHEMA: &str = include_str!("fifty/schema.sql");
const QUERIES: &str = include_str!("fifty/queries.sql");
const MIGRATIONS: &str = include_str!("fifty/migrations.sql");

/// The statements of a file, one a line or more, each with its semicolon.
fn statements(text: &str) -> Vec<&str> {
    let statements = text.split(";\n").map(str::trim);
    statements
        .filter(|statement| !statement.is_empty())
        .collect()
}

#[test]
fn every_query_that_the_first_ten_migrations_break_is_named_and_no_other() {
    check(0, 20, 0);
}

#[test]
fn every_query_that_the_next_ten_migrations_break_is_named_and_no_other() {
    check(10, 15, 1);
}

#[test]
fn every_query_that_the_last_ten_migrations_break_is_named_and_no_other() {
    check(20, 2, 6);
}

/// Rehearses ten of the migrations; so many queries at least are broken by them, and so many of them are harmless.
fn check(first: usize, least_broken: usize, least_harmless: usize) {
    let (queries, migrations) = (statements(QUERIES), statements(MIGRATIONS));
    assert_eq!((queries.len(), migrations.len()), (50, 30));
    let stage = Stage::empty(SCHEMA);
    stage.queries(QUERIES);
    let captured = stage.read("workload.toml");
    assert_eq!(captured.matches("\n[[query]]").count(), 50);
    stage.write("tightrope.toml", "[workload]\nchanged_queries = \"warn\"\n");
    let (mut all, mut harmless) = (0, 0);
    for migration in migrations.iter().skip(first).take(10) {
        let copy = stage.database().copy().unwrap();
        let mut client = copy.connect().unwrap();
        client.batch_execute(migration).unwrap();
        let mut works = |query: &str| {
            let mut transaction = client.transaction().unwrap();
            let works = transaction.simple_query(query).is_ok();
            transaction.rollback().unwrap();
            works
        };
        let broken: Vec<&&str> = queries.iter().filter(|query| !works(query)).collect();
        drop(client);
        stage.migration(&format!("{migration};"));
        let outcome = stage
            .tightrope("rehearse --workload workload.toml --json")
            .run()
            .json();
        let trial = &outcome["migrations"][0]["workload"];
        let after_rollback = trial["broken_after_rollback"].as_array().unwrap();
        assert!(after_rollback.is_empty(), "{migration}: {trial:#}");
        assert_eq!(trial["set_aside"].as_array().unwrap().len(), 0, "{trial:#}");
        let mut named: Vec<&str> = trial["broken"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["sql"].as_str().unwrap())
            .collect();
        let mut expect: Vec<String> = broken.iter().map(|query| captured_text(query)).collect();
        named.sort_unstable();
        expect.sort_unstable();
        assert_eq!(named, expect, "{migration}");
        all += named.len();
        harmless += usize::from(named.is_empty());
    }
    // The set says something only if it has both.
    assert!(
        all >= least_broken && harmless >= least_harmless,
        "{all} broken, {harmless} harmless"
    );
}

/// The query as the file has it.
fn captured_text(query: &str) -> String {
    let normal = tightrope_workload::normalise(query, tightrope_model::EngineKind::Postgres);
    normal.unwrap().sql
}
