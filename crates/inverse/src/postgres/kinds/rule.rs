use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::enabled;
use super::place::{alike, on_relation, text};
use crate::Change;

/// `create rule`.
pub(in super::super) struct Rule;

impl KindDdl for Rule {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Rule]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let definition = text(object, "definition").trim_end().trim_end_matches(';');
        let mut statements = vec![definition.to_owned()];
        statements.extend(enabled::after_create(object));
        statements
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop rule {}", on_relation(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &["enabled"])
            .then(|| enabled::changed(before, now).into_iter().collect())
    }
}
