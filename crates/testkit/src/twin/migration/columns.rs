use crate::twin::chance::Chance;
use crate::twin::draft::Draft;
use crate::twin::make;
use crate::twin::schema::{Column, Form, Kind, Schema, Touch};
use crate::twin::values::{fresh, literal};

use super::{any_column, any_table, cascade};

/// Adds a column: nullable, with a default, generated, an identity.
pub(super) fn add(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let mut after = schema.clone();
    let strict = table.options.contains("strict");
    let mut column = make::column(&mut after, strict, chance);
    let postgres = schema.is_postgres();
    match chance.below(8) {
        0 if postgres => {
            (column.kind, column.sql_type) = (Kind::Int, "integer".to_owned());
            (column.form, column.default) = (Form::IdentityByDefault, None);
            column.not_null = true;
        }
        1 if postgres => {
            (column.kind, column.sql_type) = (Kind::Int, "bigserial".to_owned());
            (column.form, column.default) = (Form::Serial, None);
        }
        2 => {
            let source = any_column(&table, chance)?;
            let (sql_type, how) = if postgres {
                ("boolean", "stored")
            } else {
                ("text", "virtual")
            };
            (column.kind, column.sql_type) = (Kind::Bool, sql_type.to_owned());
            (column.not_null, column.default) = (false, None);
            column.form = Form::Generated(format!("({} is null) {how}", source.name));
        }
        _ => {
            if column.not_null && column.default.is_none() {
                column.not_null = false;
            }
        }
    }
    let sql = format!(
        "alter table {} add column {}",
        table.name,
        make::definition(&column)
    );
    let undo = format!("alter table {} drop column {}", table.name, column.name);
    after.table_mut(table.id)?.columns.push(column);
    Some(Draft::new(vec![sql], after).undone_by(vec![undo]))
}

/// Drops a column and what depends on it.
pub(super) fn drop(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let column = any_column(&table, chance)?;
    let mut after = schema.clone();
    let sql = format!(
        "alter table {} drop column {}{}",
        table.name,
        column.name,
        cascade(schema)
    );
    forget(&mut after, table.id, &column)?;
    Some(Draft::new(vec![sql], after))
}

/// Two columns take each other's names, or one is made anew under its name, as another type.
pub(super) fn swap_or_again(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let one = any_column(&table, chance)?;
    let mut after = schema.clone();
    freeze_who_logs(&mut after, table.id);
    let on = &table.name;
    if chance.one_in(2) {
        let mut new = make::column(&mut after, table.options.contains("strict"), chance);
        new.name.clone_from(&one.name);
        new.not_null &= new.default.is_some();
        let sql = vec![
            format!(
                "alter table {on} drop column {}{}",
                one.name,
                cascade(schema)
            ),
            format!("alter table {on} add column {}", make::definition(&new)),
        ];
        forget(&mut after, table.id, &one)?;
        let changed = after.table_mut(table.id)?;
        changed.columns.push(new);
        // What is written into the new one is carried over into the old one, as far as it goes.
        changed.frozen = true;
        return Some(Draft::new(sql, after));
    }
    let two = any_column(&table, chance).filter(|two| two.id != one.id)?;
    let aside = format!("x{}", after.number());
    let say = |from: &str, to: &str| format!("alter table {on} rename column {from} to {to}");
    let sql = vec![
        say(&one.name, &aside),
        say(&two.name, &one.name),
        say(&aside, &two.name),
    ];
    let changed = after.table_mut(table.id)?;
    changed.frozen |= changed
        .settled
        .is_some_and(|id| id == one.id || id == two.id);
    // A trigger of the user's reads the key by its name.
    changed.frozen |= changed.log.is_some();
    changed.renamed = true;
    changed.column_mut(one.id)?.name.clone_from(&two.name);
    changed.column_mut(two.id)?.name.clone_from(&one.name);
    Some(Draft::new(sql.clone(), after).undone_by(sql))
}

