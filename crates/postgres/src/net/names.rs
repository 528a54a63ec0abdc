//! How the net's own objects are named.

use tightrope_model::{TableName, TablePlan};

use crate::quote::{quote, quote_qualified};

/// The schema that all of it is in.
pub(super) const SCHEMA: &str = "tightrope";

/// What the names of everything that a migration's net holds begin with.
pub(super) fn prefix(number: i64) -> String {
    format!("net_{number}_")
}

/// An own table, trigger function or trigger of one table: `net_3_1_rows`.
pub(super) fn own(number: i64, plan: &TablePlan, what: &str) -> TableName {
    TableName::new(SCHEMA, format!("{}{}_{what}", prefix(number), plan.number))
}

/// An own function that serves all tables of a migration.
pub(super) fn of_all(number: i64, what: &str) -> TableName {
    TableName::new(SCHEMA, format!("{}{what}", prefix(number)))
}

/// The table in which rows are while they move, as it stands in SQL.
pub(super) fn moving() -> String {
    sql(&TableName::new(SCHEMA, "net_moving"))
}

/// A table as it stands in SQL.
pub(super) fn sql(table: &TableName) -> String {
    quote_qualified(&table.schema, &table.name)
}

/// The name of the trigger that calls one of the net's functions.
pub(super) fn trigger(function: &TableName) -> String {
    quote(&format!("tightrope_{}", function.name))
}
