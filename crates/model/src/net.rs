use serde::{Deserialize, Serialize};

use crate::{TableChange, TableName};

/// What the net keeps of a migration, table by table: decided in rehearsal, carried out by `apply`, used by `rollback`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetPlan {
    /// The tables that the migration touches, by their name before it.
    pub tables: Vec<TablePlan>,
    /// The sequences that would count on from somewhere else after a rollback, if their positions were not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<SequencePlan>,
    /// What a person should know about it: tables without a key, what cannot be kept and why.
    pub remarks: Vec<String>,
}

impl NetPlan {
    /// The plan of a table by its name before the migration.
    pub fn table(&self, before: &TableName) -> Option<&TablePlan> {
        self.tables.iter().find(|table| &table.before == before)
    }

    /// Whether there is nothing to keep and nothing to watch.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.sequences.is_empty()
    }
}

/// A sequence of which the position is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequencePlan {
    /// Its name before the migration.
    pub name: TableName,
    /// The script drops it or starts it anew, so nobody draws from it until the script's transaction ends. Otherwise it
    /// moves it while others draw.
    pub anew: bool,
}

/// What is kept of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePlan {
    /// Its place in the plan, from 1: names the net's own tables.
    pub number: usize,
    /// Its name before the migration.
    pub before: TableName,
    /// Its name after it; none if it is dropped.
    pub after: Option<TableName>,
    /// The columns that tell a row from the others before the migration and after it; empty if there are none, and whole
    /// rows are counted then.
    pub key: Vec<KeyColumn>,
    /// All columns that it had before and that hold values of their own (no generated ones), in their order.
    pub columns: Vec<ColumnPlan>,
    /// Columns that it has only after the migration, generated ones left out.
    pub added: Vec<String>,
    /// How its rows are kept.
    pub keep: Keep,
    /// Rows that the forward script wrote in the rehearsal.
    pub rows: TableChange,
    /// Whether the forward script truncates it.
    #[serde(default)]
    pub truncated: bool,
    /// Whether the forward script changes values of the key: rows have to be followed one by one then.
    #[serde(default)]
    pub key_changes: bool,
    /// Whether a change of the schema may give rows other keys, though it did not in the rehearsal or that could not tell. It is
    /// found out when the script has run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key_in_doubt: bool,
    /// Rows that it had in the rehearsal.
    #[serde(default)]
    pub rows_before: u64,
    /// The partitioned table (by its name before) that the migration divides anew, if this is, or was, one of its parts: rows of
    /// one may be in another now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divided: Option<TableName>,
    /// Whether it is a part that the migration made: it has no rows of before, and is watched for the others. Both its names are the
    /// one after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_made: bool,
}

impl TablePlan {
    /// Whether any of its rows can change in the window: it is still there.
    pub fn is_watched(&self) -> bool {
        self.after.is_some()
    }
}

/// A column of the key under both its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyColumn {
    /// The name before.
    pub before: String,
    /// The name after.
    pub after: String,
}

/// One column that a table had before the migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPlan {
    /// The name before.
    pub before: String,
    /// The name after; none if the column is gone.
    pub after: Option<String>,
    /// The type before, as the engine writes it.
    pub type_before: String,
    /// The type after, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_after: Option<String>,
    /// Whether it is renamed out of sight instead of dropped: its values stay where they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

impl ColumnPlan {
    /// Whether its values are destroyed or rewritten by the change of the schema, and have to be kept elsewhere.
    pub fn is_lost(&self) -> bool {
        !self.hidden && (self.after.is_none() || self.type_after.is_some())
    }
}

/// How a table's rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The migration changes no row and no column's values: only the window is watched.
    Nothing,
    /// The rows that the script changes, by triggers while it runs: for few rows of a table whose columns stay.
    Changed,
    /// The key and the columns that are lost, of every row, copied under the lock.
    Columns,
    /// Every row whole, copied under the lock.
    Whole,
    /// The table itself, set aside instead of dropped.
    Tombstone,
}

/// Rows written in the window that the old schema cannot hold, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The table by its name after the migration.
    pub table: TableName,
    /// What they break, in words: ``unique constraint `users_email_key` ``, ``column `name` must not be null``.
    pub breaks: String,
    /// How many rows.
    pub rows: u64,
    /// A few of them: the key (or all columns), as text.
    pub samples: Vec<Vec<(String, Option<String>)>>,
}
