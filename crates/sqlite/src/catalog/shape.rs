use tightrope_model::{TableName, TableShape};

use super::relation::{Column, Index, Relation};
use super::table::Facts;

/// What is needed to read a table's rows: its columns by name, generated ones included, and what tells the rows apart.
pub(super) fn of_table(relation: &Relation, facts: &Facts) -> TableShape {
    let columns = facts.columns(&relation.name);
    let mut names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    names.sort();
    TableShape {
        table: TableName::new("", relation.name.as_str()),
        columns: names,
        key: key(columns, facts.indexes(&relation.name)),
    }
}

/// The primary key, or else a unique index, of columns that are never NULL; empty if there is none.
///
/// A primary key alone is not enough: in a table with rowids its columns may be NULL, and then more than once.
fn key(columns: &[Column], indexes: &[Index]) -> Vec<String> {
    let mut key: Vec<&Column> = columns.iter().filter(|c| c.key_place > 0).collect();
    key.sort_by_key(|column| column.key_place);
    let names = |columns: &[&Column]| columns.iter().map(|c| c.name.clone()).collect();
    if !key.is_empty() && (key.iter().all(|column| column.not_null) || is_rowid(&key, indexes)) {
        return names(&key);
    }
    let mut unique: Vec<Vec<&Column>> = indexes
        .iter()
        .filter(|index| index.unique && !index.partial)
        .filter_map(|index| {
            let parts = index.columns.iter().map(|part| {
                let name = part.name.as_deref()?;
                columns
                    .iter()
                    .find(|column| column.name == name && column.not_null)
            });
            parts.collect()
        })
        .collect();
    unique.sort_by_key(|columns| {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        (names.len(), names.join("\0"))
    });
    unique
        .first()
        .map(|columns| names(columns))
        .unwrap_or_default()
}

/// Whether the key is another name of the rowid: one column of type INTEGER, for which no index had to be made.
fn is_rowid(key: &[&Column], indexes: &[Index]) -> bool {
    matches!(key, [column] if column.declared_type.eq_ignore_ascii_case("integer"))
        && indexes.iter().all(|index| index.origin != "pk")
}
