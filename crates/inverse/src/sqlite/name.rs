//! Names and text in statements.

/// An identifier in quotes.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Text as a literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Where a table is while its successor is made; the prefix keeps it out of every catalog.
pub(super) fn away(table: &str) -> String {
    format!("tightrope_was_{table}")
}

/// The name by which a table's rowid can be had; none if columns have taken all of them.
pub(super) fn rowid(columns: &[&str]) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"].into_iter().find(|name| {
        !columns
            .iter()
            .any(|column| column.eq_ignore_ascii_case(name))
    })
}
