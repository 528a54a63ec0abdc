//! The locks that PostgreSQL's statements take on relations, by their words; after "Explicit Locking" and the pages of the
//! statements in PostgreSQL's documentation.

use tightrope_model::Span;

use crate::statement::{
    Command, LockMode, LockTaken, LongLock, LongLockReason, NamedObject, ObjectAction, ObjectClass,
    StatementKind,
};

use super::cursor::{Cursor, Name};

/// The locks; the cursor stands after the words of the kind.
pub(super) fn locks(
    kind: StatementKind,
    cursor: &Cursor<'_>,
    objects: &[NamedObject],
) -> Vec<LockTaken> {
    match kind {
        StatementKind::Create(class) => created(class, cursor, objects),
        StatementKind::Alter(class) => altered(class, cursor, objects),
        StatementKind::Drop(class) => dropped(class, objects),
        StatementKind::Other(command) => command_locks(command, &mut cursor.clone(), objects),
        StatementKind::Unknown => Vec::new(),
    }
}

fn lock(mode: LockMode, relation: impl Into<String>) -> LockTaken {
    LockTaken {
        mode,
        relation: relation.into(),
    }
}

fn parents(mode: LockMode, objects: &[NamedObject]) -> Vec<LockTaken> {
    let parents = objects.iter().filter_map(|object| object.parent.as_ref());
    parents.map(|parent| lock(mode, parent)).collect()
}

fn themselves(mode: LockMode, objects: &[NamedObject]) -> Vec<LockTaken> {
    objects
        .iter()
        .map(|object| lock(mode, object.display_name()))
        .collect()
}

fn created(class: ObjectClass, cursor: &Cursor<'_>, objects: &[NamedObject]) -> Vec<LockTaken> {
    match class {
        ObjectClass::Index => parents(LockMode::Share, objects),
        ObjectClass::Trigger => parents(LockMode::ShareRowExclusive, objects),
        ObjectClass::Policy | ObjectClass::Rule => parents(LockMode::AccessExclusive, objects),
        ObjectClass::View if objects.iter().any(|object| object.guarded) => {
            themselves(LockMode::AccessExclusive, objects)
        }
        ObjectClass::Statistics => {
            let mut ahead = cursor.clone();
            while !ahead.is_at_end() && !ahead.eat("from") {
                ahead.next();
            }
            one(LockMode::ShareUpdateExclusive, ahead.name())
        }
        _ => Vec::new(),
    }
}

fn altered(class: ObjectClass, cursor: &Cursor<'_>, objects: &[NamedObject]) -> Vec<LockTaken> {
    match class {
        ObjectClass::Table
        | ObjectClass::View
        | ObjectClass::MaterializedView
        | ObjectClass::ForeignTable => {
            let relation = objects.iter().filter(|object| object.class == class);
            relation
                .map(|object| lock(LockMode::AccessExclusive, object.display_name()))
                .collect()
        }
        ObjectClass::Index => {
            let renames = objects
                .iter()
                .any(|object| matches!(object.action, ObjectAction::Rename { .. }));
            let mode = match renames || sets_options(cursor) || cursor.holds("attach partition") {
                true => LockMode::ShareUpdateExclusive,
                false => LockMode::AccessExclusive,
            };
            themselves(mode, objects)
        }
        ObjectClass::Sequence => {
            let moves = objects
                .iter()
                .any(|object| matches!(object.action, ObjectAction::Rename { .. }))
                || cursor.holds("owner to")
                || cursor.holds("set schema");
            let mode = match moves {
                true => LockMode::AccessExclusive,
                false => LockMode::ShareRowExclusive,
            };
            themselves(mode, objects)
        }
        ObjectClass::Trigger | ObjectClass::Policy | ObjectClass::Rule => {
            parents(LockMode::AccessExclusive, objects)
        }
        _ => Vec::new(),
    }
}

fn sets_options(cursor: &Cursor<'_>) -> bool {
    let mut ahead = cursor.clone();
    while !ahead.is_at_end() && !ahead.eat("set") {
        ahead.next();
    }
    ahead.eat_symbol("(")
}

fn dropped(class: ObjectClass, objects: &[NamedObject]) -> Vec<LockTaken> {
    match class {
        ObjectClass::Table
        | ObjectClass::View
        | ObjectClass::MaterializedView
        | ObjectClass::ForeignTable
        | ObjectClass::Sequence
        | ObjectClass::Index => themselves(LockMode::AccessExclusive, objects),
        ObjectClass::Trigger | ObjectClass::Policy | ObjectClass::Rule => {
            parents(LockMode::AccessExclusive, objects)
        }
        _ => Vec::new(),
    }
}

fn one(mode: LockMode, name: Option<Name>) -> Vec<LockTaken> {
    name.map(|name| lock(mode, name.display()))
        .into_iter()
        .collect()
}

