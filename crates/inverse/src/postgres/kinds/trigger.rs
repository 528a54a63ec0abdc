use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::enabled;
use super::place::{alike, on_relation, text};
use crate::Change;

/// `create trigger`, constraint triggers included. On a partition only the state is said: the trigger comes from its parent.
pub(in super::super) struct Trigger;

impl KindDdl for Trigger {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Trigger]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        if object.attribute("of_partition").is_some() {
            return vec![enabled::on_table(object)];
        }
        let mut statements = vec![text(object, "definition").to_owned()];
        statements.extend(enabled::after_create(object));
        statements
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop trigger {}", on_relation(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &["enabled"])
            .then(|| enabled::changed(before, now).into_iter().collect())
    }
}
