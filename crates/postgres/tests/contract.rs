//! What every engine promises, on every PostgreSQL that is tested.

use tightrope_postgres::PostgresEngine;
use tightrope_testkit::contract::{ContractDatabase, ContractDialect, Subject};
use tightrope_testkit::servers;

fn subjects() -> Vec<Subject> {
    let subject = |major: u32| {
        Subject::new(
            format!("PostgreSQL {major}"),
            PostgresEngine::new(),
            ContractDialect::POSTGRES,
            move || {
                Ok(ContractDatabase::from(
                    servers::postgres(major)?.create_database()?,
                ))
            },
        )
    };
    servers::postgres_majors()
        .into_iter()
        .map(subject)
        .collect()
}

tightrope_testkit::contract_tests!(subjects());
