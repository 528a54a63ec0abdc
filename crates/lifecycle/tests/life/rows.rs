//! A review with generated rows.

use std::fmt::Write as _;

use tightrope_lifecycle::{Review, ReviewOptions, Silent, review};
use tightrope_model::Verdict;
use tightrope_testkit::phases::{Case, Desk, Phases};

use crate::{everywhere, postgres, sqlite};

fn review_with(desk: &Desk, seed: u64) -> Review {
    let options = ReviewOptions {
        rows: Some(50),
        seed,
        ..ReviewOptions::default()
    };
    review(&desk.project, &options, &Silent).expect("the history is reviewed")
}

fn desk(phases: &Phases, schema: &str, forward: &str, rollback: &str) -> Desk {
    let first = Case {
        forward: schema,
        ..Case::default()
    };
    let desk = phases.desk(&first);
    let second = Case {
        forward,
        rollback: Some(rollback),
        ..Case::default()
    };
    desk.write("0002_second", &second);
    desk
}

fn check(phases: &Phases, schema: &str, forward: &str, rollback: &str, expect: Verdict) -> Review {
    let desk = desk(phases, schema, forward, rollback);
    let found = review_with(&desk, 1);
    assert_eq!(found.migrations[1].verdict, expect, "{found:#?}");
    found
}

/// Tables of the schema that have so many rows, each by a statement that must hold.
fn holds(tables: &[(&str, usize)]) -> String {
    let mut verify = String::new();
    for (table, rows) in tables {
        let _ = writeln!(verify, "select count(*) >= {rows} from {table};");
    }
    verify
}

fn check_filled(phases: &Phases, schema: &str, tables: &[(&str, usize)]) {
    let desk = desk(
        phases,
        schema,
        "create table zz (i integer);",
        "drop table zz;",
    );
    let verify = holds(tables);
    let second = Case {
        forward: "create table zz (i integer);",
        rollback: Some("drop table zz;"),
        verify: Some(&verify),
        ..Case::default()
    };
    desk.write("0002_second", &second);
    for seed in [1, 2] {
        let found = review_with(&desk, seed);
        let second = &found.migrations[1];
        assert_eq!(second.verdict, Verdict::Exact, "seed {seed}: {second:#?}");
        assert!(second.remarks.is_empty(), "seed {seed}: {second:#?}");
        let generated = found.generated.expect("rows were asked for");
        assert!(generated.unfilled.is_empty(), "seed {seed}: {generated:#?}");
    }
}

#[test]
fn every_table_of_a_hard_schema_is_filled_on_postgres() {
    let schema = include_str!("schemas/postgres.sql");
    let tables = [
        ("every_type", 50),
        ("checks", 50),
        ("users", 50),
        ("tasks", 50),
        ("one_to_one", 50),
        ("ring_b", 50),
        ("measures_2024_oslo", 50),
        ("hashed", 60),
        ("multi_1", 50),
        ("dogs", 50),
        ("audited", 50),
        ("only_defaults", 50),
        ("two_rows", 2),
        ("singleton", 1),
        ("deferred_unique", 50),
        ("poly", 50),
        ("year_check", 50),
    ];
    for phases in postgres() {
        check_filled(&phases, schema, &tables);
    }
}

#[test]
fn every_table_of_a_hard_schema_is_filled_on_sqlite() {
    let schema = include_str!("schemas/sqlite.sql");
    let tables = [
        ("every", 50),
        ("strict_one", 50),
        ("no_rowid", 50),
        ("checks", 50),
        ("child", 50),
        ("pair", 50),
        ("ring_b", 50),
        ("triggered", 50),
        ("log", 50),
        ("lone", 1),
    ];
    check_filled(&sqlite(), schema, &tables);
}

const CUSTOMERS: &str =
    "create table customers (id integer primary key, name varchar(40) not null, note text);";

#[test]
fn a_dropped_column_is_seen_to_lose_its_values() {
    for phases in everywhere() {
        let found = check(
            &phases,
            CUSTOMERS,
            "alter table customers drop column note;",
            "alter table customers add column note text;",
            Verdict::DataDiffers,
        );
        assert!(!found.passed());
    }
}

#[test]
fn a_rollback_that_needs_an_empty_table_fails() {
    for phases in everywhere() {
        check(
            &phases,
            CUSTOMERS,
            "alter table customers drop column name;",
            "alter table customers add column name varchar(40) not null;",
            Verdict::RollbackFails,
        );
    }
}

#[test]
fn a_forward_script_that_fails_on_generated_rows_alone_is_rehearsed_without_them() {
    let schema = format!("{CUSTOMERS} create table others (id integer primary key, x text);");
    for phases in everywhere() {
        let found = check(
            &phases,
            &schema,
            "alter table customers add column code text not null; alter table others drop column x;",
            "alter table customers drop column code; alter table others add column x text;",
            Verdict::DataDiffers,
        );
        let remarks = found.migrations[1].remarks.join("\n");
        assert!(
            remarks.contains("rehearsed without generated rows in customers"),
            "{remarks}"
        );
    }
}

#[test]
fn a_forward_script_that_fails_by_itself_fails_with_generated_rows() {
    for phases in everywhere() {
        check(
            &phases,
            CUSTOMERS,
            "alter table customers add column code text; drop table nowhere;",
            "alter table customers drop column code;",
            Verdict::ForwardFails,
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_differences() {
    for phases in everywhere() {
        let desk = desk(
            &phases,
            CUSTOMERS,
            "update customers set note = 'x';",
            "update customers set note = 'y';",
        );
        let shown = |seed| {
            let found = review_with(&desk, seed);
            serde_json::to_value(&found.migrations[1].differences).unwrap()
        };
        assert_eq!(shown(1), shown(1));
        assert_ne!(shown(1), shown(2));
    }
}
