use crate::twin::chance::Chance;
use crate::twin::draft::Draft;
use crate::twin::rows;
use crate::twin::schema::{Column, Form, Kind, Schema, Table, Touch};
use crate::twin::values::{fresh, key_literal, literal};

use super::any_table;

/// Updates all rows or some: a value, arithmetic, a key.
pub(super) fn update(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let plain = |column: &&Column| column.form == Form::Plain;
    let columns: Vec<Column> = table.columns.iter().filter(plain).cloned().collect();
    let column = chance.pick(&columns)?;
    let mut after = schema.clone();
    let name = &column.name;
    let number = after.number() as usize;
    let is_key = table.key().contains(&column.id);
    let value = match (&column.kind, chance.below(4)) {
        (Kind::Int, _) if is_key => format!("{name} + 1000"),
        (Kind::Int, 0) => format!("{name} / 2 + 1"),
        (Kind::Float | Kind::Numeric, 0) => format!("{name} * 2"),
        (Kind::Text, 0) => format!("upper({name})"),
        (Kind::Text, 1) => format!("{name} || 'x'"),
        (_, 2) if !column.not_null => "null".to_owned(),
        (_, 3) => literal(schema.engine, column, chance),
        _ => fresh(schema.engine, &column.kind, number)?,
    };
    let filter = some_rows(schema, &table, chance);
    let sql = format!("update {} set {name} = {value}{filter}", table.name);
    dirty(&mut after, table.id, column.id, 0);
    Some(Draft::new(vec![sql], after))
}

/// Marks a column whose values change, what a trigger of the user's writes with it, and what follows by references.
fn dirty(after: &mut Schema, table: u32, column: u32, depth: usize) {
    let Some(found) = after.table_mut(table) else {
        return;
    };
    let marked: Vec<u32> = [Some(column), found.settled]
        .into_iter()
        .flatten()
        .collect();
    found.rows_updated = true;
    let log = found.log;
    for &id in &marked {
        if let Some(column) = found.column_mut(id) {
            column.touch(Touch::Dirty);
        }
    }
    if let Some(log) = log.and_then(|log| after.table_mut(log)) {
        log.rows_changed = true;
    }
    if depth < 8 {
        for (table, column) in followers(after, table, &marked) {
            dirty(after, table, column, depth + 1);
        }
    }
}

fn followers(after: &Schema, table: u32, columns: &[u32]) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for (from, key) in after.references_to(table) {
        if key.target_columns.iter().any(|id| columns.contains(id)) && from.id != table {
            found.extend(key.columns.iter().map(|&column| (from.id, column)));
        }
    }
    found
}

fn some_rows(schema: &Schema, table: &Table, chance: &mut Chance) -> String {
    let Some(column) = table.key().first().and_then(|&id| table.column(id)) else {
        return match chance.pick(&table.columns) {
            Some(column) if chance.one_in(2) => format!(" where {} is not null", column.name),
            _ => String::new(),
        };
    };
    let value =
        |chance: &mut Chance| key_literal(schema.engine, &column.kind, chance.between(1, 8));
    match chance.below(4) {
        0 => String::new(),
        1 => format!(" where {} = {}", column.name, value(chance)),
        2 => format!(" where {} <= {}", column.name, value(chance)),
        _ => format!(
            " where {} in ({}, {})",
            column.name,
            value(chance),
            value(chance)
        ),
    }
}

/// Deletes some rows or all, with what cascades; truncates.
pub(super) fn delete(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let mut after = schema.clone();
    let sql = match chance.below(5) {
        0 if schema.is_postgres() => format!(
            "truncate {}{}{}",
            table.name,
            chance.word(&["", " restart identity"]),
            chance.word(&["", " cascade"])
        ),
        _ => format!(
            "delete from {}{}",
            table.name,
            some_rows(schema, &table, chance)
        ),
    };
    fewer_rows(&mut after, table.id, 0);
    Some(Draft::new(vec![sql], after))
}

/// Marks a table that loses rows, and what follows by references.
pub(super) fn fewer_rows(after: &mut Schema, table: u32, depth: usize) {
    let Some(found) = after.table_mut(table) else {
        return;
    };
    found.rows_changed = true;
    if let Some(log) = found.log
        && let Some(log) = after.table_mut(log)
    {
        log.rows_changed = true;
    }
    if depth >= 8 {
        return;
    }
    let references: Vec<(u32, Vec<u32>, bool)> = after
        .references_to(table)
        .into_iter()
        .map(|(from, key)| {
            (
                from.id,
                key.columns.clone(),
                key.actions.contains("on delete cascade"),
            )
        })
        .collect();
    for (from, columns, cascades) in references {
        if cascades {
            fewer_rows(after, from, depth + 1);
        }
        for column in columns {
            dirty(after, from, column, 0);
        }
    }
}

/// Inserts rows with values, or into a new table from another.
pub(super) fn insert(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let mut after = schema.clone();
    if chance.one_in(2) {
        let new = format!("n{}", after.number());
        let filter = some_rows(schema, &table, chance);
        let sql = format!("create table {new} as select * from {}{filter}", table.name);
        let undo = format!("drop table {new}");
        return Some(Draft::new(vec![sql], after).undone_by(vec![undo]));
    }
    let number = 50 + chance.below(3);
    let sql = rows::insert(schema, &table, &[number], chance)?;
    let changed = after.table_mut(table.id)?;
    changed.rows_changed = true;
    changed.rows_added = true;
    let log = changed.log;
    if let Some(log) = log.and_then(|log| after.table_mut(log)) {
        log.rows_changed = true;
    }
    Some(Draft::new(vec![sql], after))
}
