//! What a script drops, set aside instead: which statements can be replaced by that, and the replacing.
//!
//! Only a statement that does nothing but drop is replaced, and only where nothing hangs on what it drops and nothing else in
//! the script could have changed it before. Everything else runs as it is written, and its values are copied.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, KeptNet, Session};
use tightrope_model::{
    Catalog, EngineKind, Keep, NetPlan, Object, ObjectId, ObjectKind, TableName, TablePlan,
};
use tightrope_script::{
    Command, NamedObject, ObjectAction, ObjectClass, Parsed, Script, Statement, StatementKind,
};

use super::spread::named_tables;
use crate::DroppedColumns;

/// How many rows a second a table is rebuilt with, for the decision between archiving and hiding a column: on the safe side
/// of what was measured.
const REBUILT_ROWS_A_SECOND: u64 = 200_000;

/// What the planner is told about dropped columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetAside {
    pub(crate) columns: DroppedColumns,
    pub(crate) budget_s: Option<u64>,
}

/// Marks in a plan what is set aside instead of copied.
pub(crate) fn mark(
    plan: &mut NetPlan,
    (before, after): (&Catalog, &Catalog),
    script: &Script,
    dialect: EngineKind,
    how: SetAside,
) {
    let parsed = script.parse(dialect);
    if !parsed.statements.iter().all(is_told) {
        return;
    }
    let written = named_tables(&parsed, dialect, before);
    for table in &mut plan.tables {
        if written.contains(&table.before) {
            continue;
        }
        let drops = |statement: &&Statement| drops_only(statement, script, table).is_some();
        let Some(statement) = parsed.statements.iter().find(drops) else {
            continue;
        };
        match drops_only(statement, script, table) {
            Some(Dropped::Table)
                if table.after.is_none()
                    && table.divided.is_none()
                    && stands_alone(&parsed, table)
                    && is_free(before, table)
                    && !needs_what_goes((before, after), &ObjectId::of_table(&table.before)) =>
            {
                table.keep = Keep::Tombstone;
            }
            Some(Dropped::Column(_)) => hide_columns(table, &parsed, (before, after), script, how),
            _ => {}
        }
    }
}

fn hide_columns(
    table: &mut TablePlan,
    parsed: &Parsed,
    (before, after): (&Catalog, &Catalog),
    script: &Script,
    how: SetAside,
) {
    let slow = how
        .budget_s
        .is_some_and(|budget| table.rows_before / REBUILT_ROWS_A_SECOND > budget);
    let hides = match how.columns {
        DroppedColumns::Archive => false,
        DroppedColumns::Auto => slow,
        DroppedColumns::Hide => true,
    };
    if !hides || table.after.as_ref() != Some(&table.before) || !before.stands_alone(&table.before)
    {
        return;
    }
    let dropped: Vec<String> = parsed
        .statements
        .iter()
        .filter_map(|statement| match drops_only(statement, script, table) {
            Some(Dropped::Column(column)) => Some(column),
            _ => None,
        })
        .collect();
    for column in &mut table.columns {
        let gone = column.after.is_none() && dropped.contains(&column.before);
        column.hidden = gone
            && is_bare(before, &table.before, &column.before)
            && !needs_what_goes(
                (before, after),
                &ObjectId::of_column(&table.before, &column.before),
            );
    }
    if table.keep == Keep::Columns && !table.columns.iter().any(|column| column.is_lost()) {
        table.keep = Keep::Nothing;
    }
}

/// The statements (by their place in the script) that are replaced, and by what.
pub(crate) fn replaced(
    plan: &NetPlan,
    script: &Script,
    parsed: &Parsed,
) -> BTreeMap<usize, (TableName, Option<String>)> {
    let mut replaced = BTreeMap::new();
    for table in &plan.tables {
        for (index, statement) in parsed.statements.iter().enumerate() {
            match drops_only(statement, script, table) {
                Some(Dropped::Table) if table.keep == Keep::Tombstone => {
                    replaced.insert(index, (table.before.clone(), None));
                }
                Some(Dropped::Column(name))
                    if table
                        .columns
                        .iter()
                        .any(|column| column.hidden && column.before == name) =>
                {
                    replaced.insert(index, (table.before.clone(), Some(name)));
                }
                _ => {}
            }
        }
    }
    replaced
}

/// Does what takes a statement's place.
pub(crate) fn replace(
    session: &mut dyn Session,
    kept: &KeptNet,
    (table, column): &(TableName, Option<String>),
) -> Result<(), EngineError> {
    match (session.net(), column) {
        (Some(net), None) => net.set_aside(kept, table),
        (Some(net), Some(column)) => net.hide(kept, table, column),
        (None, _) => Ok(()),
    }
}

