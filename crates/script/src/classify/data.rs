//! The data that a statement may destroy, by its words: good for both dialects.

use crate::statement::{Command, Destroys, NamedObject, ObjectAction, ObjectClass, StatementKind};

use super::cursor::Cursor;

/// What may be destroyed; the cursor stands after the words of the kind.
pub(super) fn destroys(
    kind: StatementKind,
    cursor: &Cursor<'_>,
    objects: &[NamedObject],
) -> Vec<Destroys> {
    let mut cursor = cursor.clone();
    match kind {
        StatementKind::Drop(ObjectClass::Schema) if !cursor.holds("cascade") => Vec::new(),
        StatementKind::Drop(_) | StatementKind::Alter(ObjectClass::Table) => {
            objects.iter().filter_map(dropped).collect()
        }
        StatementKind::Other(command) => command_destroys(command, &mut cursor),
        _ => Vec::new(),
    }
}

fn dropped(object: &NamedObject) -> Option<Destroys> {
    if object.action != ObjectAction::Drop {
        return None;
    }
    match (object.class, &object.parent) {
        (ObjectClass::Table, _) => Some(Destroys::Table(object.display_name())),
        (ObjectClass::Schema | ObjectClass::Database, _) => {
            Some(Destroys::Everything(object.name.clone()))
        }
        (ObjectClass::Column, Some(table)) => Some(Destroys::Column {
            table: table.clone(),
            column: object.name.clone(),
        }),
        _ => None,
    }
}

fn command_destroys(command: Command, cursor: &mut Cursor<'_>) -> Vec<Destroys> {
    match command {
        Command::Delete => {
            cursor.eat("from");
            cursor.eat("only");
            rows(cursor).into_iter().collect()
        }
        Command::Truncate => {
            cursor.eat("table");
            let mut all = Vec::new();
            loop {
                cursor.eat("only");
                all.extend(rows(cursor));
                cursor.eat_symbol("*");
                if !cursor.eat_symbol(",") {
                    return all;
                }
            }
        }
        Command::Update => update(cursor).into_iter().collect(),
        Command::Replace => {
            cursor.eat("into");
            rows(cursor).into_iter().collect()
        }
        Command::Insert => insert(cursor).into_iter().collect(),
        Command::Merge => merge(cursor).into_iter().collect(),
        Command::DropOwned => {
            cursor.eat("by");
            let role = cursor.name().map(|name| Destroys::Everything(name.name));
            role.into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn rows(cursor: &mut Cursor<'_>) -> Option<Destroys> {
    cursor.name().map(|name| Destroys::Rows(name.display()))
}

fn update(cursor: &mut Cursor<'_>) -> Option<Destroys> {
    if cursor.eat("or") {
        cursor.next();
    }
    cursor.eat("only");
    let table = cursor.name()?.display();
    let columns = assigned(cursor);
    Some(Destroys::Values { table, columns })
}

/// The columns that the next `SET` gives values to.
fn assigned(cursor: &mut Cursor<'_>) -> Vec<String> {
    let mut columns = Vec::new();
    while !cursor.is_at_end() && !cursor.eat("set") {
        cursor.next();
    }
    loop {
        if cursor.eat_symbol("(") {
            while let Some(name) = cursor.name() {
                columns.push(name.name);
                cursor.eat_symbol(",");
            }
            cursor.eat_symbol(")");
        } else {
            columns.extend(cursor.name().map(|name| name.name));
        }
        if !cursor.next_item() {
            return columns;
        }
    }
}

fn insert(cursor: &mut Cursor<'_>) -> Option<Destroys> {
    let replaces = cursor.eat("or replace");
    if !replaces && cursor.eat("or") {
        cursor.next();
    }
    cursor.eat("into");
    let table = cursor.name()?.display();
    if replaces {
        return Some(Destroys::Rows(table));
    }
    while !cursor.is_at_end() {
        if cursor.eat("do update") {
            let columns = assigned(cursor);
            return Some(Destroys::Values { table, columns });
        }
        cursor.next();
    }
    None
}

fn merge(cursor: &mut Cursor<'_>) -> Option<Destroys> {
    cursor.eat("into");
    cursor.eat("only");
    let table = cursor.name()?.display();
    if cursor.holds("then delete") {
        return Some(Destroys::Rows(table));
    }
    if cursor.holds("then update") {
        let columns = assigned(cursor);
        return Some(Destroys::Values { table, columns });
    }
    None
}
