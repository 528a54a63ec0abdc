//! What the path of an object says: its own name, what it belongs to, and with what it must not share a name.

use tightrope_model::{Catalog, Object, ObjectId, ObjectKind};

/// The kinds that own columns, constraints, triggers and the like.
const OWNERS: [ObjectKind; 6] = [
    ObjectKind::Table,
    ObjectKind::ForeignTable,
    ObjectKind::View,
    ObjectKind::MaterializedView,
    ObjectKind::Type,
    ObjectKind::Domain,
];

/// Whether an object's path is that of its owner and a name.
pub(super) fn is_part(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Column
            | ObjectKind::Constraint
            | ObjectKind::Trigger
            | ObjectKind::Rule
            | ObjectKind::Policy
    )
}

/// What an object belongs to, in its catalog: a column's table, an index's table, a constraint's domain.
pub(super) fn owner(object: &Object, catalog: &Catalog) -> Option<ObjectId> {
    let path = if is_part(object.id.kind) {
        object.id.path[..object.id.path.len().checked_sub(1)?].to_vec()
    } else if object.id.kind == ObjectKind::Index {
        vec![
            object.id.path.first()?.clone(),
            object.attribute("table")?.to_owned(),
        ]
    } else {
        return None;
    };
    OWNERS
        .into_iter()
        .map(|kind| ObjectId::new(kind, path.clone()))
        .find(|id| catalog.object(id).is_some())
}

/// Whether an object belongs to a partition.
pub(super) fn is_of_part(object: &Object, catalog: &Catalog) -> bool {
    let owner = owner(object, catalog).and_then(|owner| catalog.object(&owner));
    owner.is_some_and(|table| table.attribute("partition_bound").is_some())
}

/// Whether a table is made of a composite type, and has its columns from it.
pub(super) fn is_typed(table: &ObjectId, catalog: &Catalog) -> bool {
    let table = catalog.object(table);
    table.is_some_and(|table| table.attribute("row_type").is_some())
}

/// The last name of an object without what only tells it from its namesakes, and where that name stands in the path's last
/// part: a function's arguments, an operator class's access method.
pub(super) fn own_name(id: &ObjectId) -> &str {
    let last = id.path.last().map(String::as_str).unwrap_or_default();
    match id.kind {
        ObjectKind::Function
        | ObjectKind::Procedure
        | ObjectKind::Aggregate
        | ObjectKind::Operator => last.split_once('(').map_or(last, |(name, _)| name),
        ObjectKind::OperatorClass | ObjectKind::OperatorFamily => {
            last.split_once(" using ").map_or(last, |(name, _)| name)
        }
        ObjectKind::TextSearch => last.split_once(' ').map_or(last, |(_, name)| name),
        _ => last,
    }
}

/// The schema that an object's own path names; none for what lives in no schema, and for the parts of something.
pub(super) fn schema(id: &ObjectId) -> Option<&str> {
    let in_schema = id.path.len() == 2
        && !matches!(
            id.kind,
            ObjectKind::Setting
                | ObjectKind::UserMapping
                | ObjectKind::DefaultPrivileges
                | ObjectKind::LargeObject
        );
    in_schema.then(|| id.path.first().map(String::as_str))?
}

/// Objects of one such space must not share a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Space {
    /// Relations and types: a table has a row type of its name.
    Relation,
    /// Functions, procedures and aggregates.
    Routine,
    /// Everything else has a space of its own.
    Kind(ObjectKind),
}

/// The space of a kind.
pub(super) fn space(kind: ObjectKind) -> Space {
    match kind {
        ObjectKind::Table
        | ObjectKind::ForeignTable
        | ObjectKind::View
        | ObjectKind::MaterializedView
        | ObjectKind::Sequence
        | ObjectKind::Index
        | ObjectKind::Type
        | ObjectKind::Enum
        | ObjectKind::Domain => Space::Relation,
        ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Aggregate => Space::Routine,
        other => Space::Kind(other),
    }
}

/// Where a kind stands among those that do not need each other: what is made first has the lowest rank.
pub(super) fn rank(object: &Object) -> u8 {
    match object.id.kind {
        ObjectKind::Setting | ObjectKind::LargeObject => 0,
        ObjectKind::Schema => 1,
        ObjectKind::Extension => 2,
        ObjectKind::Language => 3,
        ObjectKind::AccessMethod => 4,
        ObjectKind::DefaultPrivileges => 5,
        ObjectKind::ForeignDataWrapper => 6,
        ObjectKind::ForeignServer => 7,
        ObjectKind::UserMapping => 8,
        ObjectKind::Collation | ObjectKind::Conversion | ObjectKind::TextSearch => 9,
        ObjectKind::Type | ObjectKind::Enum => 10,
        ObjectKind::Domain => 11,
        ObjectKind::Sequence => 13,
        ObjectKind::Function => 14,
        ObjectKind::Procedure => 15,
        ObjectKind::Aggregate => 16,
        ObjectKind::Operator => 17,
        ObjectKind::OperatorFamily => 18,
        ObjectKind::OperatorClass => 19,
        ObjectKind::Cast | ObjectKind::Transform => 20,
        ObjectKind::Table | ObjectKind::VirtualTable => 22,
        ObjectKind::ForeignTable => 23,
        ObjectKind::Column => 24,
        ObjectKind::Constraint => match object.attribute("form") {
            Some("p") => 30,
            Some("u" | "x") => 31,
            Some("f") => 36,
            _ if object.attribute("of_domain").is_some() => 12,
            _ => 34,
        },
        ObjectKind::Index => 32,
        ObjectKind::View => 40,
        ObjectKind::MaterializedView => 41,
        ObjectKind::Rule => 42,
        ObjectKind::Trigger => 43,
        ObjectKind::Policy => 44,
        ObjectKind::Statistics => 45,
        ObjectKind::Publication => 46,
        ObjectKind::EventTrigger => 60,
    }
}
