use super::chance::Chance;
use super::schema::{Form, Schema, Table};
use super::translate::Statement;
use super::values::{key_literal, literal};

/// How many rows a table begins with at most; their keys are made of the numbers from 1.
pub(super) const MOST_ROWS: usize = 8;

/// An INSERT of rows with these numbers in their keys, with a value for every column that takes one.
pub(super) fn insert(
    schema: &Schema,
    table: &Table,
    numbers: &[usize],
    chance: &mut Chance,
) -> Option<String> {
    let columns: Vec<u32> = table.given().map(|column| column.id).collect();
    if columns.is_empty() {
        return None;
    }
    let rows = numbers
        .iter()
        .map(|&number| {
            let value = |&id: &u32| value(schema, table, id, number, chance);
            columns.iter().map(value).collect()
        })
        .collect();
    let statement = Statement::Insert {
        table: table.id,
        columns,
        rows,
        conflict: None,
        returning: Vec::new(),
    };
    statement.render(schema)
}

/// The value of one column in a row with that number: the key's, a reference to a row that may be there, or any.
pub(super) fn value(
    schema: &Schema,
    table: &Table,
    id: u32,
    number: usize,
    chance: &mut Chance,
) -> String {
    let Some(column) = table.column(id) else {
        return "null".to_owned();
    };
    let in_key = table.key().contains(&id) || column.form != Form::Plain;
    if in_key {
        return key_literal(schema.engine, &column.kind, number);
    }
    let reference = table
        .foreign_keys
        .iter()
        .find(|key| key.columns.contains(&id));
    match reference {
        Some(_) if !column.not_null && number.is_multiple_of(3) => "null".to_owned(),
        // All columns of one reference get the same number.
        Some(key) => {
            let target = (number * 7 + key.columns[0] as usize) % 4 + 1;
            key_literal(schema.engine, &column.kind, target)
        }
        None => literal(schema.engine, column, chance),
    }
}
