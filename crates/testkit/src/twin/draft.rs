use super::schema::Schema;

/// Statements, and what the schema is after them: if the server takes them.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// The statements.
    pub(super) sql: Vec<String>,
    /// What takes them back, where that is simple.
    pub(super) undo: Option<Vec<String>>,
    /// The schema after them.
    pub(super) after: Schema,
}

impl Draft {
    /// Statements that nothing simple takes back.
    pub(super) fn new(sql: Vec<String>, after: Schema) -> Self {
        Self {
            sql,
            undo: None,
            after,
        }
    }

    /// With what takes them back.
    #[must_use]
    pub(super) fn undone_by(mut self, undo: Vec<String>) -> Self {
        self.undo = Some(undo);
        self
    }
}
