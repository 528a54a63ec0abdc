//! Trying an application's queries.

use tightrope_engine::{EngineError, ErrorKind, Queries, QueryRows, StatementRecord};

use crate::run;
use crate::session::SqliteSession;

impl Queries for SqliteSession {
    fn prepare(&mut self, sql: &str) -> Result<(), EngineError> {
        run::prepare_only(self.connection(), sql)
    }

    fn rows_of(&mut self, sql: &str, most: usize) -> Result<QueryRows, EngineError> {
        run::rows_of(self.connection(), sql, most)
    }

    fn explain(&mut self, _: &str) -> Result<Option<String>, EngineError> {
        Ok(None)
    }

    fn names(&mut self) -> Result<Vec<String>, EngineError> {
        let found = run::rows_of(self.connection(), include_str!("names.sql"), usize::MAX)?;
        Ok(found.rows.into_iter().flatten().flatten().collect())
    }

    fn statements(&mut self) -> Result<Vec<StatementRecord>, EngineError> {
        Err(
            EngineError::new(ErrorKind::Unsupported, "SQLite remembers no statements")
                .hint("write the queries into a file, and capture from that: `--from file FILE`"),
        )
    }
}
