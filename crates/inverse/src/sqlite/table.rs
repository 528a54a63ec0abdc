//! Tables that are made again, and tables that go.

use tightrope_model::{Catalog, Object, ObjectId, ObjectKind};

use super::change::{Anew, Tables, last, source, text};
use super::fill;
use super::name::{away, literal, quoted};
use super::order::parents_first;
use super::{commented, setting, step};
use crate::{Change, Inverse, Phase};

/// Tables get their shape and their rows; what the migration made goes.
pub(super) fn reshape(change: &Change<'_>, tables: &Tables<'_>, inverse: &mut Inverse) {
    let going = tables.going();
    let moved: Vec<&Object> = going
        .iter()
        .copied()
        .filter(|now| tables.makes_way(now))
        .collect();
    if going.is_empty() && tables.anew.is_empty() {
        return;
    }
    let enforced = are_keys_enforced(change);
    prepare(enforced, !moved.is_empty(), inverse);
    for now in &moved {
        let name = last(&now.id);
        let sql = format!(
            "alter table {} rename to {}",
            quoted(name),
            quoted(&away(name))
        );
        inverse.steps.push(step(Phase::Reshape, &now.id, sql));
    }
    let anew = parents_first(tables.anew.clone(), |table| table.before);
    for table in &anew {
        let made = text(table.before).map(|text| step(Phase::Reshape, &table.before.id, text));
        inverse.steps.extend(made);
    }
    let (there, gone): (Vec<&Anew<'_>>, Vec<&Anew<'_>>) =
        anew.iter().partition(|table| table.now.is_some());
    for table in there {
        fill(change, tables, table, inverse);
    }
    if enforced && !moved.is_empty() {
        put_references_back(tables, &moved, inverse);
    }
    let mut going = parents_first(going, |now| *now);
    going.reverse();
    for now in going {
        let name = last(&now.id);
        let gone = if tables.makes_way(now) {
            away(name)
        } else {
            name.to_owned()
        };
        let sql = format!("drop table {}", quoted(&gone));
        inverse.steps.push(step(Phase::Reshape, &now.id, sql));
    }
    // What was renamed away may refer to them by columns that are no key any more, so they take no rows until it is dropped.
    for table in gone {
        fill(change, tables, table, inverse);
    }
    if !moved.is_empty() {
        let about = setting("legacy_alter_table");
        let sql = "pragma legacy_alter_table = off";
        inverse.steps.push(step(Phase::Reshape, &about, sql));
    }
}

/// Whether the sessions that read the catalogs enforce foreign keys, and there are some: before, if there are none any more.
pub(super) fn are_keys_enforced(change: &Change<'_>) -> bool {
    let mut objects = change.now.objects().chain(change.before.objects());
    objects.any(|object| object.attribute("foreign_keys") == Some("enforced"))
}

fn prepare(enforced: bool, moves: bool, inverse: &mut Inverse) {
    if enforced {
        inverse.steps.push(commented(
            Phase::Reshape,
            &setting("defer_foreign_keys"),
            "pragma defer_foreign_keys = on",
            "foreign keys hold again at the commit",
        ));
    }
    if moves {
        inverse.steps.push(commented(
            Phase::Reshape,
            &setting("legacy_alter_table"),
            "pragma legacy_alter_table = on",
            "a rename leaves alone what speaks of the table, and minds no broken view",
        ));
    }
}

/// Gives a table its rows and its counter.
fn fill(change: &Change<'_>, tables: &Tables<'_>, table: &Anew<'_>, inverse: &mut Inverse) {
    let id = &table.before.id;
    for sql in fill::statements(change, tables, table) {
        inverse.steps.push(step(Phase::Reshape, id, sql));
    }
    if let Some(now) = table.now
        && counts(change.before, table.before)
        && counts(change.now, now)
    {
        keep_counter(table, now, inverse);
    }
    if table.now.is_some() || source(change, table).is_some() {
        inverse.rebuilt.push(table.table_name());
    }
}

/// Whether a table's key is never given twice.
fn counts(catalog: &Catalog, table: &Object) -> bool {
    let key = ObjectId::new(ObjectKind::Constraint, [last(&table.id), "primary key"]);
    let key = catalog.object(&key);
    key.is_some_and(|key| key.attribute("autoincrement").is_some())
}

/// The counter goes on from where it is now: it never gives a key twice.
fn keep_counter(table: &Anew<'_>, now: &Object, inverse: &mut Inverse) {
    let name = literal(table.name());
    let away = literal(&away(last(&now.id)));
    for sql in [
        format!("delete from sqlite_sequence where name = {name}"),
        format!(
            "insert into sqlite_sequence (name, seq)\nselect {name}, seq from sqlite_sequence where name = {away}"
        ),
    ] {
        inverse
            .steps
            .push(step(Phase::Reshape, &table.before.id, sql));
    }
}

/// Where foreign keys are enforced, the renames have rewritten the references of tables that stay: their text is put back,
/// before anything that they now refer to is dropped.
fn put_references_back(tables: &Tables<'_>, moved: &[&Object], inverse: &mut Inverse) {
    let refers = |child: &Object| {
        child.depends_on.iter().any(|parent| {
            moved
                .iter()
                .any(|moved| last(&moved.id).eq_ignore_ascii_case(last(parent)))
        })
    };
    let children: Vec<&Object> = tables
        .same
        .iter()
        .copied()
        .filter(|child| refers(child))
        .collect();
    if children.is_empty() {
        return;
    }
    let about = setting("writable_schema");
    inverse.steps.push(commented(
        Phase::Reshape,
        &about,
        "pragma writable_schema = on",
        "with foreign keys on, a rename rewrites the references to the table: they are put back to the letter",
    ));
    for child in children {
        let text = literal(text(child).unwrap_or_default());
        let sql = format!(
            "update sqlite_schema set sql = {text}\nwhere type = 'table' and name = {} and sql <> {text}",
            literal(last(&child.id))
        );
        inverse.steps.push(step(Phase::Reshape, &child.id, sql));
    }
    let sql = "pragma writable_schema = reset";
    inverse.steps.push(step(Phase::Reshape, &about, sql));
}