/// Takes a column out of the model, with the keys, references and generated columns that go with it.
pub(super) fn forget(after: &mut Schema, id: u32, column: &Column) -> Option<()> {
    let table = after.table_mut(id)?;
    table.columns.retain(|other| other.id != column.id);
    let uses = |other: &Column| match &other.form {
        Form::Generated(expression) => expression.contains(&format!("({}", column.name)),
        _ => false,
    };
    table.columns.retain(|other| !uses(other));
    table.keys.retain(|key| !key.columns.contains(&column.id));
    table
        .foreign_keys
        .retain(|key| !key.columns.contains(&column.id));
    if table.settled == Some(column.id) {
        table.frozen = true;
    }
    for other in &mut after.tables {
        other
            .foreign_keys
            .retain(|key| key.target != id || !key.target_columns.contains(&column.id));
    }
    Some(())
}

/// Triggers of other tables write a log's columns by their names: what they write means something else now.
fn freeze_who_logs(after: &mut Schema, log: u32) {
    for other in &mut after.tables {
        other.frozen |= other.log == Some(log);
    }
}

/// Renames a column.
pub(super) fn rename(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let column = any_column(&table, chance)?;
    let mut after = schema.clone();
    let new = if chance.one_in(4) {
        format!("\"Ñeu {}\"", after.number())
    } else {
        format!("r{}", after.number())
    };
    let say =
        |from: &str, to: &str| format!("alter table {} rename column {from} to {to}", table.name);
    let (sql, undo) = (say(&column.name, &new), say(&new, &column.name));
    let renamed = after.table_mut(table.id)?;
    renamed.frozen |= renamed.settled == Some(column.id);
    renamed.renamed = true;
    renamed.column_mut(column.id)?.name = new;
    Some(Draft::new(vec![sql], after).undone_by(vec![undo]))
}

/// Gives a column another type. SQLite has no such statement.
pub(super) fn retype(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    if !schema.is_postgres() {
        return None;
    }
    let table = any_table(schema, chance)?;
    let column = any_column(&table, chance)?;
    let name = &column.name;
    let (kind, sql_type, using, touch) = match (&column.kind, chance.below(4)) {
        (Kind::Int, 0) => (Kind::Int, "bigint", String::new(), Touch::Widened),
        (Kind::Int, 1) => (Kind::Numeric, "numeric", String::new(), Touch::Widened),
        (Kind::Int, 2) => (Kind::Text, "text", format!("{name}::text"), Touch::Widened),
        (Kind::Int, _) => (
            Kind::Int,
            "smallint",
            format!("({name} % 100)::smallint"),
            Touch::Rewritten,
        ),
        // What is written since may end in blanks, which its old type does not tell from none.
        (Kind::Text, 0 | 1) if column.sql_type.starts_with("char(") => {
            (Kind::Text, "text", String::new(), Touch::Rewritten)
        }
        (Kind::Text, 0 | 1) => (Kind::Text, "text", String::new(), Touch::Widened),
        (Kind::Text, 2) => (
            Kind::Int,
            "integer",
            format!("length({name}::text)"),
            Touch::Rewritten,
        ),
        (Kind::Text, _) => (
            Kind::Text,
            "varchar(3)",
            format!("left({name}::text, 3)"),
            Touch::Rewritten,
        ),
        (Kind::Numeric, 0 | 1) => (
            Kind::Numeric,
            "numeric(30,8)",
            String::new(),
            Touch::Rewritten,
        ),
        (Kind::Numeric | Kind::Bool | Kind::Mood | Kind::Uuid, _) => (
            Kind::Text,
            "text",
            format!("{name}::text"),
            Touch::Rewritten,
        ),
        (Kind::Float, _) => (Kind::Float, "real", String::new(), Touch::Rewritten),
        (Kind::Timestamp, _) => (Kind::Date, "date", String::new(), Touch::Rewritten),
        (Kind::Date, _) => (
            Kind::Timestamp,
            "timestamp",
            String::new(),
            Touch::Rewritten,
        ),
        (Kind::Json, _) => (
            Kind::Json,
            "jsonb",
            format!("{name}::jsonb"),
            Touch::Rewritten,
        ),
        (Kind::IntArray, _) => (
            Kind::TextArray,
            "text[]",
            format!("{name}::text[]"),
            Touch::Rewritten,
        ),
        (Kind::TextArray, _) => (
            Kind::Text,
            "text",
            format!("array_to_string({name}, ',')"),
            Touch::Rewritten,
        ),
        (Kind::Bytes, _) => (
            Kind::Text,
            "text",
            format!("encode({name}, 'hex')"),
            Touch::Rewritten,
        ),
        _ => return None,
    };
    let mut after = schema.clone();
    let alter = format!("alter table {} alter column {name}", table.name);
    let using = if using.is_empty() {
        using
    } else {
        format!(" using {using}")
    };
    let mut sql = Vec::new();
    if column.default.is_some() {
        sql.push(format!("{alter} drop default"));
    }
    sql.push(format!("{alter} type {sql_type}{using}"));
    let changed = after.table_mut(table.id)?;
    // A trigger of the user's writes the key in the words of its new type.
    changed.frozen |= changed.log.is_some()
        && touch == Touch::Rewritten
        && table.key().first() == Some(&column.id);
    let changed = changed.column_mut(column.id)?;
    (changed.kind, changed.sql_type) = (kind, sql_type.to_owned());
    changed.default = None;
    changed.touch(touch);
    Some(Draft::new(sql, after))
}

