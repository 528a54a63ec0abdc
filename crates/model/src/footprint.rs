use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a migration really touched when it ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Rows changed, per table by its display name.
    pub rows: BTreeMap<String, TableChange>,
    /// Locks on tables and indexes that were held at the end of the transaction.
    pub locks: Vec<LockHeld>,
}

/// How many rows of one table were written; counts of the engine, cascades and triggers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableChange {
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
}

impl TableChange {
    /// Whether nothing was written.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The larger of both, for each kind of change.
    #[must_use]
    pub fn at_least(self, other: Self) -> Self {
        Self {
            inserted: self.inserted.max(other.inserted),
            updated: self.updated.max(other.updated),
            deleted: self.deleted.max(other.deleted),
        }
    }
}

/// One lock that a session holds on a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockHeld {
    /// The relation's display name.
    pub relation: String,
    /// The lock's mode in the engine's words, lower case with spaces: `access exclusive`.
    pub mode: String,
    /// The table's display name, where the relation is one of its indexes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_of: Option<String>,
}
