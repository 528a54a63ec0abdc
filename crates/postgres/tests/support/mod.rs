//! What several test files need.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine as _, RunStatement, Session};
use tightrope_postgres::PostgresEngine;
use tightrope_testkit::servers::{self, PostgresServer, TestDatabase};

/// The servers that are tested.
pub(crate) fn servers() -> Vec<PostgresServer> {
    servers::postgres_majors()
        .into_iter()
        .map(|major| servers::postgres(major).unwrap())
        .collect()
}

/// A session of the engine.
pub(crate) fn session(url: &DatabaseUrl) -> Box<dyn Session> {
    PostgresEngine::new()
        .connect(url, &ConnectOptions::default())
        .unwrap()
}

/// Where a test database is.
pub(crate) fn url(database: &TestDatabase) -> DatabaseUrl {
    DatabaseUrl::new(database.url())
}

/// Runs one statement.
pub(crate) fn run(session: &mut dyn Session, sql: &str) -> tightrope_engine::StatementOutcome {
    let result = session.run(RunStatement {
        sql,
        copy_data: None,
    });
    result.unwrap_or_else(|error| panic!("{sql}\n{error:?}"))
}
