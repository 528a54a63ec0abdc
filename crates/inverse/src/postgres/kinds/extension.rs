use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{literal, quote};
use super::place::{same, single};
use crate::{Change, Loss};

/// `create extension`, in its schema and version. Its members stand for nothing of their own.
pub(in super::super) struct Extension;

impl KindDdl for Extension {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Extension]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let mut sql = format!("create extension {}", single(object));
        match object.attribute("schema") {
            Some(schema) if object.attribute("makes_schema").is_none() => {
                sql += &format!(" with schema {}", quote(schema));
            }
            _ => {}
        }
        if let Some(version) = object.attribute("version") {
            sql += &format!(" version {}", literal(version));
        }
        // It comes with a comment of its own.
        let silent = object.attribute("comment").is_none();
        let silenced = silent.then(|| format!("comment on extension {} is null", single(object)));
        std::iter::once(sql).chain(silenced).collect()
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop extension {}", single(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        if !same(before, now, "version") && !updated(before, now) {
            return None;
        }
        let schema = before
            .attribute("schema")
            .filter(|_| !same(before, now, "schema"));
        let moved = schema.map(|schema| {
            format!(
                "alter extension {} set schema {}",
                single(before),
                quote(schema)
            )
        });
        Some(moved.into_iter().collect())
    }

    fn loss(&self, before: Option<&Object>, now: Option<&Object>) -> Option<Loss> {
        let before = before?;
        let (reason, lost) = match now {
            None if before.attribute("configuration").is_some() => (
                "an extension that is made again begins with empty tables",
                "the rows of its configuration tables".to_owned(),
            ),
            Some(now) if updated(before, now) => (
                "extensions have no way back to an older version that keeps what depends on them",
                format!(
                    "version {}",
                    before.attribute("version").unwrap_or_default()
                ),
            ),
            _ => return None,
        };
        Some(Loss {
            object: before.id.clone(),
            reason: reason.to_owned(),
            lost,
        })
    }
}

/// Whether it is the same extension in another version.
fn updated(before: &Object, now: &Object) -> bool {
    before.native.is_some() && before.native == now.native && !same(before, now, "version")
}
