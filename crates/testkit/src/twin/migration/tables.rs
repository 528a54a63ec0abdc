use crate::twin::chance::Chance;
use crate::twin::draft::Draft;
use crate::twin::make;
use crate::twin::schema::{Column, ForeignKey, Form, Key, Schema, Table};

use super::{any_table, cascade};

/// Renames a table.
pub(super) fn rename(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    let mut after = schema.clone();
    let (inside, old) = match table.name.strip_prefix("aside.") {
        Some(name) => ("aside.", name),
        None => ("", table.name.as_str()),
    };
    let new = format!("\"Ñeue {}\"", after.number());
    let say = |from: &str, to: &str| format!("alter table {inside}{from} rename to {to}");
    let (sql, undo) = (say(old, &new), say(&new, old));
    let renamed = after.table_mut(table.id)?;
    renamed.name = format!("{inside}{new}");
    renamed.renamed = true;
    // Functions that write the log find it by its name.
    let is_log = after.tables.iter().any(|other| other.log == Some(table.id));
    for other in &mut after.tables {
        other.frozen |= is_log && schema.is_postgres() && other.log == Some(table.id);
    }
    Some(Draft::new(vec![sql], after).undone_by(vec![undo]))
}

/// A new table, or one less with all that refers to it.
pub(super) fn create_or_drop(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    if chance.one_in(2) {
        return Some(make::table(schema, chance));
    }
    Some(drop(schema, &any_table(schema, chance)?))
}

/// A table less, with all that refers to it.
pub(super) fn drop(schema: &Schema, table: &Table) -> Draft {
    let mut after = schema.clone();
    if !schema.is_postgres() {
        // To drop a table deletes its rows first, and what refers to them follows.
        super::data::fewer_rows(&mut after, table.id, 0);
    }
    after.tables.retain(|other| other.id != table.id);
    for other in &mut after.tables {
        other.foreign_keys.retain(|key| key.target != table.id);
        other.frozen |= other.log == Some(table.id);
    }
    if let Some(log) = table.log.and_then(|log| after.table_mut(log)) {
        log.rows_changed = true;
    }
    let sql = format!("drop table {}{}", table.name, cascade(schema));
    Draft::new(vec![sql], after)
}

/// A table goes to another schema, or is copied into a new one that takes its name.
pub(super) fn moved(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = any_table(schema, chance)?;
    if !schema.is_postgres() {
        return None;
    }
    let mut after = schema.clone();
    if chance.one_in(2) {
        let is_log = schema
            .tables
            .iter()
            .any(|other| other.log == Some(table.id));
        if is_log || table.name.starts_with("aside.") {
            return None;
        }
        let sql = vec![
            "create schema if not exists aside".to_owned(),
            format!("alter table {} set schema aside", table.name),
        ];
        let moved = after.table_mut(table.id)?;
        moved.name = format!("aside.{}", moved.name);
        moved.renamed = true;
        return Some(Draft::new(sql, after));
    }
    let (old, new) = (&table.name, format!("n{}", after.number()));
    let columns: Vec<&str> = table.given().map(|column| column.name.as_str()).collect();
    let columns = columns.join(", ");
    let like = chance.word(&[
        "including all",
        "including defaults",
        "including all excluding indexes",
    ]);
    let sql = vec![
        format!("create table {new} (like {old} {like})"),
        format!(
            "insert into {new} ({columns}) overriding system value select {columns} from {old}"
        ),
        format!("drop table {old} cascade"),
        format!("alter table {new} rename to {old}"),
    ];
    // Its triggers and references are gone, and with other ways to copy its keys.
    let copied = after.table_mut(table.id)?;
    copied.copied = true;
    // Nothing tells its rows from those that the parts had.
    copied.frozen |= !copied.leaves.is_empty();
    copied.frozen |= copied.log.is_some() || copied.settled.is_some();
    copied.foreign_keys.clear();
    copied.leaves.clear();
    if like != "including all" {
        copied.keys.clear();
    }
    for other in &mut after.tables {
        other.foreign_keys.retain(|key| key.target != table.id);
        other.frozen |= other.log == Some(table.id);
    }
    after.things.retain(|thing| thing.table != Some(table.id));
    Some(Draft::new(sql, after))
}

/// Drops or adds a key or a reference.
pub(super) fn keys_and_references(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    if !schema.is_postgres() {
        return None;
    }
    let table = any_table(schema, chance)?;
    match chance.below(4) {
        0 => drop_key(schema, &table, chance),
        1 => other_primary_key(schema, &table, chance),
        2 => drop_reference(schema, &table, chance),
        _ => add_reference(schema, &table, chance),
    }
}

fn drop_key(schema: &Schema, table: &Table, chance: &mut Chance) -> Option<Draft> {
    let key = chance.pick(&table.keys)?;
    let mut after = schema.clone();
    after.table_mut(table.id)?.keys.retain(|other| other != key);
    let sql = format!(
        "alter table {} drop constraint {} cascade",
        table.name, key.name
    );
    // References that lean on it go with it; which ones, the server decides.
    forget_references(&mut after, table, &key.columns);
    Some(Draft::new(vec![sql], after))
}

