use crate::twin::chance::Chance;
use crate::twin::draft::Draft;
use crate::twin::rows;
use crate::twin::schema::{Column, Form, Kind, MOVED_BY, Schema, Table, Touch};
use crate::twin::values::{fresh, key_literal, literal};

use super::any_table;

/// Updates all rows or some: a value, arithmetic, a key.
pub(super) fn update(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let plain = |column: &&Column| column.form == Form::Plain;
    let columns: Vec<Column> = table.columns.iter().filter(plain).cloned().collect();
    let whole_key = columns
        .iter()
        .find(|column| table.key() == [column.id] && column.kind == Kind::Int);
    let all_keys = whole_key.filter(|_| chance.one_in(5));
    let column = match all_keys {
        Some(key) => key,
        None => chance.pick(&columns)?,
    };
    let mut after = schema.clone();
    let name = &column.name;
    let number = after.number() as usize;
    let is_key = table.key().contains(&column.id);
    let value = match (&column.kind, chance.below(4)) {
        (Kind::Int, _) if is_key => format!("{name} + {MOVED_BY}"),
        (Kind::Int, 0) => format!("{name} / 2 + 1"),
        (Kind::Float | Kind::Numeric, 0) => format!("{name} * 2"),
        (Kind::Text, 0) => format!("upper({name})"),
        (Kind::Text, 1) => format!("{name} || 'x'"),
        (_, 2) if !column.not_null => "null".to_owned(),
        (_, 3) => literal(schema.engine, column, chance),
        _ => fresh(schema.engine, &column.kind, number)?,
    };
    let filter = match all_keys {
        Some(_) => String::new(),
        None => some_rows(schema, &table, chance),
    };
    let sql = format!("update {} set {name} = {value}{filter}", table.name);
    dirty(&mut after, table.id, column.id, 0);
    // A trigger of the user's may write the key elsewhere.
    let is_plain = table.log.is_none() && table.key() == [column.id];
    let moves = is_plain && column.kind == Kind::Int && filter.is_empty();
    let moved = after.table_mut(table.id);
    if let Some(moved) = moved.and_then(|table| table.column_mut(column.id))
        && moves
        && column.has_its_values()
    {
        (moved.touch, moved.moved) = (Touch::Clean, true);
    }
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
    more_rows(&mut after, table.id);
    Some(Draft::new(vec![sql], after))
}

/// Rows that come from others: an UPDATE or a DELETE with another table, an INSERT of what a query gives or of what may be there, a
/// MERGE, a loop over rows, rows that are moved.
pub(super) fn between_tables(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let other = any_table(schema, chance)?;
    let postgres = schema.is_postgres();
    let key = table
        .key()
        .first()
        .and_then(|&id| table.column(id))?
        .clone();
    let column = chance.pick(&table.free_columns())?.clone();
    let one = other
        .columns
        .get(chance.below(other.columns.len()))?
        .name
        .clone();
    let two = other
        .columns
        .get(chance.below(other.columns.len()))?
        .name
        .clone();
    let mut after = schema.clone();
    let number = after.number() as usize;
    let (on, name, tells, from) = (&table.name, &column.name, &key.name, &other.name);
    let filter = some_rows(schema, &table, chance);
    let what = chance.below(if postgres { 8 } else { 5 });
    let sql = match what {
        0 => format!(
            "update {on} as one set {name} = two.{one} from {from} as two where one.{tells} = two.{two}"
        ),
        1 => format!("delete from {on} where {tells} in (select {one} from {from})"),
        2 => {
            let value = fresh(schema.engine, &column.kind, number)?;
            let rows = rows::insert(schema, &table, &[2, 60], chance)?;
            let all = table.names_of(&table.key());
            format!("{rows} on conflict ({all}) do update set {name} = {value}")
        }
        3 => {
            let new = format!("n{number}");
            let sql = vec![
                format!("create table {new} as select * from {on}{filter}"),
                format!("delete from {on}{filter}"),
            ];
            fewer_rows(&mut after, table.id, 0);
            return Some(Draft::new(sql, after));
        }
        4 => {
            let rows = rows::insert(schema, &table, &[60], chance)?;
            let undo = format!(
                "delete from {on} where {tells} = {}",
                key_literal(schema.engine, &key.kind, 60)
            );
            more_rows(&mut after, table.id);
            let draft = Draft::new(vec![rows], after);
            // What the rows are followed by, the rollback takes along.
            let alone = table.key().len() == 1 && table.log.is_none();
            return Some(if alone {
                draft.undone_by(vec![undo])
            } else {
                draft
            });
        }
        5 => {
            let value = fresh(schema.engine, &column.kind, number)?;
            let then = chance.word(&["delete", "do nothing"]);
            let known = key_literal(schema.engine, &key.kind, 3);
            format!(
                "merge into {on} using (select {tells} as k, {name} as v from {on}) as s on {on}.{tells} = s.k \
                 when matched and s.k::text = {known}::text then {then} when matched then update set {name} = {value}"
            )
        }
        6 => {
            let value = fresh(schema.engine, &column.kind, number)?;
            return Some(loop_over(
                after,
                &table,
                &[key.id, column.id],
                &value,
                number,
            ));
        }
        _ => format!("delete from {on} as one using {from} as two where one.{tells} = two.{two}"),
    };
    match what {
        0 | 2 => dirty(&mut after, table.id, column.id, 0),
        5 => {
            dirty(&mut after, table.id, column.id, 0);
            fewer_rows(&mut after, table.id, 0);
        }
        _ => fewer_rows(&mut after, table.id, 0),
    }
    if what == 2 {
        more_rows(&mut after, table.id);
    }
    Some(Draft::new(vec![sql], after))
}

/// A function that updates row by row is made, called and dropped.
fn loop_over(
    mut after: Schema,
    table: &Table,
    ids: &[u32; 2],
    value: &str,
    number: usize,
) -> Draft {
    let (on, key, name) = (&table.name, table.name_of(ids[0]), table.name_of(ids[1]));
    let sql = vec![
        format!(
            "create function each_{number}() returns void language plpgsql as $f$ declare r record; begin \
             for r in select {key} as k from {on} loop update {on} set {name} = {value} where {key} = r.k; end loop; end $f$"
        ),
        format!("select each_{number}()"),
        format!("drop function each_{number}()"),
    ];
    dirty(&mut after, table.id, ids[1], 0);
    Draft::new(sql, after)
}

/// Marks a table that gets rows.
fn more_rows(after: &mut Schema, table: u32) {
    let Some(changed) = after.table_mut(table) else {
        return;
    };
    changed.rows_changed = true;
    changed.rows_added = true;
    let log = changed.log;
    if let Some(log) = log.and_then(|log| after.table_mut(log)) {
        log.rows_changed = true;
    }
}