fn command_locks(
    command: Command,
    cursor: &mut Cursor<'_>,
    objects: &[NamedObject],
) -> Vec<LockTaken> {
    use LockMode::*;
    match command {
        Command::CreateIndexConcurrently => parents(ShareUpdateExclusive, objects),
        Command::DropIndexConcurrently => themselves(ShareUpdateExclusive, objects),
        Command::RefreshMaterializedView => one(AccessExclusive, cursor.name()),
        Command::RefreshMaterializedViewConcurrently => one(Exclusive, cursor.name()),
        Command::Truncate => {
            cursor.eat("table");
            relations(AccessExclusive, cursor)
        }
        Command::Lock => {
            cursor.eat("table");
            let mode = named_mode(cursor);
            relations(mode, cursor)
        }
        Command::Delete => {
            cursor.eat("from");
            cursor.eat("only");
            one(RowExclusive, cursor.name())
        }
        Command::Update => {
            cursor.eat("only");
            one(RowExclusive, cursor.name())
        }
        Command::Insert | Command::Merge => {
            cursor.eat("into");
            cursor.eat("only");
            one(RowExclusive, cursor.name())
        }
        Command::Copy => {
            let reads = cursor.holds("to");
            let name = cursor.name();
            one(if reads { AccessShare } else { RowExclusive }, name)
        }
        Command::Cluster => {
            cursor.eat("verbose");
            cursor.skip_parentheses();
            one(AccessExclusive, cursor.name())
        }
        Command::Vacuum => vacuum(cursor),
        Command::Analyze => {
            cursor.skip_words(&["verbose"]);
            cursor.skip_parentheses();
            relations(ShareUpdateExclusive, cursor)
        }
        Command::Reindex | Command::ReindexConcurrently => reindex(command, cursor),
        Command::Comment => comment(cursor),
        _ => Vec::new(),
    }
}

fn vacuum(cursor: &mut Cursor<'_>) -> Vec<LockTaken> {
    let mut full = false;
    if cursor.peek().is_some_and(|token| token.is_symbol("(")) {
        let mut options = cursor.clone();
        options.next();
        full = options.holds("full");
        cursor.skip_parentheses();
    }
    full |= cursor.holds("full");
    cursor.skip_words(&["full", "freeze", "verbose", "analyze"]);
    let mode = match full {
        true => LockMode::AccessExclusive,
        false => LockMode::ShareUpdateExclusive,
    };
    relations(mode, cursor)
}

fn reindex(command: Command, cursor: &mut Cursor<'_>) -> Vec<LockTaken> {
    cursor.skip_parentheses();
    let is_table = cursor.eat("table");
    let is_index = !is_table && cursor.eat("index");
    cursor.eat("concurrently");
    let mode = match (command, is_table) {
        (Command::ReindexConcurrently, _) => LockMode::ShareUpdateExclusive,
        (_, true) => LockMode::Share,
        _ => LockMode::AccessExclusive,
    };
    match is_table || is_index {
        true => one(mode, cursor.name()),
        false => Vec::new(),
    }
}

fn comment(cursor: &mut Cursor<'_>) -> Vec<LockTaken> {
    cursor.eat("on");
    if cursor.eat("table") {
        return one(LockMode::ShareUpdateExclusive, cursor.name());
    }
    if !cursor.eat("column") {
        return Vec::new();
    }
    // The last part is the column, so that the table is what the name calls its schema.
    let table = cursor.name().and_then(|name| name.schema);
    table
        .map(|table| lock(LockMode::ShareUpdateExclusive, table))
        .into_iter()
        .collect()
}

/// The mode that `LOCK … IN … MODE` names.
fn named_mode(cursor: &Cursor<'_>) -> LockMode {
    const MODES: [LockMode; 8] = [
        LockMode::AccessExclusive,
        LockMode::ShareRowExclusive,
        LockMode::ShareUpdateExclusive,
        LockMode::RowExclusive,
        LockMode::RowShare,
        LockMode::AccessShare,
        LockMode::Exclusive,
        LockMode::Share,
    ];
    MODES
        .into_iter()
        .find(|mode| cursor.holds(&format!("in {mode} mode")))
        .unwrap_or(LockMode::AccessExclusive)
}

fn relations(mode: LockMode, cursor: &mut Cursor<'_>) -> Vec<LockTaken> {
    let mut all = Vec::new();
    loop {
        cursor.eat("only");
        let Some(name) = cursor.name() else {
            return all;
        };
        all.push(lock(mode, name.display()));
        cursor.eat_symbol("*");
        cursor.skip_parentheses();
        if !cursor.eat_symbol(",") {
            return all;
        }
    }
}

/// What keeps these locks for long, outside `ALTER TABLE`.
pub(super) fn long_locks(kind: StatementKind, locks: &[LockTaken], span: Span) -> Vec<LongLock> {
    let reason = match kind {
        StatementKind::Create(ObjectClass::Index) => LongLockReason::BuildsIndex,
        StatementKind::Other(Command::Reindex) => LongLockReason::BuildsIndex,
        StatementKind::Other(Command::Cluster) => LongLockReason::RewritesTable,
        StatementKind::Other(Command::Vacuum) => LongLockReason::RewritesTable,
        _ => return Vec::new(),
    };
    locks
        .iter()
        .filter(|lock| lock.mode.blocks_writers())
        .map(|lock| LongLock {
            table: lock.relation.clone(),
            reason,
            span,
        })
        .collect()
}
