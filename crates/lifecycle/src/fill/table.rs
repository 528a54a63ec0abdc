//! What has to be known of a table to make rows for it.

use std::collections::BTreeSet;

use tightrope_model::TableName;

use super::condition::Condition;
use super::kind::Type;

/// A table to fill.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: TableName,
    /// Its name as SQL.
    pub(super) sql: String,
    pub(super) columns: Vec<Column>,
    pub(super) checks: Vec<Check>,
    pub(super) foreigns: Vec<Foreign>,
    /// Columns whose values must all differ.
    pub(super) serial: BTreeSet<usize>,
    /// The columns of each key.
    pub(super) uniques: Vec<Vec<usize>>,
    /// Triggers that are on, and how they are switched on.
    pub(super) triggers: Vec<(String, &'static str)>,
    /// Columns that tell the rows apart.
    pub(super) key: Vec<String>,
    /// Tables whose rows are needed before, its own parents in an inheritance among them.
    pub(super) needs: BTreeSet<TableName>,
}

/// A column of a table to fill.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) kind: Type,
    /// The type to which a literal is cast to judge it.
    pub(super) cast: String,
    pub(super) not_null: bool,
    pub(super) has_default: bool,
    /// The expression that gives its value, if it has none of its own.
    pub(super) generated: Option<String>,
    pub(super) is_always_identity: bool,
}

/// A condition on one row.
#[derive(Debug)]
pub(super) struct Check {
    /// As SQL over the table's columns.
    pub(super) sql: String,
    pub(super) condition: Condition,
    pub(super) columns: Vec<usize>,
}

/// A reference to rows of a table.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) columns: Vec<usize>,
    pub(super) parent: TableName,
    pub(super) parent_columns: Vec<String>,
    /// Whether there may be none: one of the columns may be NULL, or all of them where they must be so together.
    pub(super) is_nullable: bool,
    /// Either all of the columns are NULL or none is.
    pub(super) is_full: bool,
    /// It is to the table itself.
    pub(super) is_own: bool,
    /// Only the column's name says so: `user_id`, beside a table `users`. A later migration may make a key of it.
    pub(super) is_guess: bool,
}
