//! Views, triggers, indexes, virtual tables and the numbers in the file's header: from their text.

use tightrope_model::{Object, ObjectKind};

use super::change::{Tables, last, of_kind, text};
use super::name::quoted;
use super::step;
use crate::{Change, Phase, Step};

/// What is new, or differs, is dropped; a trigger before what it is on.
pub(super) fn clear(change: &Change<'_>, tables: &Tables<'_>, steps: &mut Vec<Step>) {
    for (kind, word) in [
        (ObjectKind::Trigger, "trigger"),
        (ObjectKind::View, "view"),
        (ObjectKind::Index, "index"),
        (ObjectKind::VirtualTable, "table"),
    ] {
        for now in of_kind(change.now, kind) {
            let stays = change
                .before
                .object(&now.id)
                .is_some_and(|before| is_same(before, now) && !falls(change, tables, before));
            if !stays && !goes_by_itself(change, tables, now) {
                let sql = format!("drop {word} {}", quoted(last(&now.id)));
                steps.push(step(Phase::Clear, &now.id, sql));
            }
        }
    }
}

/// What is missing then is made again.
pub(super) fn restore(change: &Change<'_>, tables: &Tables<'_>, steps: &mut Vec<Step>) {
    for kind in [
        ObjectKind::VirtualTable,
        ObjectKind::Index,
        ObjectKind::View,
        ObjectKind::Trigger,
    ] {
        // The rows of a virtual table are merged, so it has to be there before that.
        let phase = match kind {
            ObjectKind::VirtualTable => Phase::Reshape,
            _ => Phase::Restore,
        };
        for before in of_kind(change.before, kind) {
            let there = change
                .now
                .object(&before.id)
                .is_some_and(|now| is_same(before, now));
            if there && !falls(change, tables, before) {
                continue;
            }
            steps.extend(text(before).map(|text| step(phase, &before.id, text)));
            if kind == ObjectKind::VirtualTable && is_about_other_rows(before) {
                let name = quoted(last(&before.id));
                let sql = format!("insert into {name} ({name}) values ('rebuild')");
                steps.push(step(Phase::Restore, &before.id, sql));
            }
        }
    }
    for before in of_kind(change.before, ObjectKind::Setting) {
        let now = change.now.object(&before.id);
        if let Some(value) = before.attribute("value")
            && now.and_then(|now| now.attribute("value")) != Some(value)
        {
            let sql = format!("pragma {} = {value}", last(&before.id));
            steps.push(step(Phase::Restore, &before.id, sql));
        }
    }
}

fn is_same(before: &Object, now: &Object) -> bool {
    text(before) == text(now) && text(before).is_some()
}

/// Whether an object of before is not there when everything has been cleared and reshaped, though it is there now: what it is
/// on is dropped.
fn falls(change: &Change<'_>, tables: &Tables<'_>, before: &Object) -> bool {
    let Some(on) = carrier(before) else {
        return false;
    };
    tables.is_anew(on) || view_differs(change, on)
}

/// What an index or a trigger is on.
fn carrier(object: &Object) -> Option<&str> {
    match object.id.kind {
        ObjectKind::Index => object.attribute("table"),
        ObjectKind::Trigger => object.id.path.first().map(String::as_str),
        _ => None,
    }
}

fn view_differs(change: &Change<'_>, name: &str) -> bool {
    let named = |object: &&Object| last(&object.id).eq_ignore_ascii_case(name);
    let before = of_kind(change.before, ObjectKind::View).find(named);
    let now = of_kind(change.now, ObjectKind::View).find(named);
    match (before, now) {
        (Some(before), Some(now)) => before.id != now.id || !is_same(before, now),
        (None, None) => false,
        _ => true,
    }
}

/// Whether an index goes with its table, and is in nobody's way until then. Until then it helps to find rows.
fn goes_by_itself(change: &Change<'_>, tables: &Tables<'_>, now: &Object) -> bool {
    let Some(on) = carrier(now).filter(|_| now.id.kind == ObjectKind::Index) else {
        return false;
    };
    let name = last(&now.id);
    let wanted = change.before.objects().any(|object| {
        matches!(object.id.kind, ObjectKind::Table | ObjectKind::VirtualTable)
            && last(&object.id).eq_ignore_ascii_case(name)
    });
    tables.goes(on) && !wanted
}

/// Whether a full-text table holds only an index over rows that are elsewhere.
pub(super) fn is_about_other_rows(object: &Object) -> bool {
    let is_full_text = object
        .attribute("module")
        .is_some_and(|module| module.starts_with("fts"));
    is_full_text && matches!(content(object), Some(name) if !name.is_empty())
}

/// Whether a full-text table keeps no rows, only what can be found by them.
pub(super) fn is_without_content(object: &Object) -> bool {
    content(object).is_some_and(str::is_empty)
}

/// The table that a full-text table says its content is in: `content = 't'`.
fn content(object: &Object) -> Option<&str> {
    let arguments = object.attribute("arguments")?;
    let lower = arguments.to_ascii_lowercase();
    let mut from = 0;
    while let Some(found) = lower[from..].find("content") {
        let begins = from + found;
        from = begins + "content".len();
        let alone = !lower[..begins].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = arguments[from..].trim_start();
        if let Some(value) = rest.strip_prefix('=').filter(|_| alone) {
            let value = value.trim_start();
            let end = value.find([',', ')']).unwrap_or(value.len());
            return Some(value[..end].trim().trim_matches(['\'', '"', '`', '[', ']']));
        }
    }
    None
}

/// A virtual table that is made again.
pub(super) fn virtual_tables_anew<'a>(change: &Change<'a>) -> impl Iterator<Item = &'a Object> {
    let now = change.now;
    of_kind(change.before, ObjectKind::VirtualTable).filter(move |before| {
        !now.object(&before.id)
            .is_some_and(|now| is_same(before, now))
    })
}
