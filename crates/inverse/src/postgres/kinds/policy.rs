use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, on_relation, same, text};
use crate::Change;

/// `create policy`. Whether row security is on at all is told by the table.
pub(in super::super) struct Policy;

impl KindDdl for Policy {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Policy]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let kind = object
            .attribute("restrictive")
            .map_or("", |_| " as restrictive");
        let mut sql = format!(
            "create policy {}{kind} for {}",
            on_relation(object),
            text(object, "command")
        );
        sql += &format!(" to {}", text(object, "roles"));
        for (clause, expression) in expressions(object) {
            sql += &format!(" {clause} ({expression})");
        }
        vec![sql]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop policy {}", on_relation(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        if alike(before, now, &[]) {
            return Some(Vec::new());
        }
        // An expression can be changed, and not taken away.
        let kept = ["using", "with_check"];
        let kept = kept
            .iter()
            .all(|name| before.attribute(name).is_some() || now.attribute(name).is_none());
        if !kept || !alike(before, now, &["roles", "using", "with_check"]) {
            return None;
        }
        let mut sql = format!("alter policy {}", on_relation(before));
        if !same(before, now, "roles") {
            sql += &format!(" to {}", text(before, "roles"));
        }
        for (clause, expression) in expressions(before) {
            sql += &format!(" {clause} ({expression})");
        }
        Some(vec![sql])
    }
}

fn expressions(object: &Object) -> impl Iterator<Item = (&'static str, &str)> {
    let both = [("using", "using"), ("with_check", "with check")];
    both.into_iter()
        .filter_map(|(attribute, clause)| Some((clause, object.attribute(attribute)?)))
}
