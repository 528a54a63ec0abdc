use crate::twin::chance::Chance;
use crate::twin::draft::Draft;
use crate::twin::schema::{Schema, Table, Thing, ThingKind, Touch};

/// What is done to a type that columns are of: other values, a type in its place, the table and its type at once.
pub(super) fn change(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    if !schema.is_postgres() {
        return None;
    }
    let mut types = schema.things_of(ThingKind::Enum);
    let of_columns = |thing: &Thing| schema.tables.iter().any(|table| uses(table, &thing.name));
    types.retain(of_columns);
    let thing = chance.pick(&types)?;
    match chance.below(4) {
        0 => Some(rename_value(schema, thing, chance)),
        1 | 2 => Some(put_in_its_place(schema, thing, chance)),
        _ => drop_with_table(schema, thing, chance),
    }
}

fn uses(table: &Table, name: &str) -> bool {
    table.columns.iter().any(|column| column.sql_type == name)
}

/// All columns of the type.
fn columns_of<'a>(schema: &'a Schema, name: &'a str) -> impl Iterator<Item = (u32, u32)> + 'a {
    schema.tables.iter().flat_map(move |table| {
        let of_type = table
            .columns
            .iter()
            .filter(move |column| column.sql_type == name);
        of_type.map(|column| (table.id, column.id))
    })
}

fn rename_value(schema: &Schema, thing: &Thing, chance: &mut Chance) -> Draft {
    let mut after = schema.clone();
    let (value, number) = (chance.word(&["sad", "so, so"]), after.number());
    for (table, column) in columns_of(schema, &thing.name) {
        let column = after
            .table_mut(table)
            .and_then(|table| table.column_mut(column));
        if let Some(column) = column {
            column.touch(Touch::Rewritten);
        }
    }
    let sql = format!(
        "alter type {} rename value '{value}' to 'v{number}'",
        thing.name
    );
    let undo = format!(
        "alter type {} rename value 'v{number}' to '{value}'",
        thing.name
    );
    Draft::new(vec![sql], after).undone_by(vec![undo])
}

/// The way to take a value out of an enum: a new type, the columns moved to it, the old one dropped, its name taken.
fn put_in_its_place(schema: &Schema, thing: &Thing, chance: &mut Chance) -> Draft {
    let mut after = schema.clone();
    let (name, new) = (&thing.name, format!("e{}", after.number()));
    let values = chance.word(&[
        "'sad', 'ok', 'so, so', 'glad'",
        "'so, so', 'ok', 'sad'",
        "'ok', 'sad'",
    ]);
    let mut sql = vec![format!("create type {new} as enum ({values})")];
    for (table, id) in columns_of(schema, name) {
        let Some((table, column)) = schema
            .table(table)
            .and_then(|table| Some((table, table.column(id)?)))
        else {
            continue;
        };
        let alter = format!("alter table {} alter column {}", table.name, column.name);
        if column.default.is_some() {
            sql.push(format!("{alter} drop default"));
        }
        sql.push(format!(
            "{alter} type {new} using {}::text::{new}",
            column.name
        ));
        if let Some(default) = &column.default {
            sql.push(format!("{alter} set default {default}"));
        }
        if let Some(column) = after
            .table_mut(table.id)
            .and_then(|table| table.column_mut(id))
        {
            column.touch(Touch::Widened);
        }
    }
    sql.push(format!("drop type {name}"));
    if chance.one_in(3) {
        for (table, id) in columns_of(schema, name) {
            if let Some(column) = after
                .table_mut(table)
                .and_then(|table| table.column_mut(id))
            {
                column.sql_type.clone_from(&new);
            }
        }
        after.remove(thing);
        after.add(ThingKind::Enum, &new, None);
    } else {
        sql.push(format!("alter type {new} rename to {name}"));
    }
    Draft::new(sql, after)
}

fn drop_with_table(schema: &Schema, thing: &Thing, chance: &mut Chance) -> Option<Draft> {
    let users: Vec<&Table> = schema
        .tables
        .iter()
        .filter(|table| uses(table, &thing.name))
        .collect();
    let table = *chance.pick(&users)?;
    let mut draft = super::tables::drop(schema, table);
    draft.after.remove(thing);
    let cascade = chance.word(&["", " cascade"]);
    draft.sql.push(format!("drop type {}{cascade}", thing.name));
    if !cascade.is_empty() {
        for (table, id) in columns_of(schema, &thing.name) {
            let column = schema.table(table).and_then(|table| table.column(id));
            if let Some(column) = column {
                super::columns::forget(&mut draft.after, table, column);
            }
        }
    }
    Some(draft)
}
