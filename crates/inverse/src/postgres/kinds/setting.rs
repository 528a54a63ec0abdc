use tightrope_model::sql_text::members;
use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{literal, quote};
use super::block::block;
use super::place::{last, same, single, text};
use super::text::unquoted;
use crate::Change;

/// `alter database … set` and `alter role … in database … set`. The database is the one in which it runs.
pub(in super::super) struct Setting;

/// Settings whose value is a list of names, each of them quoted where it needs it.
const LISTS: [&str; 5] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
];

impl KindDdl for Setting {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Setting]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let value = value(last(object), text(object, "value"));
        vec![altered(
            object,
            &format!("set {} = {value}", quote(last(object))),
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        altered(object, &format!("reset {}", quote(last(object))))
    }

    fn alter(&self, before: &Object, now: &Object, change: &Change<'_>) -> Option<Vec<String>> {
        Some(if same(before, now, "value") {
            Vec::new()
        } else {
            self.create(before, change.before)
        })
    }
}

fn value(name: &str, value: &str) -> String {
    if !LISTS.contains(&name) {
        return literal(value);
    }
    let names = members(value)
        .into_iter()
        .map(|name| literal(&unquoted(name)));
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        "''".to_owned()
    } else {
        names.join(", ")
    }
}

fn altered(object: &Object, what: &str) -> String {
    let whose = match single(object).as_str() {
        "database" => String::new(),
        role => format!("role {role} in "),
    };
    let sql = literal(&format!("alter {whose}database %I %s"));
    block(&[format!(
        "execute format({sql}, current_database(), {})",
        literal(what)
    )])
}
