//! Reading the schema of a database file.
//!
//! The pragmas tell the columns and the indexes; everything else that a table means stands only in the text that made it,
//! which is read by [`crate::definition`]. The text itself is kept to the letter, where it counts only strictly: the library
//! rewrites it when something is renamed or added, and a table that means the same is the same.

mod other;
mod relation;
mod shape;
mod table;
mod virtual_table;

use rusqlite::Connection;
use tightrope_model::{AttributeLevel, Catalog, Object};

use crate::definition::Names;
use crate::transaction::ReadTransaction;
use relation::Kind;

pub(crate) use virtual_table::{count_for_virtual, full_text_of_others};

/// Whether a table is the library's own or tightrope's own: neither is part of a schema.
pub(crate) fn is_own_or_internal(name: &str) -> bool {
    let begins = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    begins("sqlite_") || begins("tightrope_")
}

/// Reads the whole catalog, as of one instant.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Catalog> {
    let _transaction = ReadTransaction::begin(connection)?;
    let relations = relation::relations(connection)?;
    let columns = relation::columns(connection)?;
    let indexes = relation::indexes(connection)?;
    let triggers = other::triggers(connection)?;
    let names: Names = relations
        .iter()
        .map(|relation| relation.name.as_str())
        .chain(columns.iter().map(|column| column.name.as_str()))
        .chain(indexes.iter().map(|index| index.name.as_str()))
        .chain(triggers.iter().map(|trigger| trigger.name.as_str()))
        .chain(["main", "new", "old", "excluded", "rowid"])
        .collect();
    let mut objects = Vec::new();
    let mut shapes = Vec::new();
    let facts = table::Facts {
        columns: relation::by_table(columns, |column| &column.table),
        indexes: relation::by_table(indexes, |index| &index.table),
        parents: relation::parents(connection)?,
        keys_enforced: connection.pragma_query_value(None, "foreign_keys", |row| row.get(0))?,
        names,
        triggers,
    };
    for relation in &relations {
        match relation.kind {
            Kind::Table => {
                objects.extend(table::objects(relation, &facts));
                shapes.push(shape::of_table(relation, &facts));
            }
            Kind::View => objects.push(other::view(relation, &facts.names)),
            Kind::Virtual => {
                objects.push(other::virtual_table(relation));
                shapes.extend(virtual_table::shape(connection, relation)?);
            }
            Kind::Shadow => objects.push(other::shadow(relation)),
        }
    }
    let is_shadow = |table: &str| {
        relations
            .iter()
            .any(|relation| relation.kind == Kind::Shadow && relation.name == table)
    };
    for (table, indexes) in &facts.indexes {
        if !is_shadow(table) {
            objects.extend(table::indexes(table, indexes, &facts.names));
        }
    }
    objects.extend(
        facts
            .triggers
            .iter()
            .map(|trigger| other::trigger(trigger, &facts.names)),
    );
    objects.extend(other::settings(connection)?);
    Ok(Catalog::new(objects, shapes))
}

/// The object with the text that made it, to the letter.
fn with_text(object: Object, sql: &str) -> Object {
    object.with("text", AttributeLevel::Letter, sql)
}

/// The relation's text without what the letter alone says.
fn normal_text(sql: &str, names: &Names) -> String {
    crate::definition::normal(&crate::definition::tokens(sql), names)
}
