use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{literal, qualified};
use super::place::alike;
use crate::Change;

/// `create collation`, of libc, ICU or the server's own provider.
pub(in super::super) struct Collation;

impl KindDdl for Collation {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Collation]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let mut parts = Vec::new();
        parts.extend(
            object
                .attribute("provider")
                .map(|name| format!("provider = {name}")),
        );
        for (attribute, option) in [
            ("collate", "lc_collate"),
            ("ctype", "lc_ctype"),
            ("locale", "locale"),
            ("rules", "rules"),
        ] {
            parts.extend(
                object
                    .attribute(attribute)
                    .map(|value| format!("{option} = {}", literal(value))),
            );
        }
        parts.extend(
            object
                .attribute("deterministic")
                .map(|_| "deterministic = false".to_owned()),
        );
        vec![format!(
            "create collation {} ({})",
            qualified(&object.id.path),
            parts.join(", ")
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop collation {}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &[]).then(Vec::new)
    }
}
