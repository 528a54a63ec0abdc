use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::names;
use super::super::quote::{qualified, quote};
use super::place::last;
use super::secret::options_lost;
use crate::{Change, Loss};

/// `add column`, `drop column`, and the same for the attributes of a composite type. What changes a column that stays is in
/// `shape.rs`, for it depends on the others.
pub(in super::super) struct Column;

impl KindDdl for Column {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Column]
    }

    fn create(&self, object: &Object, catalog: &Catalog) -> Vec<String> {
        let (alter, part) = alter(object, catalog);
        let definition = if part == "attribute" {
            super::types::attribute(object)
        } else {
            definition(object, object.attribute("identity").is_some(), catalog)
        };
        vec![format!("{alter} add {part} {definition}{}", reaching(part))]
    }

    fn drop(&self, object: &Object, catalog: &Catalog) -> String {
        let (alter, part) = alter(object, catalog);
        format!(
            "{alter} drop {part} {}{}",
            quote(last(object)),
            reaching(part)
        )
    }

    fn alter(&self, _before: &Object, _now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        Some(Vec::new())
    }

    fn loss(&self, before: Option<&Object>, now: Option<&Object>) -> Option<Loss> {
        options_lost(before, now)
    }
}

/// A change of a composite type reaches the tables that are made of it.
fn reaching(part: &str) -> &'static str {
    if part == "attribute" { " cascade" } else { "" }
}

/// How the owner of a column is changed: `alter table public.t`, and what its parts are called there.
fn alter(column: &Object, catalog: &Catalog) -> (String, &'static str) {
    let owner = names::owner(column, catalog);
    let (what, part) = match owner.map(|owner| owner.kind) {
        Some(ObjectKind::Type) => ("type", "attribute"),
        Some(ObjectKind::ForeignTable) => ("foreign table", "column"),
        _ => ("table", "column"),
    };
    let path = &column.id.path;
    let name = qualified(&path[..path.len().saturating_sub(1)]);
    (format!("alter {what} {name}"), part)
}

/// A column as it stands in `create table` and behind `add column`; its storage, statistics target and options are set
/// afterwards.
pub(in super::super) fn definition(column: &Object, not_null: bool, catalog: &Catalog) -> String {
    let value = |name: &str| column.attribute(name);
    let mut sql = format!(
        "{} {}",
        quote(last(column)),
        value("type").unwrap_or_default()
    );
    if let Some(collation) = value("collation") {
        sql += &format!(" collate {collation}");
    }
    if let Some(expression) = value("expression") {
        let kept = value("generated").unwrap_or("stored");
        sql += &format!(" generated always as ({expression}) {kept}");
    }
    if let Some(default) = value("default") {
        sql += &format!(" default {default}");
    }
    if let Some(identity) = value("identity") {
        sql += &format!(" generated {identity} as identity");
        sql += &identity_options(column, catalog);
    }
    if not_null && let Some(clause) = not_null_clause(column) {
        sql += " ";
        sql += &clause;
    }
    sql
}

/// The `not null` of a column, by the name that it has where such constraints have names.
pub(in super::super) fn not_null_clause(column: &Object) -> Option<String> {
    let kind = column.attribute("not_null")?;
    let table = column.id.path.iter().rev().nth(1)?;
    let usual = format!("{table}_{}_not_null", last(column));
    let named = column
        .attribute("not_null_name")
        .filter(|name| *name != usual)
        .map(|name| format!("constraint {} ", quote(name)));
    let inherit = if kind == "no inherit" {
        " no inherit"
    } else {
        ""
    };
    Some(format!("{}not null{inherit}", named.unwrap_or_default()))
}

/// The options of an identity's sequence in parentheses.
pub(in super::super) fn identity_options(column: &Object, catalog: &Catalog) -> String {
    catalog
        .identity_sequence(column)
        .map(|sequence| {
            let options = super::sequence::options(sequence, None).join(" ");
            format!(
                " (sequence name {} {options})",
                qualified(&sequence.id.path)
            )
        })
        .unwrap_or_default()
}
