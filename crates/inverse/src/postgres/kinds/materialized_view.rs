use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{qualified, quote};
use super::super::survey::columns;
use super::options;
use super::place::{alike, same};
use super::table::column_settings;
use super::view::query;
use crate::{Change, Loss};

/// `create materialized view`, filled if it was filled.
pub(in super::super) struct MaterializedView;

impl KindDdl for MaterializedView {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::MaterializedView]
    }

    fn create(&self, object: &Object, catalog: &Catalog) -> Vec<String> {
        let name = qualified(&object.id.path);
        let mut sql = format!("create materialized view {name}");
        if let Some(method) = object.attribute("access_method") {
            sql += &format!(" using {}", quote(method));
        }
        sql += &object
            .attribute("options")
            .map(options::with)
            .unwrap_or_default();
        if let Some(tablespace) = object.attribute("tablespace") {
            sql += &format!(" tablespace {}", quote(tablespace));
        }
        let data = object
            .attribute("populated")
            .map_or("with data", |_| "with no data");
        let settings = columns(catalog, &object.id).into_iter();
        let settings = settings.flat_map(column_settings);
        let settings = settings.map(|action| format!("alter materialized view {name} {action}"));
        std::iter::once(format!("{sql} as\n{}\n{data}", query(object)))
            .chain(settings)
            .collect()
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop materialized view {}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        if !alike(before, now, &["options", "populated"]) {
            return None;
        }
        let name = qualified(&before.id.path);
        let mut statements = options::altered(
            "materialized view",
            &name,
            before.attribute("options"),
            now.attribute("options"),
        );
        if !same(before, now, "populated") {
            let data = before
                .attribute("populated")
                .map_or("", |_| " with no data");
            statements.push(format!("refresh materialized view {name}{data}"));
        }
        Some(statements)
    }

    fn loss(&self, before: Option<&Object>, now: Option<&Object>) -> Option<Loss> {
        let before = before?;
        let filled = before.attribute("populated").is_none();
        let kept =
            now.is_some_and(|now| before.native == now.native && same(before, now, "populated"));
        (filled && !kept).then(|| Loss {
            object: before.id.clone(),
            reason: "it is filled anew from its query".to_owned(),
            lost: "what it held if it was not up to date".to_owned(),
        })
    }
}
