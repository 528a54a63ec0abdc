use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{literal, qualified};
use super::place::{alike, text};
use super::text::routine;
use crate::Change;

/// `create conversion`.
pub(in super::super) struct Conversion;

impl KindDdl for Conversion {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Conversion]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let default = object.attribute("default").map_or("", |_| "default ");
        vec![format!(
            "create {default}conversion {} for {} to {} from {}",
            qualified(&object.id.path),
            literal(text(object, "source")),
            literal(text(object, "target")),
            routine(text(object, "function"))
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop conversion {}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &[]).then(Vec::new)
    }
}
