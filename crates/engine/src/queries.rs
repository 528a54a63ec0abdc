use tightrope_model::Part;

use crate::EngineError;

/// What the server remembers of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementRecord {
    /// Its text, with parameters for literals.
    pub text: String,
    /// How often it was called.
    pub calls: u64,
    /// How long all calls together took, in milliseconds.
    pub total_ms: f64,
}

/// Rows as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryRows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, NULL as none; at most as many as were asked for.
    pub rows: Vec<Vec<Option<String>>>,
    /// How many there were.
    pub count: u64,
}

/// The ability to try an application's queries: to prepare, run and explain them.
pub trait Queries {
    /// Prepares one query and forgets it again: nothing is run. Parameters are `$1`, `$2`, …
    ///
    /// # Errors
    /// What the application would be told, with the position in the query.
    fn prepare(&mut self, sql: &str) -> Result<(), EngineError>;

    /// Runs one query to its last row, and keeps the first `most` rows.
    ///
    /// # Errors
    /// As the engine says.
    fn rows_of(&mut self, sql: &str, most: usize) -> Result<QueryRows, EngineError>;

    /// Runs one query and gives its plan with what it cost, as the engine's JSON; none where there is no such thing.
    ///
    /// # Errors
    /// As the engine says.
    fn explain(&mut self, sql: &str) -> Result<Option<String>, EngineError>;

    /// What the server remembers of the statements of this database.
    ///
    /// # Errors
    /// When it remembers none, or does not show them to this user.
    fn statements(&mut self) -> Result<Vec<StatementRecord>, EngineError>;

    /// What decides how text is ordered and compared: what it is for, and what it is, in words. Empty where there is no such thing.
    ///
    /// # Errors
    /// When the connection breaks.
    fn collations(&mut self) -> Result<Vec<(String, String)>, EngineError> {
        Ok(Vec::new())
    }

    /// The names of its tables, views and their columns, where a word in double quotes is a name or a value by them. Empty where it is
    /// always a name.
    ///
    /// # Errors
    /// When they cannot be read.
    fn names(&mut self) -> Result<Vec<String>, EngineError> {
        Ok(Vec::new())
    }

    /// What of the database runs code when queries are run. Empty where none of it could act where no rollback reaches.
    ///
    /// # Errors
    /// When the connection breaks.
    fn parts(&mut self) -> Result<Vec<Part>, EngineError> {
        Ok(Vec::new())
    }
}
