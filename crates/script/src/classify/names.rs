//! The objects that a statement makes, changes, drops or renames, by its words: good for both dialects.

use tightrope_model::EngineKind;

use crate::statement::{Command, NamedObject, ObjectAction, ObjectClass, StatementKind};

use super::cursor::{Cursor, Name};

/// The objects; `whole` stands before the statement, `cursor` after the words of its kind.
pub(super) fn objects(
    kind: StatementKind,
    whole: &Cursor<'_>,
    cursor: &Cursor<'_>,
    dialect: EngineKind,
) -> Vec<NamedObject> {
    let mut cursor = cursor.clone();
    match kind {
        StatementKind::Create(class) => create(class, whole, &mut cursor).into_iter().collect(),
        StatementKind::Other(Command::CreateIndexConcurrently) => {
            create(ObjectClass::Index, whole, &mut cursor)
                .into_iter()
                .collect()
        }
        StatementKind::Drop(class) => drop(class, &mut cursor),
        StatementKind::Other(Command::DropIndexConcurrently) => {
            drop(ObjectClass::Index, &mut cursor)
        }
        StatementKind::Alter(class) => alter(class, &mut cursor, dialect),
        _ => Vec::new(),
    }
}

pub(super) fn object(
    class: ObjectClass,
    name: Name,
    action: ObjectAction,
    guarded: bool,
) -> NamedObject {
    NamedObject {
        class,
        schema: name.schema,
        parent: None,
        name: name.name,
        action,
        guarded,
        span: name.span,
    }
}

/// Classes whose objects have no name of their own, or one that means nothing without its types.
fn is_nameless(class: ObjectClass) -> bool {
    use ObjectClass::*;
    matches!(
        class,
        Cast | Operator
            | OperatorClass
            | OperatorFamily
            | Transform
            | UserMapping
            | DefaultPrivileges
            | LargeObject
            | System
            | Database
    )
}

/// Classes whose objects belong to the table after `ON`.
fn belongs_to_table(class: ObjectClass) -> bool {
    use ObjectClass::*;
    matches!(class, Index | Trigger | Policy | Rule)
}

fn create(class: ObjectClass, whole: &Cursor<'_>, cursor: &mut Cursor<'_>) -> Option<NamedObject> {
    if is_nameless(class) {
        return None;
    }
    let mut modifiers = whole.clone();
    modifiers.eat("create");
    let replaces = modifiers.eat("or replace");
    let temporary = {
        modifiers.skip_words(&["local", "global"]);
        modifiers.eat("temp") || modifiers.eat("temporary")
    };
    let guarded = cursor.eat("if not exists") || replaces;
    if class == ObjectClass::Schema {
        cursor.eat("authorization");
    }
    let mut ahead = cursor.clone();
    let unnamed = ahead.eat("on");
    let name = match unnamed {
        true => Name {
            schema: None,
            name: String::new(),
            span: cursor.peek()?.span(),
        },
        false => cursor.name()?,
    };
    let mut made = object(class, name, ObjectAction::Create, guarded);
    if temporary && made.schema.is_none() {
        made.schema = Some("pg_temp".to_owned());
    }
    if class == ObjectClass::Sequence {
        made.parent = owner(cursor);
    } else if belongs_to_table(class) {
        made.parent = table_after(
            cursor,
            if class == ObjectClass::Rule {
                "to"
            } else {
                "on"
            },
        );
    }
    Some(made)
}

/// The table of the column that owns a sequence: the part before the column in its name.
fn owner(cursor: &mut Cursor<'_>) -> Option<String> {
    while !cursor.is_at_end() {
        if cursor.eat("owned by") {
            return cursor.name()?.schema;
        }
        cursor.next();
    }
    None
}

/// The table after the next such word.
fn table_after(cursor: &mut Cursor<'_>, word: &str) -> Option<String> {
    while !cursor.is_at_end() {
        if cursor.eat(word) {
            cursor.eat("only");
            return cursor.name().map(|name| name.display());
        }
        cursor.next();
    }
    None
}

fn drop(class: ObjectClass, cursor: &mut Cursor<'_>) -> Vec<NamedObject> {
    let mut dropped = Vec::new();
    if is_nameless(class) {
        return dropped;
    }
    let guarded = cursor.eat("if exists");
    while let Some(name) = cursor.name() {
        let mut found = object(class, name, ObjectAction::Drop, guarded);
        cursor.skip_parentheses();
        if class != ObjectClass::Index && belongs_to_table(class) && cursor.eat("on") {
            found.parent = cursor.name().map(|name| name.display());
        }
        dropped.push(found);
        if !cursor.eat_symbol(",") {
            break;
        }
    }
    dropped
}

fn alter(class: ObjectClass, cursor: &mut Cursor<'_>, dialect: EngineKind) -> Vec<NamedObject> {
    if is_nameless(class) {
        return Vec::new();
    }
    let guarded = cursor.eat("if exists");
    cursor.eat("only");
    let Some(name) = cursor.name() else {
        return Vec::new();
    };
    cursor.eat_symbol("*");
    cursor.skip_parentheses();
    let owner = name.display();
    let mut changed = object(class, name, ObjectAction::Change, guarded);
    if belongs_to_table(class) && cursor.eat("on") {
        changed.parent = cursor.name().map(|name| name.display());
    }
    if cursor.eat("rename to") {
        if let Some(to) = cursor.name() {
            changed.action = ObjectAction::Rename { to: to.name };
        }
        return vec![changed];
    }
    let mut objects = vec![changed];
    match (class, dialect) {
        (ObjectClass::Table, EngineKind::Sqlite) => objects.extend(column(&owner, cursor)),
        (ObjectClass::Type, _) => objects.extend(enum_value(&owner, cursor)),
        _ => {}
    }
    objects
}

/// What SQLite's `ALTER TABLE` does to a column.
fn column(table: &str, cursor: &mut Cursor<'_>) -> Option<NamedObject> {
    let verb = ["add", "drop", "rename"]
        .into_iter()
        .find(|verb| cursor.eat(verb))?;
    cursor.eat("column");
    let name = cursor.name()?;
    let action = match verb {
        "add" => ObjectAction::Create,
        "drop" => ObjectAction::Drop,
        _ => {
            cursor.eat("to");
            let to = cursor.name()?.name;
            ObjectAction::Rename { to }
        }
    };
    let mut column = object(ObjectClass::Column, name, action, false);
    column.parent = Some(table.to_owned());
    Some(column)
}

fn enum_value(owner: &str, cursor: &mut Cursor<'_>) -> Option<NamedObject> {
    let action = if cursor.eat("add value") {
        ObjectAction::Create
    } else if cursor.eat("rename value") {
        ObjectAction::Change
    } else {
        return None;
    };
    let guarded = cursor.eat("if not exists");
    let token = cursor.next()?;
    Some(NamedObject {
        class: ObjectClass::EnumValue,
        schema: None,
        parent: Some(owner.to_owned()),
        name: super::cursor::literal(token.text)?,
        action,
        guarded,
        span: token.span(),
    })
}
