use std::collections::BTreeSet;

use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{named, text};
use crate::Change;

/// `create operator family`, with what is in it beside its classes.
pub(in super::super) struct OperatorFamily;

impl KindDdl for OperatorFamily {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::OperatorFamily]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let mut statements = vec![format!("create operator family {}", reference(object))];
        statements.extend(added(object, items(object)));
        statements
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop operator family {}", reference(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        let (wanted, there) = (items(before), items(now));
        let gone: Vec<String> = there
            .difference(&wanted)
            .filter_map(|item| dropped(item))
            .collect();
        let gone = (!gone.is_empty()).then(|| {
            format!(
                "alter operator family {} drop {}",
                reference(before),
                gone.join(", ")
            )
        });
        let mut statements: Vec<String> = gone.into_iter().collect();
        statements.extend(added(before, wanted.difference(&there).copied().collect()));
        Some(statements)
    }
}

fn reference(object: &Object) -> String {
    format!("{} using {}", named(object), text(object, "access_method"))
}

fn items(object: &Object) -> BTreeSet<&str> {
    text(object, "items").lines().collect()
}

fn added(object: &Object, items: BTreeSet<&str>) -> Option<String> {
    let items: Vec<&str> = items.into_iter().collect();
    (!items.is_empty()).then(|| {
        format!(
            "alter operator family {} add {}",
            reference(object),
            items.join(", ")
        )
    })
}

/// An item as it is dropped: `operator 1 (integer, integer)` of `operator 1 <(integer,integer)`.
fn dropped(item: &str) -> Option<String> {
    let mut words = item.splitn(3, ' ');
    let (what, number, rest) = (words.next()?, words.next()?, words.next()?);
    let rest = rest.split(" for order by ").next()?;
    let from = rest.find('(')?;
    let to = from + rest[from..].find(')')?;
    Some(format!("{what} {number} {}", &rest[from..=to]))
}
