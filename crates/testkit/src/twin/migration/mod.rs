//! Statements of a random migration, with what the schema is after them.

mod columns;
mod data;
mod partitions;
mod settings;
mod tables;
mod types;

use super::chance::Chance;
use super::draft::Draft;
use super::schema::{Column, Schema, Table, Thing, ThingKind};
use super::things;

/// One change of a random kind; none if nothing of that kind fits. A `DO` block around it once in a while.
pub(super) fn change(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let mut draft = match chance.below(27) {
        0..=2 => columns::add(schema, chance),
        3 | 4 => columns::drop(schema, chance),
        5 => columns::rename(schema, chance),
        6 | 7 => columns::retype(schema, chance),
        8 => columns::settings(schema, chance),
        9 => columns::split_or_merge(schema, chance),
        10 => tables::rename(schema, chance),
        11 => tables::create_or_drop(schema, chance),
        12 => tables::keys_and_references(schema, chance),
        13 => tables::rebuild(schema, chance),
        14 | 15 => data::update(schema, chance),
        16 => data::delete(schema, chance),
        17 => data::insert(schema, chance),
        18 => things::thing(schema, chance),
        19 => columns::swap_or_again(schema, chance),
        20 => tables::moved(schema, chance),
        21 => types::change(schema, chance),
        22 => settings::change(schema, chance),
        23 => partitions::change(schema, chance),
        24 | 25 => data::between_tables(schema, chance),
        _ => without_thing(schema, chance),
    }?;
    if schema.is_postgres() && chance.one_in(6) {
        let body = draft.sql.join(";\n  ");
        draft.sql = vec![format!("do $do$ begin\n  {body};\nend $do$")];
    }
    Some(draft)
}

fn without_thing(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let thing = chance.pick(&schema.things)?.clone();
    if schema.is_postgres() && chance.one_in(3) {
        return instead(schema, &thing, chance);
    }
    Some(things::drop_thing(schema, &thing))
}

/// What is done to a thing instead of dropping it.
fn instead(schema: &Schema, thing: &Thing, chance: &mut Chance) -> Option<Draft> {
    let mut after = schema.clone();
    let (name, number) = (&thing.name, after.number());
    let on = thing
        .table
        .and_then(|id| schema.table(id))
        .map_or("", |table| &table.name);
    let sql = match thing.kind {
        ThingKind::Enum => format!("alter type {name} add value 'new {number}' before 'ok'"),
        ThingKind::Domain => {
            format!("alter domain {name} add constraint x{number} check (length(value) < 100)")
        }
        ThingKind::View => format!("alter view {name} rename to w{number}"),
        ThingKind::Index => format!("alter index {name} rename to i{number}"),
        ThingKind::Sequence => match chance.below(3) {
            0 => format!("select setval('{name}', 1, false)"),
            1 => format!("alter sequence {name} restart"),
            _ => format!("alter sequence {name} increment by 7 restart with 100 minvalue 1"),
        },
        ThingKind::Policy => format!("alter policy {name} on {on} using (true)"),
        ThingKind::Trigger => format!("alter table {on} disable trigger {name}"),
        ThingKind::Function => format!("alter function {name} cost 77"),
        ThingKind::Statistics => format!("alter statistics {name} set statistics 50"),
        ThingKind::MaterialisedView => format!("refresh materialized view {name}"),
        ThingKind::Unique | ThingKind::Check => {
            let way = chance.word(&["rename constraint", "validate constraint"]);
            let to = if way.starts_with("rename") {
                format!(" to x{number}")
            } else {
                String::new()
            };
            format!("alter table {on} {way} {name}{to}")
        }
    };
    after.remove(thing);
    Some(Draft::new(vec![sql], after))
}

/// A random table.
fn any_table(schema: &Schema, chance: &mut Chance) -> Option<Table> {
    chance.pick(&schema.tables).cloned()
}

/// A random column of it.
fn any_column(table: &Table, chance: &mut Chance) -> Option<Column> {
    chance.pick(&table.columns).cloned()
}

/// The word that takes dependents along, where there is one.
fn cascade(schema: &Schema) -> &'static str {
    if schema.is_postgres() { " cascade" } else { "" }
}
