//! How an object is named in statements, and whether two are alike.

use tightrope_model::{AttributeLevel, Catalog, Object};

use super::super::quote::{qualified, quote};

/// What is told once for all kinds, and so is no difference that a kind has to care for.
const TOLD_FOR_ALL_KINDS: [&str; 4] = ["owner", "privileges", "comment", "security_labels"];

/// The quoted name of an object that is in no schema.
pub(super) fn single(object: &Object) -> String {
    object
        .id
        .path
        .first()
        .map(|name| quote(name))
        .unwrap_or_default()
}

/// The quoted schema of an object whose name is more than its path tells.
pub(super) fn schema(object: &Object) -> String {
    single(object)
}

/// An object that has its quoted name as a fact: `shop.twice`.
pub(super) fn named(object: &Object) -> String {
    format!(
        "{}.{}",
        schema(object),
        object.attribute("name").unwrap_or_default()
    )
}

/// What belongs to a relation, and the relation: `touched on shop.orders`.
pub(super) fn on_relation(object: &Object) -> String {
    format!("{} on {}", quote(last(object)), relation(object))
}

/// The relation to which a trigger, a rule or a policy belongs.
pub(super) fn relation(object: &Object) -> String {
    let path = &object.id.path;
    qualified(&path[..path.len().saturating_sub(1)])
}

/// The last name of an object's path, unquoted.
pub(super) fn last(object: &Object) -> &str {
    object
        .id
        .path
        .last()
        .map(String::as_str)
        .unwrap_or_default()
}

/// Whether two objects are alike but for what is told for all kinds, and for these attributes.
pub(super) fn alike(before: &Object, now: &Object, except: &[&str]) -> bool {
    let differs = |one: &Object, other: &Object| {
        one.attributes.iter().any(|(name, attribute)| {
            attribute.level != AttributeLevel::Fact
                && !TOLD_FOR_ALL_KINDS.contains(&name.as_str())
                && !except.contains(&name.as_str())
                && other.attribute(name) != Some(&attribute.value)
        })
    };
    !differs(before, now) && !differs(now, before)
}

/// Whether an attribute is the same in both.
pub(super) fn same(before: &Object, now: &Object, attribute: &str) -> bool {
    before.attribute(attribute) == now.attribute(attribute)
}

/// What an attribute says, or nothing.
pub(super) fn text<'a>(object: &'a Object, attribute: &str) -> &'a str {
    object.attribute(attribute).unwrap_or_default()
}

/// What needs an object and is needed by it: a base type and the functions that read and write it.
pub(super) fn circle<'a>(
    object: &'a Object,
    catalog: &'a Catalog,
) -> impl Iterator<Item = &'a Object> {
    let needed = object.depends_on.iter().filter_map(|id| catalog.object(id));
    needed.filter(|needed| needed.depends_on.contains(&object.id))
}
