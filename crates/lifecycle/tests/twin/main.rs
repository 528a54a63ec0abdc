//! The control twin: migrate, write, roll back; a database that only received the writes says what must come out.
//!
//! A few cases in the suite; more by hand: `TIGHTROPE_TWIN_CASES=20000 TIGHTROPE_TWIN_SEED=1 cargo nextest run twin`. One case
//! again: `TIGHTROPE_TWIN_CASES=1` and its seed.

mod found;

use std::time::Instant;

use tightrope_engine::{DatabaseUrl, Registry};
use tightrope_postgres::PostgresEngine;
use tightrope_sqlite::SqliteEngine;
use tightrope_testkit::contract::ContractDatabase;
use tightrope_testkit::servers;
use tightrope_testkit::twin::{Hunt, Make};

/// Cases an engine in the suite.
const CASES: u64 = 40;

#[expect(clippy::print_stdout, reason = "the test runner keeps it for failures")]
fn hunt(registry: &Registry, make: &Make) {
    let hunt = Hunt::from_environment(CASES);
    let begun = Instant::now();
    let bag = hunt
        .run(registry, make, &|text| println!("{text}"))
        .expect("the databases work");
    println!("{hunt:?} in {:?}", begun.elapsed());
    println!(
        "{} passed, {} writes, {} undone",
        bag.passed, bag.writes, bag.undone
    );
    for (why, count) in &bag.skipped {
        println!("{count} skipped: {why}");
    }
    for (heading, count) in &bag.headings {
        println!("{count} failed: {heading}");
    }
    assert!(bag.failed.is_empty(), "{} cases failed", bag.failed.len());
}

#[test]
fn a_database_of_postgres_that_came_back_is_its_twins_equal() {
    for major in servers::postgres_majors() {
        hunt(&Registry::new().with(PostgresEngine::new()), &move || {
            let database = servers::postgres(major)?.create_database()?;
            Ok(ContractDatabase::from(database))
        });
    }
}

#[test]
fn a_database_of_sqlite_that_came_back_is_its_twins_equal() {
    hunt(&Registry::new().with(SqliteEngine::new()), &sqlite_database);
}

fn sqlite_database() -> anyhow::Result<ContractDatabase> {
    let folder = memory_folder()?;
    let path = folder.path().join("twin.db");
    let url = DatabaseUrl::new(format!("sqlite://{}", path.display()));
    Ok(ContractDatabase::new(url, folder))
}

/// A folder in memory where there is one: nothing here is to outlast the machine.
fn memory_folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}
