use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{literal, quote};
use super::place::{alike, same, single, text};
use crate::Change;

/// `create publication`, with its tables, their columns and filters, its schemas and options.
pub(in super::super) struct Publication;

/// What is in a publication.
const MEMBERS: [&str; 2] = ["tables", "schemas"];
/// How it publishes.
const OPTIONS: [&str; 3] = ["operations", "via_root", "generated_columns"];

impl KindDdl for Publication {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Publication]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let members = match (object.attribute("all_tables"), members(object)) {
            (Some(_), _) => " for all tables".to_owned(),
            (None, Some(members)) => format!(" for {members}"),
            (None, None) => String::new(),
        };
        let options: Vec<String> = OPTIONS
            .iter()
            .filter_map(|name| option(object, name, false))
            .collect();
        vec![format!(
            "create publication {}{members} with ({})",
            single(object),
            options.join(", ")
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop publication {}", single(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        let others: Vec<&str> = MEMBERS.iter().chain(&OPTIONS).copied().collect();
        if !alike(before, now, &others) {
            return None;
        }
        let name = single(before);
        let mut statements = Vec::new();
        if !alike(before, now, &OPTIONS) {
            statements.push(format!("alter publication {name} set {}", members(before)?));
        }
        let changed = OPTIONS.iter().filter(|option| !same(before, now, option));
        let options: Vec<String> = changed
            .filter_map(|name| option(before, name, true))
            .collect();
        if !options.is_empty() {
            statements.push(format!(
                "alter publication {name} set ({})",
                options.join(", ")
            ));
        }
        Some(statements)
    }
}

/// The tables and schemas as a list; none if there are none.
fn members(object: &Object) -> Option<String> {
    let tables: Vec<&str> = text(object, "table_list").lines().collect();
    let schemas = object
        .attribute("schemas")
        .map(|schemas| schemas.split(", ").map(quote).collect::<Vec<_>>());
    let tables = (!tables.is_empty()).then(|| format!("table {}", tables.join(", ")));
    let schemas = schemas.map(|schemas| format!("tables in schema {}", schemas.join(", ")));
    let both: Vec<String> = tables.into_iter().chain(schemas).collect();
    (!both.is_empty()).then(|| both.join(", "))
}

/// One option as `with` takes it; those at their default only if they have to be said.
fn option(object: &Object, name: &str, always: bool) -> Option<String> {
    let value = object.attribute(name);
    match name {
        "operations" => Some(format!("publish = {}", literal(value.unwrap_or_default()))),
        "via_root" => (always || value.is_some())
            .then(|| format!("publish_via_partition_root = {}", value.is_some())),
        _ => (always || value.is_some()).then(|| {
            format!(
                "publish_generated_columns = {}",
                value.map_or("none", |_| "stored")
            )
        }),
    }
}
