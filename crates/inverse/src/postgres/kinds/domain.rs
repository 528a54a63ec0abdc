use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::qualified;
use super::place::{alike, same, text};
use crate::Change;

/// `create domain`. Its checks are constraints.
pub(in super::super) struct Domain;

impl KindDdl for Domain {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Domain]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let mut sql = format!(
            "create domain {} as {}",
            qualified(&object.id.path),
            text(object, "type")
        );
        for (attribute, clause) in [("collation", "collate"), ("default", "default")] {
            if let Some(value) = object.attribute(attribute) {
                sql += &format!(" {clause} {value}");
            }
        }
        if object.attribute("not_null").is_some() {
            sql += " not null";
        }
        vec![sql]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop domain {}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        if !alike(before, now, &["default", "not_null"]) {
            return None;
        }
        let mut statements = Vec::new();
        let mut alter = |what: String| {
            statements.push(format!(
                "alter domain {} {what}",
                qualified(&before.id.path)
            ));
        };
        if !same(before, now, "default") {
            let default = before
                .attribute("default")
                .map(|default| format!("set default {default}"));
            alter(default.unwrap_or_else(|| "drop default".to_owned()));
        }
        if before.attribute("not_null").is_none() && !same(before, now, "not_null") {
            alter("drop not null".to_owned());
        }
        Some(statements)
    }
}

/// What a domain that took no NULL before does not take again.
pub(in super::super) fn takes_no_null(before: &Object, now: &Object) -> Option<String> {
    before.attribute("not_null")?;
    let domain = qualified(&before.id.path);
    (!same(before, now, "not_null")).then(|| format!("alter domain {domain} set not null"))
}
