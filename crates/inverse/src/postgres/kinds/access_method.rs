use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, single, text};
use super::text::routine;
use crate::Change;

/// `create access method`.
pub(in super::super) struct AccessMethod;

impl KindDdl for AccessMethod {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::AccessMethod]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let (name, form) = (single(object), text(object, "type"));
        let handler = routine(text(object, "handler"));
        vec![format!(
            "create access method {name} type {form} handler {handler}"
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop access method {}", single(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &[]).then(Vec::new)
    }
}
