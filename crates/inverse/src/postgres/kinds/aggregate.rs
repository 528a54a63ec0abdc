use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::literal;
use super::place::{alike, named, text};
use super::text::{operator, routine};
use crate::Change;

/// `create aggregate`, put together from its parts.
pub(in super::super) struct Aggregate;

/// Attributes that name a function, and the option that takes it.
const FUNCTIONS: [(&str, &str); 8] = [
    ("transition", "sfunc"),
    ("final", "finalfunc"),
    ("combine", "combinefunc"),
    ("serial", "serialfunc"),
    ("deserial", "deserialfunc"),
    ("moving_transition", "msfunc"),
    ("moving_inverse", "minvfunc"),
    ("moving_final", "mfinalfunc"),
];

/// Attributes that are written as they are.
const PLAIN: [(&str, &str); 5] = [
    ("state_type", "stype"),
    ("state_space", "sspace"),
    ("moving_state_type", "mstype"),
    ("moving_state_space", "msspace"),
    ("parallel", "parallel"),
];

impl KindDdl for Aggregate {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Aggregate]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let mut parts = Vec::new();
        let mut add = |attribute: &str, option: &str, write: &dyn Fn(&str) -> String| {
            let value = object.attribute(attribute).map(write);
            parts.extend(value.map(|value| format!("{option} = {value}")));
        };
        for (attribute, option) in FUNCTIONS {
            add(attribute, option, &|name| routine(name).to_owned());
        }
        for (attribute, option) in PLAIN {
            add(attribute, option, &str::to_owned);
        }
        add("initial", "initcond", &literal);
        add("moving_initial", "minitcond", &literal);
        add("sort_operator", "sortop", &operator);
        parts.extend(final_flags(object));
        if object.attribute("kind") == Some("hypothetical set") {
            parts.push("hypothetical".to_owned());
        }
        let arguments = any(text(object, "arguments"));
        vec![format!(
            "create aggregate {}({arguments}) ({})",
            named(object),
            parts.join(", ")
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        if object.attribute("signature").is_none() {
            return format!("drop routine {}", named(object));
        }
        format!(
            "drop aggregate {}({})",
            named(object),
            any(text(object, "signature"))
        )
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &[]).then(Vec::new)
    }
}

/// An aggregate without arguments says so with a star.
fn any(arguments: &str) -> &str {
    if arguments.is_empty() { "*" } else { arguments }
}

/// Whether the final functions take more arguments, and what they do to the state: `falserfalser`.
fn final_flags(object: &Object) -> Vec<String> {
    let mut rest = text(object, "final_flags");
    let usual = if object.attribute("kind").is_some() {
        'w'
    } else {
        'r'
    };
    let mut parts = Vec::new();
    for option in ["finalfunc", "mfinalfunc"] {
        let extra = rest.starts_with("true");
        rest = rest.trim_start_matches(if extra { "true" } else { "false" });
        if extra {
            parts.push(format!("{option}_extra"));
        }
        let mut letters = rest.chars();
        let how = letters.next().unwrap_or(usual);
        rest = letters.as_str();
        let word = match how {
            'r' => "read_only",
            's' => "shareable",
            _ => "read_write",
        };
        if how != usual {
            parts.push(format!("{option}_modify = {word}"));
        }
    }
    parts
}
