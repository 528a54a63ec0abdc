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

/// Cases in the suite: on a server each takes a second or so, in a file a fraction of that.
const ON_A_SERVER: u64 = 15;
const IN_A_FILE: u64 = 40;

#[expect(clippy::print_stdout, reason = "the test runner keeps it for failures")]
fn hunt(registry: &Registry, make: &Make, cases: u64) {
    let hunt = Hunt::from_environment(cases);
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
        let make = move || {
            let database = servers::postgres(major)?.create_database()?;
            Ok(ContractDatabase::from(database))
        };
        let registry = Registry::new().with(PostgresEngine::new());
        hunt(&registry, &make, ON_A_SERVER);
    }
}

#[test]
fn a_database_of_sqlite_that_came_back_is_its_twins_equal() {
    let registry = Registry::new().with(SqliteEngine::new());
    hunt(&registry, &sqlite_database, IN_A_FILE);
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
