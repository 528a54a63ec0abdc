use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, same, single};
use super::secret::options_lost;
use super::text::routine;
use crate::{Change, Loss};

/// `create foreign data wrapper`, without its options.
pub(in super::super) struct ForeignDataWrapper;

const FUNCTIONS: [&str; 2] = ["handler", "validator"];

impl KindDdl for ForeignDataWrapper {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::ForeignDataWrapper]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let mut sql = format!("create foreign data wrapper {}", single(object));
        for part in FUNCTIONS {
            if let Some(function) = object.attribute(part) {
                sql += &format!(" {part} {}", routine(function));
            }
        }
        vec![sql]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop foreign data wrapper {}", single(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        if !alike(before, now, &["handler", "validator", "options_digest"]) {
            return None;
        }
        let changed = FUNCTIONS.iter().filter(|part| !same(before, now, part));
        let parts: Vec<String> = changed
            .map(|part| match before.attribute(part) {
                Some(function) => format!("{part} {}", routine(function)),
                None => format!("no {part}"),
            })
            .collect();
        let sql = format!(
            "alter foreign data wrapper {} {}",
            single(before),
            parts.join(" ")
        );
        Some((!parts.is_empty()).then_some(sql).into_iter().collect())
    }

    fn loss(&self, before: Option<&Object>, now: Option<&Object>) -> Option<Loss> {
        options_lost(before, now)
    }
}
