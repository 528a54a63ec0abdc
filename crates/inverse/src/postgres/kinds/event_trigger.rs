use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::literal;
use super::enabled;
use super::place::{alike, same, single, text};
use crate::Change;

/// `create event trigger`.
pub(in super::super) struct EventTrigger;

impl KindDdl for EventTrigger {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::EventTrigger]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let mut sql = format!(
            "create event trigger {} on {}",
            single(object),
            text(object, "event")
        );
        if let Some(tags) = object.attribute("tags") {
            let tags: Vec<String> = tags.split(", ").map(literal).collect();
            sql += &format!(" when tag in ({})", tags.join(", "));
        }
        sql += &format!(" execute function {}", text(object, "function"));
        let state = object.attribute("enabled").map(|_| state(object));
        std::iter::once(sql).chain(state).collect()
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop event trigger {}", single(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        let state = (!same(before, now, "enabled")).then(|| state(before));
        alike(before, now, &["enabled"]).then(|| state.into_iter().collect())
    }
}

fn state(object: &Object) -> String {
    format!(
        "alter event trigger {} {}",
        single(object),
        enabled::words(object)
    )
}
