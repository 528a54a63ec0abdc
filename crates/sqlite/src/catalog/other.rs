//! Views, triggers, virtual tables, and the numbers in the file's header.

use rusqlite::Connection;
use tightrope_model::AttributeLevel::Logical;
use tightrope_model::{Object, ObjectId, ObjectKind};

use super::relation::{Relation, rows};
use super::{normal_text, with_text};
use crate::definition::{Names, tokens};

/// A trigger, as the schema keeps it.
pub(super) struct Trigger {
    pub(super) name: String,
    table: String,
    pub(super) sql: String,
}

pub(super) fn triggers(connection: &Connection) -> rusqlite::Result<Vec<Trigger>> {
    rows(connection, include_str!("sql/triggers.sql"), |row| {
        Ok(Trigger {
            name: row.get(0)?,
            table: row.get(1)?,
            sql: row.get(2)?,
        })
    })
}

pub(super) fn trigger(trigger: &Trigger, names: &Names) -> Object {
    let id = ObjectId::new(ObjectKind::Trigger, [&trigger.table, &trigger.name]);
    with_text(Object::new(id), &trigger.sql).with(
        "definition",
        Logical,
        normal_text(&trigger.sql, names),
    )
}

pub(super) fn view(relation: &Relation, names: &Names) -> Object {
    let id = ObjectId::new(ObjectKind::View, [&relation.name]);
    with_text(Object::new(id), &relation.sql).with(
        "definition",
        Logical,
        normal_text(&relation.sql, names),
    )
}

/// A virtual table: its arguments are the module's own language, of which only white space is taken to mean nothing.
pub(super) fn virtual_table(relation: &Relation) -> Object {
    let id = ObjectId::new(ObjectKind::VirtualTable, [&relation.name]);
    let mut using = tokens(&relation.sql)
        .into_iter()
        .skip_while(|token| !token.is("using"));
    using.next();
    let module = using
        .next()
        .map(|token| token.text.to_ascii_lowercase())
        .unwrap_or_default();
    let arguments: Vec<&str> = using.map(|token| token.text).collect();
    with_text(Object::new(id), &relation.sql)
        .with("module", Logical, module)
        .with("arguments", Logical, arguments.join(" "))
}

/// A table in which a virtual table keeps its data: that it is there is all that counts.
pub(super) fn shadow(relation: &Relation) -> Object {
    let id = ObjectId::new(ObjectKind::Table, [&relation.name]);
    Object::new(id).with("belongs_to", Logical, "a virtual table")
}

pub(super) fn settings(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    rows(connection, include_str!("sql/settings.sql"), |row| {
        let name: String = row.get(0)?;
        let value: i64 = row.get(1)?;
        let id = ObjectId::new(ObjectKind::Setting, [name]);
        Ok(Object::new(id).with("value", Logical, value.to_string()))
    })
}
