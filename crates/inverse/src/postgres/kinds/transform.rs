use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, text};
use crate::Change;

/// `create transform`.
pub(in super::super) struct Transform;

impl KindDdl for Transform {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Transform]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let from = object
            .attribute("from_sql")
            .map(|name| format!("from sql with function {name}"));
        let to = object
            .attribute("to_sql")
            .map(|name| format!("to sql with function {name}"));
        let both: Vec<String> = from.into_iter().chain(to).collect();
        vec![format!(
            "create transform {} ({})",
            reference(object),
            both.join(", ")
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop transform {}", reference(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &[]).then(Vec::new)
    }
}

fn reference(object: &Object) -> String {
    format!(
        "for {} language {}",
        text(object, "type"),
        text(object, "language")
    )
}
