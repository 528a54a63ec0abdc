use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, same, schema, text};
use super::text::{operator, routine};
use crate::Change;

/// `create operator`.
pub(in super::super) struct Operator;

impl KindDdl for Operator {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Operator]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        // An operator that others only spoke of has no function, and comes with them.
        let Some(function) = object.attribute("function") else {
            return Vec::new();
        };
        let mut parts = vec![format!("procedure = {}", routine(function))];
        for (attribute, option) in [("left", "leftarg"), ("right", "rightarg")] {
            let side = object.attribute(attribute).filter(|side| *side != "none");
            parts.extend(side.map(|side| format!("{option} = {side}")));
        }
        for other in ["commutator", "negator"] {
            parts.extend(
                object
                    .attribute(other)
                    .map(|name| format!("{other} = {}", operator(name))),
            );
        }
        for estimator in ["restrict", "join"] {
            let name = object.attribute(estimator).map(routine);
            parts.extend(name.map(|name| format!("{estimator} = {name}")));
        }
        for flag in ["merges", "hashes"] {
            parts.extend(object.attribute(flag).map(|_| flag.to_owned()));
        }
        let name = format!("{}.{}", schema(object), text(object, "name"));
        vec![format!("create operator {name} ({})", parts.join(", "))]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop operator {}", reference(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        const ESTIMATORS: [&str; 2] = ["restrict", "join"];
        if !alike(before, now, &ESTIMATORS) {
            return None;
        }
        let changed = ESTIMATORS
            .iter()
            .filter(|estimator| !same(before, now, estimator));
        let set: Vec<String> = changed
            .map(|estimator| {
                format!(
                    "{estimator} = {}",
                    before.attribute(estimator).map_or("none", routine)
                )
            })
            .collect();
        let set = (!set.is_empty()).then(|| {
            format!(
                "alter operator {} set ({})",
                reference(before),
                set.join(", ")
            )
        });
        Some(set.into_iter().collect())
    }
}

fn reference(object: &Object) -> String {
    format!(
        "{}.{} ({}, {})",
        schema(object),
        text(object, "name"),
        text(object, "left"),
        text(object, "right")
    )
}
