use std::collections::BTreeMap;

use tightrope_model::sql_text::members;
use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, last, named, same, text};
use crate::Change;

/// The four kinds of text search object: the first word of their name in the catalog says which.
pub(in super::super) struct TextSearch;

impl KindDdl for TextSearch {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::TextSearch]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let definition = match form(object) {
            "configuration" => format!("parser = {}", text(object, "parser")),
            "dictionary" => {
                let mut parts = vec![format!("template = {}", text(object, "template"))];
                parts.extend(object.attribute("options").map(str::to_owned));
                parts.join(", ")
            }
            _ => text(object, "definition").to_owned(),
        };
        let mut statements = vec![format!("create {} ({definition})", reference(object))];
        let mappings = text(object, "mappings_by_token").lines();
        statements.extend(mappings.map(|mapping| mapped(object, "add", mapping)));
        statements
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop {}", reference(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        if !alike(before, now, &["mappings", "options"]) {
            return None;
        }
        let mut statements = mappings_altered(before, now);
        if !same(before, now, "options") {
            statements.push(format!(
                "alter {} ({})",
                reference(before),
                options_altered(before, now)
            ));
        }
        Some(statements)
    }
}

/// `configuration`, `dictionary`, `parser` or `template`.
fn form(object: &Object) -> &str {
    last(object).split(' ').next().unwrap_or_default()
}

fn reference(object: &Object) -> String {
    format!("text search {} {}", form(object), named(object))
}

fn mapped(object: &Object, how: &str, mapping: &str) -> String {
    format!("alter {} {how} mapping {mapping}", reference(object))
}

/// The mappings by what they are for: `for word`.
fn mappings(object: &Object) -> BTreeMap<&str, &str> {
    let lines = text(object, "mappings_by_token").lines();
    lines.filter_map(|line| line.split_once(" with ")).collect()
}

fn mappings_altered(before: &Object, now: &Object) -> Vec<String> {
    let (wanted, there) = (mappings(before), mappings(now));
    let gone = there.keys().filter(|token| !wanted.contains_key(*token));
    let mut statements: Vec<String> = gone.map(|token| mapped(before, "drop", token)).collect();
    for (token, dictionaries) in wanted {
        let how = match there.get(token) {
            Some(same) if *same == dictionaries => continue,
            Some(_) => "alter",
            None => "add",
        };
        statements.push(mapped(before, how, &format!("{token} with {dictionaries}")));
    }
    statements
}

/// A dictionary's options as they were; one that is named alone goes.
fn options_altered(before: &Object, now: &Object) -> String {
    let name = |option: &str| option.split(" = ").next().unwrap_or_default().to_owned();
    let wanted = members(text(before, "options"));
    let kept: Vec<String> = wanted.iter().map(|option| name(option)).collect();
    let there = members(text(now, "options")).into_iter().map(name);
    let gone = there.filter(|name| !kept.contains(name));
    let all: Vec<String> = gone
        .chain(wanted.iter().map(|option| (*option).to_owned()))
        .collect();
    all.join(", ")
}
