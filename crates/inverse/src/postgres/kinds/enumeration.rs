use tightrope_model::sql_text::members;
use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{literal, qualified};
use super::place::{same, text};
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
        let same = same(before, now, "labels");
        let values_kept = same || same_values(before, now);
        values_kept.then(|| renamed(before, now))
    }

    fn give_way(&self, before: &Object, now: &Object, _catalog: &Catalog) -> Vec<String> {
        renamed(before, now)
    }
}

/// Whether no value was added: the server numbers them.
fn same_values(before: &Object, now: &Object) -> bool {
    same(before, now, "numbers")
}

/// The values of an enum by their numbers, as literals.
fn values(object: &Object) -> Vec<(&str, &str)> {
    let numbers = members(text(object, "numbers"));
    numbers
        .into_iter()
        .zip(members(text(object, "labels")))
        .collect()
}

/// Gives the values of the type of now the names that they had. A name that is taken by then is made free first.
fn renamed(before: &Object, now: &Object) -> Vec<String> {
    let name = qualified(&now.id.path);
    let (wanted, there) = (values(before), values(now));
    let back: Vec<(&str, &str)> = there
        .iter()
        .filter_map(|(number, is)| {
            let (_, was) = wanted.iter().find(|(same, _)| same == number)?;
            (was != is).then_some((*is, *was))
        })
        .collect();
    let taken = |label: &str| back.iter().any(|(_, was)| *was == label);
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for (number, (_, is)) in there.iter().enumerate() {
        let spare = literal(&format!("tightrope_{number}"));
        let was = back
            .iter()
            .find(|(from, _)| from == is)
            .map(|(_, was)| *was);
        let mut from = *is;
        if taken(is) {
            first.push(format!("alter type {name} rename value {is} to {spare}"));
            from = &spare;
        }
        then.extend(was.map(|was| format!("alter type {name} rename value {from} to {was}")));
    }
    first.into_iter().chain(then).collect()
}
