use tightrope_engine::EngineError;

/// The error of reading or writing tightrope's own tables.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine refused.
    #[error("cannot use tightrope's own tables")]
    Engine(#[from] EngineError),
    /// A newer tightrope has been here.
    #[error("this database was used by a newer tightrope (layout {found}, this one knows {known})")]
    NewerLayout {
        /// The layout that was found.
        found: i64,
        /// The layout that this version knows.
        known: i64,
    },
    /// A row does not read as what was once written.
    #[error("the table {table} holds something that tightrope did not write: {what}")]
    Damaged {
        /// Which table.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Somebody else took the lease over.
    #[error(
        "the lease was taken over by another process (fencing number {ours} is no longer current)"
    )]
    LeaseLost {
        /// Our fencing number.
        ours: i64,
    },
}
