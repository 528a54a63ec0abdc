use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{qualified, quote};
use super::super::survey::columns;
use super::options;
use super::place::{last, same, text};
use crate::Change;

/// `create view`. Its columns follow from its query; only their defaults are said apart.
pub(in super::super) struct View;

impl KindDdl for View {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::View]
    }

    fn create(&self, object: &Object, catalog: &Catalog) -> Vec<String> {
        let mut statements = vec![format!("create {}", body(object))];
        statements.extend(defaults(object, catalog));
        statements
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop view {}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, change: &Change<'_>) -> Option<Vec<String>> {
        let mut statements = Vec::new();
        if !same(before, now, "definition") {
            if !fits(before, now, change) {
                return None;
            }
            statements.push(format!("create or replace {}", body(before)));
        } else if !same(before, now, "options") {
            let name = qualified(&before.id.path);
            statements.extend(options::altered(
                "view",
                &name,
                before.attribute("options"),
                now.attribute("options"),
            ));
        }
        Some(statements)
    }
}

fn body(view: &Object) -> String {
    let with = view
        .attribute("options")
        .map(options::with)
        .unwrap_or_default();
    format!(
        "view {}{with} as\n{}",
        qualified(&view.id.path),
        query(view)
    )
}

/// The query of a view without the semicolon at its end.
pub(super) fn query(view: &Object) -> &str {
    text(view, "definition").trim().trim_end_matches(';')
}

/// The columns that a view has now, in their order. The view itself is known by the name that it had before.
fn columns_now<'a>(now: &Object, change: &Change<'a>) -> Vec<&'a Object> {
    let same = |object: &&Object| object.id.kind == now.id.kind && object.native == now.native;
    let there = change.now.objects().find(same);
    there
        .map(|there| columns(change.now, &there.id))
        .unwrap_or_default()
}

/// Whether the view takes its old query in place: it may gain columns at its end, and lose none.
fn fits(before: &Object, now: &Object, change: &Change<'_>) -> bool {
    let wanted = columns(change.before, &before.id);
    let there = columns_now(now, change);
    there.len() <= wanted.len()
        && there.iter().zip(&wanted).all(|(there, wanted)| {
            last(there) == last(wanted)
                && ["type", "collation"]
                    .iter()
                    .all(|attribute| same(there, wanted, attribute))
        })
}

/// Sets the defaults of a view's columns.
fn defaults(view: &Object, catalog: &Catalog) -> Vec<String> {
    let name = qualified(&view.id.path);
    let columns = columns(catalog, &view.id).into_iter();
    columns
        .filter_map(|column| {
            let default = column.attribute("default")?;
            let column = quote(last(column));
            Some(format!(
                "alter view {name} alter column {column} set default {default}"
            ))
        })
        .collect()
}
