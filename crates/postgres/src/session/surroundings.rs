//! What the database stands in.

use tightrope_engine::EngineError;
use tightrope_model::{Surroundings, Value};

use super::PostgresSession;

impl PostgresSession {
    pub(super) fn read_surroundings(&mut self) -> Result<Surroundings, EngineError> {
        let rows = self.query_own(include_str!("surroundings.sql"), &[])?;
        let mut found = Surroundings::default();
        for row in &rows {
            let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
            let (name, value) = (text(1).to_owned(), text(2).to_owned());
            match text(0) {
                "v" => found.version = value,
                "s" => drop(found.settings.insert(name, value)),
                "e" => drop(found.extensions.insert(name, value)),
                "r" => found.rows = value.parse().ok(),
                _ => found.bytes = value.parse().unwrap_or(0),
            }
        }
        Ok(found)
    }
}
