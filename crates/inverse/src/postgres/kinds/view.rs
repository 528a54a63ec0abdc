use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{qualified, quote};
use super::place::{last, same, text};
use super::{columns_in_order, options};
use crate::Change;

/// `create view`. Its columns follow from its query; only their defaults are said apart.
pub(in super::super) struct View;

impl KindDdl for View {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::View]
    }

    fn create(&self, object: &Object, catalog: &Catalog) -> Vec<String> {
        let mut statements = vec![format!("create {}", body(object))];
        statements.extend(defaults(object, catalog, None));
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
        statements.extend(defaults(before, change.before, Some((now, change.now))));
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

/// Whether the view takes its old query in place: it may gain columns at its end, and lose none.
fn fits(before: &Object, now: &Object, change: &Change<'_>) -> bool {
    let wanted = columns_in_order(before, change.before);
    let there = columns_in_order(now, change.now);
    there.len() <= wanted.len()
        && there.iter().zip(&wanted).all(|(there, wanted)| {
            last(there) == last(wanted)
                && ["type", "collation"]
                    .iter()
                    .all(|attribute| same(there, wanted, attribute))
        })
}

/// Sets the defaults of a view's columns that are not as they were.
fn defaults(view: &Object, catalog: &Catalog, now: Option<(&Object, &Catalog)>) -> Vec<String> {
    let there = now
        .map(|(now, catalog)| columns_in_order(now, catalog))
        .unwrap_or_default();
    let name = qualified(&view.id.path);
    let mut statements = Vec::new();
    for column in columns_in_order(view, catalog) {
        let there = there.iter().find(|there| last(there) == last(column));
        let is = there.and_then(|there| there.attribute("default"));
        let to = match column.attribute("default") {
            wanted if wanted == is => continue,
            Some(default) => format!("set default {default}"),
            None => "drop default".to_owned(),
        };
        statements.push(format!(
            "alter view {name} alter column {} {to}",
            quote(last(column))
        ));
    }
    statements
}