fn other_primary_key(schema: &Schema, table: &Table, chance: &mut Chance) -> Option<Draft> {
    let key = table.keys.iter().find(|key| key.primary)?;
    let whole: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| column.not_null)
        .collect();
    let extra = chance.pick(&whole)?;
    let mut after = schema.clone();
    let (name, on) = (format!("k{}", after.number()), &table.name);
    let mut columns = key.columns.clone();
    if !columns.contains(&extra.id) {
        columns.push(extra.id);
    }
    let mut sql = vec![
        format!("alter table {on} drop constraint {} cascade", key.name),
        format!(
            "alter table {on} add constraint {name} primary key ({})",
            table.names_of(&columns)
        ),
    ];
    let changed = after.table_mut(table.id)?;
    changed.keys.retain(|other| other != key);
    if chance.one_in(2) {
        let kept = Key {
            name: format!("{name}u"),
            columns: key.columns.clone(),
            primary: false,
        };
        sql.push(format!(
            "alter table {on} add constraint {} unique ({})",
            kept.name,
            table.names_of(&kept.columns)
        ));
        changed.keys.push(kept);
    }
    changed.keys.push(Key {
        name,
        columns,
        primary: true,
    });
    forget_references(&mut after, table, &key.columns);
    Some(Draft::new(sql, after))
}

/// Takes the references to a key out of the model.
fn forget_references(after: &mut Schema, target: &Table, columns: &[u32]) {
    for other in &mut after.tables {
        forget_reference(other, target, |reference| {
            reference.target == target.id && reference.target_columns == columns
        });
    }
}

/// The same of one table. In a migration on top of another, what refers to rows that the lower one took away goes to quarantine when the
/// upper one goes back.
fn forget_reference(from: &mut Table, target: &Table, is_it: impl Fn(&ForeignKey) -> bool) {
    let known = from.foreign_keys.len();
    from.foreign_keys.retain(|reference| !is_it(reference));
    from.frozen |= from.foreign_keys.len() < known && target.rows_changed;
}

fn drop_reference(schema: &Schema, table: &Table, chance: &mut Chance) -> Option<Draft> {
    let key = chance.pick(&table.foreign_keys)?;
    let mut after = schema.clone();
    let target = schema.table(key.target)?;
    let changed = after.table_mut(table.id)?;
    forget_reference(changed, target, |other| other == key);
    let sql = format!("alter table {} drop constraint {}", table.name, key.name);
    Some(Draft::new(vec![sql], after))
}

fn add_reference(schema: &Schema, table: &Table, chance: &mut Chance) -> Option<Draft> {
    let target = chance.pick(&schema.tables)?;
    let mut after = schema.clone();
    let mut key = ForeignKey {
        name: format!("f{}", after.number()),
        columns: Vec::new(),
        target: target.id,
        target_columns: target.key(),
        actions: make::actions(chance),
    };
    for &id in &key.target_columns {
        let wanted = target.column(id)?;
        let fits = |column: &&Column| column.kind == wanted.kind && column.form == Form::Plain;
        let fitting: Vec<&Column> = table.columns.iter().filter(fits).collect();
        key.columns.push(chance.pick(&fitting)?.id);
    }
    if key.columns.is_empty() {
        return None;
    }
    let valid = chance.word(&["", " not valid"]);
    let clause = make::foreign_key(table, target, &key);
    let sql = format!("alter table {} add {clause}{valid}", table.name);
    let undo = format!("alter table {} drop constraint {}", table.name, key.name);
    after.table_mut(table.id)?.foreign_keys.push(key);
    Some(Draft::new(vec![sql], after).undone_by(vec![undo]))
}

/// The twelve steps by which a table of SQLite gets another shape: a column dropped, NOT NULL or a default lost.
pub(super) fn rebuild(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    if schema.is_postgres() {
        return None;
    }
    let table = any_table(schema, chance)?;
    let free = table.free_columns();
    let column = chance.pick(&free)?.clone();
    let mut after = schema.clone();
    let drops = chance.one_in(2);
    if drops {
        super::columns::forget(&mut after, table.id, &column)?;
    } else {
        let changed = after.table_mut(table.id)?.column_mut(column.id)?;
        changed.not_null = false;
        changed.default = None;
    }
    let new = after.table(table.id)?.clone();
    let old_name = table.name.clone();
    let mut draft = new.clone();
    draft.name = format!("new_{}", table.id);
    let columns: Vec<&str> = new.given().map(|column| column.name.as_str()).collect();
    let columns = columns.join(", ");
    let create = make::create(&draft, &after.tables, &(String::new(), Vec::new()));
    let sql = vec![
        create,
        format!(
            "insert into {} ({columns}) select {columns} from {old_name}",
            draft.name
        ),
        format!("drop table {old_name}"),
        format!("alter table {} rename to {old_name}", draft.name),
    ];
    // Its triggers and indexes are gone.
    let rebuilt = after.table_mut(table.id)?;
    rebuilt.frozen |= rebuilt.log.is_some();
    rebuilt.copied = true;
    // To drop the old table deletes its rows first, and what refers to them follows.
    super::data::fewer_rows(&mut after, table.id, 0);
    after.things.retain(|thing| thing.table != Some(table.id));
    Some(Draft::new(sql, after))
}
