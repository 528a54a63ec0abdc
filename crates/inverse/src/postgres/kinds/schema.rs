use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::single;
use crate::Change;

/// `create schema`. What is in it depends on it.
pub(in super::super) struct Schema;

impl KindDdl for Schema {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Schema]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        vec![format!("create schema {}", single(object))]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop schema {}", single(object))
    }

    fn alter(&self, _before: &Object, _now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        Some(Vec::new())
    }
}
