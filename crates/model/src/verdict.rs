use std::fmt;

use serde::{Deserialize, Serialize};

/// What a rehearsal found out about one migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Schema and every row came back exactly.
    Exact,
    /// Everything came back, but columns stand in another order.
    ColumnOrder,
    /// Everything came back; some definition is written differently and means the same.
    TextOnly,
    /// Everything came back, and queries that the application runs give other rows or cost far more after the migration.
    ChangesQueries,
    /// Everything came back, and queries that the application runs fail after the migration or after its rollback.
    BreaksQueries,
    /// The rollback ran, and the schema is not what it was.
    SchemaDiffers,
    /// The schema came back, and rows did not.
    DataDiffers,
    /// The rollback script holds no statement although the forward script changed something.
    EmptyRollback,
    /// The rollback script failed.
    RollbackFails,
    /// The migration says itself that it cannot be rolled back.
    Irreversible,
    /// There is no rollback script.
    NoRollback,
    /// The forward script failed (or its verify script did).
    ForwardFails,
}

impl Verdict {
    /// All verdicts, best first.
    pub const ALL: [Self; 12] = [
        Self::Exact,
        Self::ColumnOrder,
        Self::TextOnly,
        Self::ChangesQueries,
        Self::BreaksQueries,
        Self::SchemaDiffers,
        Self::DataDiffers,
        Self::EmptyRollback,
        Self::RollbackFails,
        Self::Irreversible,
        Self::NoRollback,
        Self::ForwardFails,
    ];

    /// Whether the way back is proven, so that a certificate is earned.
    pub fn passes(self) -> bool {
        matches!(self, Self::Exact | Self::ColumnOrder | Self::TextOnly)
    }

    /// The verdict in kebab-case, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::ColumnOrder => "column-order",
            Self::TextOnly => "text-only",
            Self::ChangesQueries => "changes-queries",
            Self::BreaksQueries => "breaks-queries",
            Self::SchemaDiffers => "schema-differs",
            Self::DataDiffers => "data-differs",
            Self::EmptyRollback => "empty-rollback",
            Self::RollbackFails => "rollback-fails",
            Self::Irreversible => "irreversible",
            Self::NoRollback => "no-rollback",
            Self::ForwardFails => "forward-fails",
        }
    }

    /// What the verdict means, in one plain sentence for a tired reader.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Exact => "schema and every row come back exactly",
            Self::ColumnOrder => "everything comes back, but columns stand in another order",
            Self::TextOnly => {
                "everything comes back; a definition is written differently and means the same"
            }
            Self::ChangesQueries => {
                "everything comes back, but queries of the application give other rows or cost far more"
            }
            Self::BreaksQueries => "everything comes back, but queries of the application fail",
            Self::SchemaDiffers => "the rollback runs, but the schema is not what it was",
            Self::DataDiffers => "the schema comes back, but rows do not",
            Self::EmptyRollback => "the rollback script holds no statement",
            Self::RollbackFails => "the rollback script fails",
            Self::Irreversible => "the migration says that it cannot be rolled back",
            Self::NoRollback => "there is no rollback script",
            Self::ForwardFails => "the forward script fails",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
