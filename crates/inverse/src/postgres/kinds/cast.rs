use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, text};
use crate::Change;

/// `create cast`.
pub(in super::super) struct Cast;

impl KindDdl for Cast {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Cast]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        // One from a range to its multirange comes with the type.
        if object.attribute("comes_with_type").is_some() {
            return Vec::new();
        }
        let how = match (object.attribute("method"), object.attribute("function")) {
            (Some("input and output"), _) => "with inout".to_owned(),
            (None, Some(function)) => format!("with function {function}"),
            _ => "without function".to_owned(),
        };
        let context = object.attribute("context");
        let context = context
            .map(|context| format!(" as {context}"))
            .unwrap_or_default();
        vec![format!("create cast {} {how}{context}", reference(object))]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop cast {}", reference(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &[]).then(Vec::new)
    }
}

fn reference(object: &Object) -> String {
    format!("({} as {})", text(object, "source"), text(object, "target"))
}
