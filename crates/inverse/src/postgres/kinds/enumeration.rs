use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{literal, qualified};
use super::place::{same, text};
use super::text::members;
use crate::Change;

/// `create type … as enum`. Values are renamed in place; where one was added, the type gives way to a new one.
pub(in super::super) struct Enumeration;

impl KindDdl for Enumeration {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Enum]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let (name, labels) = (qualified(&object.id.path), text(object, "labels"));
        vec![format!("create type {name} as enum ({labels})")]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop type {}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        if same(before, now, "labels") {
            return Some(Vec::new());
        }
        if !same(before, now, "numbers") {
            return None;
        }
        let (wanted, there) = (labels(before), labels(now));
        let renamed: Vec<(&str, &str)> = there
            .into_iter()
            .zip(wanted)
            .filter(|(now, before)| now != before)
            .collect();
        let mut statements = Vec::new();
        let mut rename = |from: &str, to: &str| {
            let name = qualified(&before.id.path);
            statements.push(format!("alter type {name} rename value {from} to {to}"));
        };
        // Values that change their names among each other give them up first.
        let crossed = renamed
            .iter()
            .any(|(_, to)| renamed.iter().any(|(from, _)| from == to));
        let spare = |number: usize| literal(&format!("tightrope_{number}"));
        for (number, (from, to)) in renamed.iter().enumerate() {
            let between = spare(number);
            rename(from, if crossed { &between } else { to });
        }
        for (number, (_, to)) in renamed.iter().enumerate().filter(|_| crossed) {
            rename(&spare(number), to);
        }
        Some(statements)
    }
}

/// The values of an enum as literals, in their order.
fn labels(object: &Object) -> Vec<&str> {
    members(text(object, "labels"))
}
