//! The life of a migration on real databases: every verdict, every refusal, every way a run can end.

mod cases;
mod cluster;
mod domains;
mod full_text;
mod random;
mod refusals;
mod rows;
mod stacked;
mod steps;

use tightrope_engine::{DatabaseUrl, Registry};
use tightrope_postgres::PostgresEngine;
use tightrope_sqlite::SqliteEngine;
use tightrope_testkit::contract::ContractDatabase;
use tightrope_testkit::phases::Phases;
use tightrope_testkit::servers;

/// SQLite, in a file of its own for each database.
fn sqlite() -> Phases {
    Phases::new("SQLite", Registry::new().with(SqliteEngine::new()), || {
        let folder = tempfile::tempdir()?;
        let url = DatabaseUrl::new(format!(
            "sqlite://{}",
            folder.path().join("test.db").display()
        ));
        Ok(ContractDatabase::new(url, folder))
    })
}

/// Each PostgreSQL that is tested.
fn postgres() -> Vec<Phases> {
    let phases = |major: u32| {
        Phases::new(
            format!("PostgreSQL {major}"),
            Registry::new().with(PostgresEngine::new()),
            move || {
                Ok(ContractDatabase::from(
                    servers::postgres(major)?.create_database()?,
                ))
            },
        )
    };
    servers::postgres_majors().into_iter().map(phases).collect()
}

/// Every engine.
fn everywhere() -> Vec<Phases> {
    let mut all = postgres();
    all.push(sqlite());
    all
}
