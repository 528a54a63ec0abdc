use std::fmt;

use serde::{Deserialize, Serialize};

/// A table's name: its schema (empty where the engine has none) and its own name, unquoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The schema; empty on engines without schemas.
    pub schema: String,
    /// The table.
    pub name: String,
}

impl TableName {
    /// A table's name from its parts.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.schema.is_empty() || self.schema == "public" {
            f.write_str(&self.name)
        } else {
            write!(f, "{}.{}", self.schema, self.name)
        }
    }
}

/// What has to be known of a table to read its rows: taken from the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableShape {
    /// The table.
    pub table: TableName,
    /// The columns that are read, unquoted, in the order of their names, so that the physical order plays no part.
    pub columns: Vec<String>,
    /// The columns that identify a row (primary key, or a unique constraint over NOT NULL columns); empty if none do.
    pub key: Vec<String>,
}

/// The order-independent checksum of a table's rows: the count and two sums of 64-bit row hashes with different seeds.
///
/// Sums, not XOR: XOR cannot tell {1, 2, 2} from {1, 3, 3}. Two checksums compare only if they were taken over the same
/// columns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableChecksum {
    /// How many rows the table has.
    pub rows: u64,
    /// The sum of the rows' hashes under the first seed, as a decimal number.
    pub first: String,
    /// The sum of the rows' hashes under the second seed, as a decimal number.
    pub second: String,
}

/// How one table's rows differ from what they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataDifference {
    /// The table.
    pub table: TableName,
    /// Rows in the table before.
    pub rows_before: u64,
    /// Rows that were there and are gone.
    pub missing: u64,
    /// Rows that were not there.
    pub extra: u64,
    /// Rows with the same key and other values.
    pub changed: u64,
    /// Columns in which changed rows differ.
    pub columns: Vec<String>,
    /// A few of the rows, for a person to see.
    pub samples: Vec<RowSample>,
}

/// One row that differs, as it was and as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowSample {
    /// The key's columns and values, as text.
    pub key: Vec<(String, Option<String>)>,
    /// The differing columns and their values before; empty if the row was not there.
    pub before: Vec<(String, Option<String>)>,
    /// The same columns after; empty if the row is gone.
    pub after: Vec<(String, Option<String>)>,
}
