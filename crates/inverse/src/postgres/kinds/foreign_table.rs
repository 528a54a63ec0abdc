use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{qualified, quote};
use super::super::survey::columns;
use super::column;
use super::place::{alike, text};
use super::secret::options_lost;
use crate::{Change, Loss};

/// `create foreign table`, without its options and those of its columns.
pub(in super::super) struct ForeignTable;

impl KindDdl for ForeignTable {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::ForeignTable]
    }

    fn create(&self, object: &Object, catalog: &Catalog) -> Vec<String> {
        let name = qualified(&object.id.path);
        let server = quote(text(object, "server"));
        let parents = text(object, "inherits");
        let own = columns(catalog, &object.id).into_iter();
        let own = own.filter(|column| column.attribute("inheritance") != Some("inherited"));
        let columns: Vec<String> = own
            .map(|column| column::definition(column, true, catalog))
            .collect();
        let body = match object.attribute("partition_bound") {
            Some(bound) => format!("partition of {parents} {bound}"),
            None if parents.is_empty() => format!("({})", columns.join(", ")),
            None => format!("({}) inherits ({parents})", columns.join(", ")),
        };
        vec![format!(
            "create foreign table {name} {body} server {server}"
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop foreign table {}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        alike(before, now, &["options_digest"]).then(Vec::new)
    }

    fn loss(&self, before: Option<&Object>, now: Option<&Object>) -> Option<Loss> {
        options_lost(before, now)
    }
}
