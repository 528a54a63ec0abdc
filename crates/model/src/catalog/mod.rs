//! The schema as data.
//!
//! A [`Catalog`] is a flat map from an object's identity (its kind and path) to its attributes, all of them text. Engines
//! fill it from one `.sql` file a kind; fingerprints, differences and (later) inverses are computed here, once, for every
//! engine. What an attribute is worth is decided by its [`AttributeLevel`], which the engine that wrote it states.
//!
//! **Invariant:** nothing in a catalog depends on when or where it was read: no OIDs (they travel apart, as
//! [`NativeId`]), no sizes, no sequence values, nothing of tightrope's own objects.

mod canonical;
mod difference;
mod fingerprint;
mod object;

pub use difference::{Change, Difference, Differences, differences_in_words};
pub use fingerprint::{Fingerprint, squeeze_text};
pub use object::{Attribute, AttributeLevel, NativeId, Object, ObjectId, ObjectKind};

use std::collections::BTreeMap;

use crate::{TableName, TableShape};

/// A database's schema, every object by its identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    objects: BTreeMap<ObjectId, Object>,
    shapes: Vec<TableShape>,
}

impl Catalog {
    /// A catalog of these objects; `shapes` are the tables that hold rows of their own (partitions and foreign tables'
    /// parents are not among them).
    pub fn new(objects: impl IntoIterator<Item = Object>, shapes: Vec<TableShape>) -> Self {
        Self {
            objects: objects
                .into_iter()
                .map(|object| (object.id.clone(), object))
                .collect(),
            shapes,
        }
    }

    /// The object of that identity.
    pub fn object(&self, id: &ObjectId) -> Option<&Object> {
        self.objects.get(id)
    }

    /// All objects, by kind and then path.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    /// The columns of a table, view or type, by name.
    pub fn columns_of(&self, owner: &ObjectId) -> impl Iterator<Item = &Object> {
        let first = ObjectId::new(ObjectKind::Column, owner.path.iter().cloned());
        let path = first.path.clone();
        self.objects
            .range(first..)
            .map(|(_, object)| object)
            .take_while(move |object| {
                object.id.kind == ObjectKind::Column && object.id.path.starts_with(&path)
            })
            .filter(|object| object.id.path.len() == owner.path.len() + 1)
    }

    /// The tables that hold rows, with what is needed to read them.
    pub fn tables(&self) -> &[TableShape] {
        &self.shapes
    }

    /// All sequences that belong to a column, with that column's path.
    pub fn owned_sequences(&self) -> impl Iterator<Item = (&Object, Vec<String>)> {
        self.objects()
            .skip_while(|object| object.id.kind < ObjectKind::Sequence)
            .take_while(|object| object.id.kind == ObjectKind::Sequence)
            .filter_map(|sequence| Some((sequence, sequence.owner_column()?)))
    }

    /// The sequence behind an identity column.
    pub fn identity_sequence(&self, column: &Object) -> Option<&Object> {
        column.attribute("identity")?;
        self.owned_sequences()
            .find(|(sequence, owner)| {
                *owner == column.id.path && sequence.attribute("identity").is_some()
            })
            .map(|(sequence, _)| sequence)
    }

    /// The partitions of a table, not those of its partitions.
    pub fn partitions<'c>(&'c self, table: &ObjectId) -> impl Iterator<Item = &'c Object> {
        self.objects().filter(move |object| {
            object.attribute("partition_bound").is_some() && object.depends_on.contains(table)
        })
    }

    /// The table of which a table is a partition.
    pub fn partitioned(&self, table: &TableName) -> Option<TableName> {
        let object = self.object(&ObjectId::of_table(table))?;
        object.attribute("partition_bound")?;
        let needs = object.depends_on.iter().filter_map(|id| self.object(id));
        let mut wholes = needs.filter(|whole| whole.attribute("partition_key").is_some());
        match &wholes.next()?.id.path[..] {
            [schema, name] => Some(TableName::new(schema, name)),
            _ => None,
        }
    }

    /// Whether a table that is there stands for itself: it is no partition, has none, inherits nothing, and nothing inherits from it.
    pub fn stands_alone(&self, table: &TableName) -> bool {
        let id = ObjectId::of_table(table);
        let is_plain = |object: &Object| {
            ["partition_bound", "partition_key", "inherits"]
                .iter()
                .all(|attribute| object.attribute(attribute).is_none())
        };
        self.object(&id).is_some_and(is_plain)
            && self
                .objects()
                .all(|other| other.id.kind != ObjectKind::Table || !other.depends_on.contains(&id))
    }

    /// The tables that hold a table's rows: itself, or the leaves of its partitions.
    pub fn leaves(&self, table: &TableName) -> Vec<TableName> {
        let (mut leaves, mut left) = (Vec::new(), vec![table.clone()]);
        while let Some(next) = left.pop() {
            if self.table(&next).is_some() {
                leaves.push(next);
                continue;
            }
            let id = ObjectId::of_table(&next);
            let parts = self.partitions(&id);
            left.extend(parts.filter_map(|part| match &part.id.path[..] {
                [schema, name] => Some(TableName::new(schema, name)),
                _ => None,
            }));
        }
        leaves
    }

    /// The shape of one table.
    pub fn table(&self, name: &TableName) -> Option<&TableShape> {
        self.shapes.iter().find(|shape| &shape.table == name)
    }

    /// How many objects of a kind there are.
    pub fn count(&self, kind: ObjectKind) -> usize {
        self.objects.keys().filter(|id| id.kind == kind).count()
    }

    /// The catalog's digests, logical and strict.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint::of(self)
    }

    /// What is different in `now`, seen from this catalog.
    pub fn differences(&self, now: &Self) -> Differences {
        difference::between(self, now)
    }
}
