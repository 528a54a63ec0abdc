//! How the net's own objects are named, and what is written into SQL.

use tightrope_model::{TableName, TablePlan};

use crate::quote::quote_identifier;

/// What the names of everything that a migration's net holds begin with.
pub(super) fn prefix(number: i64) -> String {
    format!("tightrope_net_{number}_")
}

/// An own table of one table of the plan: `tightrope_net_3_1_rows`.
pub(super) fn own(number: i64, plan: &TablePlan, what: &str) -> TableName {
    TableName::new("", format!("{}{}_{what}", prefix(number), plan.number))
}

/// A table as it stands in SQL.
pub(super) fn sql(table: &TableName) -> String {
    format!("main.{}", quote_identifier(&table.name))
}

/// A column of an alias.
pub(super) fn of(alias: &str, column: &str) -> String {
    format!("{alias}.{}", quote_identifier(column))
}

/// Text as a literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The items with commas between.
pub(super) fn list(items: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    joined(items, ", ")
}

/// The conditions with AND between; true if there are none.
pub(super) fn all(conditions: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let all = joined(conditions, " and ");
    if all.is_empty() {
        "true".to_owned()
    } else {
        all
    }
}

/// The conditions with OR between, in brackets; false if there are none.
pub(super) fn any(conditions: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let any = joined(conditions, " or ");
    if any.is_empty() {
        "false".to_owned()
    } else {
        format!("({any})")
    }
}

fn joined(items: impl IntoIterator<Item = impl AsRef<str>>, between: &str) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(between);
        }
        text.push_str(item.as_ref());
    }
    text
}

/// Whether two values are not the same to the letter: storage class, bytes, case and blanks at the end.
pub(super) fn differ(left: &str, right: &str) -> String {
    format!("({left} collate binary is not {right} or typeof({left}) <> typeof({right}))")
}
