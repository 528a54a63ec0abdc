use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::qualified;
use super::place::{alike, same, text};
use crate::Change;

/// `create sequence`. An identity's sequence is made with its column; who owns a sequence is said when its table is there.
pub(in super::super) struct Sequence;

impl KindDdl for Sequence {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Sequence]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let unlogged = if object.attribute("persistence").is_some() {
            "unlogged "
        } else {
            ""
        };
        vec![format!(
            "create {unlogged}sequence {} as {} {}",
            qualified(&object.id.path),
            text(object, "type"),
            options(object, None).join(" ")
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        // One that belongs to a column goes with its table, if the rows that were kept take the table's place.
        let exists = match object.owner_column() {
            Some(_) => "if exists ",
            None => "",
        };
        format!("drop sequence {exists}{}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        if before.attribute("identity") != now.attribute("identity") {
            return None;
        }
        let name = qualified(&before.id.path);
        let mut statements = Vec::new();
        if !alike(before, now, &["owned_by", "persistence"]) {
            let kind =
                (!same(before, now, "type")).then(|| format!("as {} ", text(before, "type")));
            let mut options = options(before, Some(now));
            if may_be_outside(before, now) {
                options.push("restart".to_owned());
            }
            statements.push(format!(
                "alter sequence {name} {}{}",
                kind.unwrap_or_default(),
                options.join(" ")
            ));
        }
        if !same(before, now, "persistence") {
            let logged = match before.attribute("persistence") {
                Some(_) => "unlogged",
                None => "logged",
            };
            statements.push(format!("alter sequence {name} set {logged}"));
        }
        Some(statements)
    }
}

/// Whether a sequence may stand now where it could not before. Such a change is refused, unless it starts anew.
fn may_be_outside(before: &Object, now: &Object) -> bool {
    let bound = |object: &Object, name: &str| object.attribute(name)?.parse::<i64>().ok();
    bound(before, "minimum") > bound(now, "minimum")
        || bound(before, "maximum") < bound(now, "maximum")
}

/// The options of a sequence; only those that differ from `now`, if that is given, and the bounds always together with the
/// type.
pub(in super::super) fn options(sequence: &Object, now: Option<&Object>) -> Vec<String> {
    let typed = now.is_some_and(|now| !same(sequence, now, "type"));
    let mut options = Vec::new();
    for (attribute, option, default) in [
        ("increment", "increment by", "1"),
        ("minimum", "minvalue", ""),
        ("maximum", "maxvalue", ""),
        ("start", "start with", ""),
        ("cache", "cache", "1"),
    ] {
        let value = sequence.attribute(attribute).unwrap_or(default);
        let said = match now {
            None => value != default,
            Some(now) => {
                !same(sequence, now, attribute)
                    || typed && matches!(attribute, "minimum" | "maximum")
            }
        };
        if said {
            options.push(format!("{option} {value}"));
        }
    }
    let cycles = sequence.attribute("cycle").is_some();
    if now.map_or(cycles, |now| !same(sequence, now, "cycle")) {
        options.push(if cycles { "cycle" } else { "no cycle" }.to_owned());
    }
    options
}