enum Dropped {
    Table,
    Column(String),
}

/// What a statement drops of a table, if it does nothing else.
fn drops_only(statement: &Statement, script: &Script, table: &TablePlan) -> Option<Dropped> {
    let mut dropped = statement.objects_with(&ObjectAction::Drop);
    let (Some(object), None) = (dropped.next(), dropped.next()) else {
        return None;
    };
    let others = statement
        .objects
        .iter()
        .filter(|other| other.action != ObjectAction::Drop);
    if others
        .into_iter()
        .any(|other| other.class != ObjectClass::Table || other.action != ObjectAction::Change)
    {
        return None;
    }
    let text = script.text_of(statement).to_ascii_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    match (statement.kind, object.class) {
        (StatementKind::Drop(ObjectClass::Table), ObjectClass::Table) => {
            let named = names(object.schema.as_deref(), &object.name, &table.before);
            (named && !text.contains("cascade")).then_some(Dropped::Table)
        }
        (StatementKind::Alter(ObjectClass::Table), ObjectClass::Column) => {
            let parent = object.parent.as_deref().unwrap_or_default();
            let named = names(object.schema.as_deref(), parent, &table.before);
            // alter table [if exists] [only] T drop [column] [if exists] C [restrict]
            let short = words.len() <= 12 && !text.contains(',') && !text.contains("cascade");
            (named && short).then(|| Dropped::Column(object.name.clone()))
        }
        _ => None,
    }
}

fn names(schema: Option<&str>, name: &str, table: &TableName) -> bool {
    let schema = schema.unwrap_or("public");
    name == table.name && schema == table.schema
}

/// Whether a statement says by its text alone what it changes.
fn is_told(statement: &Statement) -> bool {
    match statement.kind {
        StatementKind::Create(_) | StatementKind::Alter(_) | StatementKind::Drop(_) => true,
        StatementKind::Other(command) => {
            use Command::{Comment, Delete, Grant, Insert, Revoke, Truncate, Update};
            [Comment, Delete, Grant, Insert, Revoke, Truncate, Update].contains(&command)
                || statement.kind.controls_transaction()
        }
        StatementKind::Unknown => false,
    }
}

/// Whether one statement alone of the script is about a table.
fn stands_alone(parsed: &Parsed, table: &TablePlan) -> bool {
    let about = |object: &NamedObject| {
        object.name == table.before.name || object.parent.as_deref() == Some(&table.before.name)
    };
    let statements = parsed.statements.iter();
    statements
        .filter(|one| one.objects.iter().any(about))
        .count()
        == 1
}

/// Whether nothing of others hangs on a table: it can go with all that is its own.
fn is_free(before: &Catalog, table: &TablePlan) -> bool {
    let own = ObjectId::of_table(&table.before);
    before.stands_alone(&table.before)
        && before.objects().all(|object| {
            // Foreign keys let go of it.
            object.id.kind == ObjectKind::Constraint
                || is_part(object, &own, &table.before)
                || !object.depends_on.iter().any(|id| {
                    *id == own || id.kind == ObjectKind::Column && id.path.starts_with(&own.path)
                })
        })
}

/// Whether an object is a table itself, a part of it, one of its indexes, or a sequence that it owns.
fn is_part(object: &Object, own: &ObjectId, table: &TableName) -> bool {
    object.id == *own
        || object.id.path.len() > own.path.len() && object.id.path.starts_with(&own.path)
        || object.id.kind == ObjectKind::Index
            && object.attribute("table") == Some(table.name.as_str())
            && object.id.path.first() == own.path.first()
        || object.id.kind == ObjectKind::Sequence && object.attribute("owned_by").is_some()
}

/// Whether a table or a column needs something that the script drops as well, such as its type: it stands in the way of that if it is
/// only set aside.
fn needs_what_goes((before, after): (&Catalog, &Catalog), id: &ObjectId) -> bool {
    let is_own = |other: &ObjectId| other.path.starts_with(&id.path);
    let parts = before.objects().filter(|object| is_own(&object.id));
    parts.flat_map(|object| &object.depends_on).any(|other| {
        !is_own(other) && before.object(other).is_some() && after.object(other).is_none()
    })
}

/// Whether nothing hangs on a column, and it makes no values by itself.
fn is_bare(before: &Catalog, table: &TableName, column: &str) -> bool {
    let id = ObjectId::of_column(table, column);
    let makes_values = before.object(&id).is_none_or(|object| {
        object.attribute("identity").is_some() || object.attribute("generated").is_some()
    });
    !makes_values
        && before
            .objects()
            .all(|object| object.id == id || !object.depends_on.contains(&id))
}
