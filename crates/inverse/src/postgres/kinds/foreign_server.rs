use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{literal, quote};
use super::place::{alike, same, single, text};
use super::secret::options_lost;
use crate::{Change, Loss};

/// `create server`, without its options.
pub(in super::super) struct ForeignServer;

impl KindDdl for ForeignServer {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::ForeignServer]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let mut sql = format!("create server {}", single(object));
        for part in ["type", "version"] {
            if let Some(value) = object.attribute(part) {
                sql += &format!(" {part} {}", literal(value));
            }
        }
        sql += &format!(" foreign data wrapper {}", quote(text(object, "wrapper")));
        vec![sql]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop server {}", single(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        if !alike(before, now, &["version", "options_digest"]) {
            return None;
        }
        let version = before
            .attribute("version")
            .map_or_else(|| "null".to_owned(), literal);
        let version = (!same(before, now, "version"))
            .then(|| format!("alter server {} version {version}", single(before)));
        Some(version.into_iter().collect())
    }

    fn loss(&self, before: Option<&Object>, now: Option<&Object>) -> Option<Loss> {
        options_lost(before, now)
    }
}
