//! Forward images: values that only the new schema has a place for.

use rusqlite::Connection;
use tightrope_engine::{EngineError, ForwardColumn};
use tightrope_model::TableName;

use super::names;
use crate::error::from_sqlite;
use crate::quote::quote_identifier as quote;

/// The own table of that name.
pub(super) fn own_table(own: &str) -> TableName {
    TableName::new("", format!("tightrope_{own}"))
}

/// Keeps the rows in which one of the telling columns (or anything, if none are told) holds a value.
pub(super) fn keep(
    connection: &Connection,
    own: &str,
    table: &TableName,
    columns: &[ForwardColumn],
    telling: &[String],
) -> Result<u64, EngineError> {
    let own = names::sql(&own_table(own));
    let columns: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
    let columns = columns.join(", ");
    let tells: Vec<String> = telling
        .iter()
        .map(|column| format!("{} is not null", quote(column)))
        .collect();
    let filter = match tells.is_empty() {
        true => "1".to_owned(),
        false => tells.join(" or "),
    };
    // Columns without a type keep every value as it is.
    let kept = connection
        .execute_batch(&format!("create table {own} ({columns})"))
        .and_then(|()| {
            let insert = format!(
                "insert into {own} select {columns} from {} where {filter}",
                names::sql(table)
            );
            connection.execute(&insert, [])
        })
        .map_err(from_sqlite)?;
    if kept == 0 {
        connection
            .execute_batch(&format!("drop table {own}"))
            .map_err(from_sqlite)?;
    }
    Ok(u64::try_from(kept).unwrap_or_default())
}

/// Puts the values back.
pub(super) fn bring(
    connection: &Connection,
    own: &str,
    table: &TableName,
    columns: &[ForwardColumn],
    key: &[String],
) -> Result<u64, EngineError> {
    let (own, here) = (names::sql(&own_table(own)), names::sql(table));
    let sql = if key.is_empty() {
        let columns: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
        let columns = columns.join(", ");
        format!(
            "insert into {here} ({columns}) select {columns} from {own} where not exists (select 1 from {here})"
        )
    } else {
        let added = columns.iter().filter(|column| !key.contains(&column.name));
        let sets: Vec<String> = added
            .map(|column| format!("{0} = f.{0}", quote(&column.name)))
            .collect();
        let same: Vec<String> = key
            .iter()
            .map(|column| format!("{}.{1} = f.{1}", quote(&table.name), quote(column)))
            .collect();
        format!(
            "update {here} set {} from {own} f where {}",
            sets.join(", "),
            same.join(" and ")
        )
    };
    let rows = connection.execute(&sql, []).map_err(from_sqlite)?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Drops an image.
pub(super) fn free(connection: &Connection, own: &str) -> Result<(), EngineError> {
    connection
        .execute_batch(&format!(
            "drop table if exists {}",
            names::sql(&own_table(own))
        ))
        .map_err(from_sqlite)
}