/// Sets or drops a default, NOT NULL, an identity, statistics, storage.
pub(super) fn settings(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    if !schema.is_postgres() {
        return None;
    }
    let table = any_table(schema, chance)?;
    let column = any_column(&table, chance)?;
    let mut after = schema.clone();
    let number = after.number() as usize;
    let mut is_updated = false;
    let changed = after.table_mut(table.id)?.column_mut(column.id)?;
    let alter = format!("alter table {} alter column {}", table.name, column.name);
    let identity = matches!(column.form, Form::IdentityAlways | Form::IdentityByDefault);
    let mut sql = Vec::new();
    match chance.below(7) {
        0 if identity => {
            sql.push(format!("{alter} drop identity"));
            changed.form = Form::Plain;
        }
        1 if identity => {
            sql.push(format!(
                "{alter} set generated by default set increment by 10"
            ));
            changed.form = Form::IdentityByDefault;
        }
        2 if column.not_null => {
            sql.push(format!("{alter} drop not null"));
            changed.not_null = false;
        }
        3 if !column.not_null => {
            let value = fresh(schema.engine, &column.kind, number)?;
            let (table, name) = (&table.name, &column.name);
            sql.push(format!(
                "update {table} set {name} = {value} where {name} is null"
            ));
            sql.push(format!("{alter} set not null"));
            changed.not_null = true;
            changed.touch(Touch::Dirty);
            is_updated = true;
        }
        4 if column.default.is_some() => {
            sql.push(format!("{alter} drop default"));
            changed.default = None;
        }
        5 => sql.push(format!("{alter} set statistics 77")),
        _ => {
            let value = literal(schema.engine, &column, chance);
            sql.push(format!("{alter} set default {value}"));
            changed.default = Some(value);
        }
    }
    after.table_mut(table.id)?.rows_updated |= is_updated;
    Some(Draft::new(sql, after))
}

/// One column becomes two, or two become one.
pub(super) fn split_or_merge(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let free = table.free_columns();
    let one = chance.pick(&free)?;
    let two = chance.pick(&free).filter(|two| two.id != one.id)?;
    let mut after = schema.clone();
    let new = make::plain(after.number(), Kind::Text, "text");
    let (on, name) = (&table.name, &new.name);
    let mut sql = vec![format!("alter table {on} add column {name} text")];
    let text = |column: &Column| format!("coalesce(cast({} as text), '')", column.name);
    let drop = |column: &Column| {
        format!(
            "alter table {on} drop column {}{}",
            column.name,
            cascade(schema)
        )
    };
    if chance.one_in(2) {
        sql.push(format!(
            "update {on} set {name} = {} || '/' || {}",
            text(one),
            text(two)
        ));
        sql.extend([drop(one), drop(two)]);
        after.table_mut(table.id)?.columns.push(new);
        forget(&mut after, table.id, one)?;
        forget(&mut after, table.id, two)?;
    } else {
        let other = make::plain(after.number(), Kind::Text, "text");
        sql.push(format!("alter table {on} add column {} text", other.name));
        let part = |range: &str| format!("substr({}, {range})", text(one));
        sql.push(format!(
            "update {on} set {name} = {}, {} = {}",
            part("1, 2"),
            other.name,
            part("3")
        ));
        sql.push(drop(one));
        after.table_mut(table.id)?.columns.extend([new, other]);
        forget(&mut after, table.id, one)?;
    }
    Some(Draft::new(sql, after))
}
