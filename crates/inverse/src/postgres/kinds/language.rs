use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, single};
use super::text::routine;
use crate::Change;

/// `create language`, with its handlers.
pub(in super::super) struct Language;

impl KindDdl for Language {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Language]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let trusted = object.attribute("trusted").map_or("", |_| "trusted ");
        let mut sql = format!("create {trusted}language {}", single(object));
        for part in ["handler", "inline", "validator"] {
            if let Some(function) = object.attribute(part) {
                sql += &format!(" {part} {}", routine(function));
            }
        }
        vec![sql]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop language {}", single(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &[]).then(Vec::new)
    }
}
