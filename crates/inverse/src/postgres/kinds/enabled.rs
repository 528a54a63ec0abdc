//! Whether triggers, rules and event triggers are switched on.

use tightrope_model::Object;

use super::super::quote::quote;
use super::place::{last, relation, same};

/// The words that bring something into the state that it has: `enable always`.
pub(super) fn words(object: &Object) -> &'static str {
    match object.attribute("enabled") {
        Some("disabled") => "disable",
        Some("replica") => "enable replica",
        Some("always") => "enable always",
        _ => "enable",
    }
}

/// The statement that does so for a trigger or a rule.
pub(super) fn on_table(object: &Object) -> String {
    format!(
        "alter table {} {} {} {}",
        relation(object),
        words(object),
        object.id.kind,
        quote(last(object))
    )
}

/// As [`on_table`], where the state is not the one that everything begins with.
pub(super) fn after_create(object: &Object) -> Option<String> {
    object.attribute("enabled").map(|_| on_table(object))
}

/// As [`on_table`], where the state is not what it was.
pub(super) fn changed(before: &Object, now: &Object) -> Option<String> {
    (!same(before, now, "enabled")).then(|| on_table(before))
}
