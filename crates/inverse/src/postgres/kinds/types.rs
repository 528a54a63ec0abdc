use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{qualified, quote};
use super::super::survey::columns;
use super::place::{alike, circle, last, named, text};
use super::text::routine;
use crate::Change;

/// `create type`: composite, range, base and shell types. The attributes of a composite one are columns.
pub(in super::super) struct Type;

impl KindDdl for Type {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Type]
    }

    fn create(&self, object: &Object, catalog: &Catalog) -> Vec<String> {
        let name = qualified(&object.id.path);
        let shell = format!("create type {name}");
        match text(object, "form") {
            "composite" => {
                let attributes = columns(catalog, &object.id);
                let attributes: Vec<String> = attributes.into_iter().map(attribute).collect();
                vec![format!("create type {name} as ({})", attributes.join(", "))]
            }
            "range" => vec![format!(
                "create type {name} as range ({})",
                range(object).join(", ")
            )],
            "base" => {
                // Its functions take and return it, so they stand between; they are made again when it is their turn.
                let functions =
                    circle(object, catalog).map(|function| text(function, "definition"));
                let functions = functions.map(|definition| definition.trim_end().to_owned());
                let whole = format!("create type {name} ({})", text(object, "definition"));
                std::iter::once(shell)
                    .chain(functions)
                    .chain([whole])
                    .collect()
            }
            _ => vec![shell],
        }
    }

    fn drop(&self, object: &Object, catalog: &Catalog) -> String {
        let name = qualified(&object.id.path);
        if circle(object, catalog).next().is_some() {
            format!("drop type if exists {name} cascade")
        } else {
            format!("drop type {name}")
        }
    }

    fn give_way(&self, _before: &Object, now: &Object, catalog: &Catalog) -> Vec<String> {
        range_out_of_the_way(now, catalog)
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &[]).then(Vec::new)
    }
}

/// An attribute of a composite type: `a integer`.
pub(in super::super) fn attribute(column: &Object) -> String {
    let collation = column
        .attribute("collation")
        .map(|name| format!(" collate {name}"));
    format!(
        "{} {}{}",
        quote(last(column)),
        text(column, "type"),
        collation.unwrap_or_default()
    )
}

/// Gives an attribute its type back, also in the tables that are made of the composite type.
pub(in super::super) fn attribute_altered(column: &Object) -> String {
    let path = &column.id.path;
    let owner = qualified(&path[..path.len().saturating_sub(1)]);
    let name = quote(last(column));
    let definition = attribute(column);
    let kind = definition.strip_prefix(&name).unwrap_or_default();
    format!("alter type {owner} alter attribute {name} type{kind} cascade")
}

fn range(object: &Object) -> Vec<String> {
    let mut parts = vec![format!("subtype = {}", text(object, "subtype"))];
    for (attribute, option) in [
        ("operator_class", "subtype_opclass"),
        ("collation", "collation"),
    ] {
        parts.extend(
            object
                .attribute(attribute)
                .map(|name| format!("{option} = {name}")),
        );
    }
    for (attribute, option) in [
        ("canonical", "canonical"),
        ("subtype_difference", "subtype_diff"),
    ] {
        parts.extend(
            object
                .attribute(attribute)
                .map(|name| format!("{option} = {}", routine(name))),
        );
    }
    let multirange = object.attribute("multirange_name");
    parts.extend(multirange.map(|name| format!("multirange_type_name = {name}")));
    parts
}

/// A range type brings functions, and from version 14 on a multirange type. They keep their names when it is renamed, and
/// would stand in the way of those of another one.
fn range_out_of_the_way(now: &Object, catalog: &Catalog) -> Vec<String> {
    let Some(number) = now.native.map(|native| native.number) else {
        return Vec::new();
    };
    let of_this_type = |object: &&Object| {
        object.id.kind == ObjectKind::Function
            && object.attribute("comes_with_type").is_some()
            && object.depends_on.iter().any(|id| {
                catalog
                    .object(id)
                    .is_some_and(|needed| needed.native == now.native)
            })
    };
    let functions = catalog.objects().filter(of_this_type).map(|function| {
        let name = format!("{}({})", named(function), text(function, "signature"));
        format!("alter function {name} rename to tightrope_{number}")
    });
    let multirange = now.attribute("multirange_name");
    let multirange =
        multirange.map(|name| format!("alter type {name} rename to tightrope_{number}"));
    functions.chain(multirange).collect()
}
