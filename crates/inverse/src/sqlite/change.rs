//! What happened to each table.

use std::collections::{BTreeMap, BTreeSet};

use tightrope_model::{Catalog, Object, ObjectId, ObjectKind, TableName};

use super::name;
use crate::{Change, Matching, Rename, TableSource};

/// A table's column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    pub(super) object: &'a Object,
}

impl Column<'_> {
    /// Whether its values are computed from other columns.
    pub(super) fn is_generated(&self) -> bool {
        self.object.attribute("generated").is_some()
    }
}

/// A table that is made again: as it was, and what it is now.
#[derive(Clone, Debug)]
pub(super) struct Anew<'a> {
    pub(super) before: &'a Object,
    pub(super) now: Option<&'a Object>,
}

impl<'a> Anew<'a> {
    pub(super) fn name(&self) -> &'a str {
        last(&self.before.id)
    }

    pub(super) fn table_name(&self) -> TableName {
        TableName::new("", self.name())
    }
}

/// All tables that something has to be done about.
#[derive(Debug, Default)]
pub(super) struct Tables<'a> {
    /// Tables that are made again, in the order of their names.
    pub(super) anew: Vec<Anew<'a>>,
    /// Tables that the migration made.
    pub(super) new: Vec<&'a Object>,
    /// Tables that stay as they are.
    pub(super) same: Vec<&'a Object>,
    matching: Matching,
}

impl<'a> Tables<'a> {
    pub(super) fn of(change: &Change<'a>) -> Self {
        let renames: Vec<Rename> = change
            .renames
            .iter()
            .map(|told| spelled(change, told))
            .collect();
        let mut tables = Self {
            matching: Matching::of(change.before, change.now, &renames),
            ..Self::default()
        };
        let mut taken = BTreeSet::new();
        for before in of_kind(change.before, ObjectKind::Table).filter(|table| is_own(table)) {
            let now = tables.successor(change.now, &before.id);
            taken.extend(now.map(|now| &now.id));
            match now {
                Some(now) if now.id == before.id && text(now) == text(before) => {
                    tables.same.push(now);
                }
                now => tables.anew.push(Anew { before, now }),
            }
        }
        tables.new = of_kind(change.now, ObjectKind::Table)
            .filter(|table| is_own(table) && !taken.contains(&table.id))
            .collect();
        tables
    }

    /// What an object of before is now; a name in other letters is the same name.
    fn successor(&self, now: &'a Catalog, before: &ObjectId) -> Option<&'a Object> {
        let found = match self.matching.now(before) {
            Some(id) => now.object(id),
            None => of_kind(now, before.kind).find(|object| {
                self.matching.before(&object.id).is_none() && same_path(&object.id, before)
            }),
        };
        found.filter(|object| object.id.kind != ObjectKind::Table || is_own(object))
    }

    /// What a column of before is now.
    pub(super) fn column(
        &self,
        now: &'a Catalog,
        table: &Object,
        before: &ObjectId,
    ) -> Option<Column<'a>> {
        let owned = |id: &&ObjectId| {
            id.path
                .first()
                .is_some_and(|owner| owner == last(&table.id))
        };
        if let Some(id) = self.matching.now(before).filter(owned) {
            let object = now.object(id)?;
            return Some(Column {
                name: last(&object.id),
                object,
            });
        }
        let wanted = last(before);
        columns(now, last(&table.id)).into_iter().find(|column| {
            let free = self
                .matching
                .before(&column.object.id)
                .is_none_or(|other| !self.matching.is_same(other));
            free && column.name.eq_ignore_ascii_case(wanted)
        })
    }

    /// Whether a table of before, by its name, is made again.
    pub(super) fn is_anew(&self, before: &str) -> bool {
        let named = |table: &Anew<'_>| table.name().eq_ignore_ascii_case(before);
        self.anew.iter().any(named)
    }

    /// Whether a table of now, by its name, is dropped, whether or not its rows live on in another.
    pub(super) fn goes(&self, now: &str) -> bool {
        let mut going = self.going().into_iter();
        going.any(|object| last(&object.id).eq_ignore_ascii_case(now))
    }

    /// Whether a table that goes is renamed away first: its rows are still needed, or its name is.
    pub(super) fn makes_way(&self, now: &Object) -> bool {
        let anew = self.anew.iter().filter_map(|table| table.now);
        anew.map(|table| &table.id).any(|id| id == &now.id) || self.is_anew(last(&now.id))
    }

    /// The tables of now that go: those that are made again, and new ones.
    pub(super) fn going(&self) -> Vec<&'a Object> {
        let anew = self.anew.iter().filter_map(|table| table.now);
        anew.chain(self.new.iter().copied()).collect()
    }
}

/// What the net has for a table.
pub(super) fn source<'s>(change: &Change<'s>, table: &Anew<'_>) -> Option<&'s TableSource> {
    change.sources.tables.get(&table.table_name())
}

/// The last part of a path: an object's own name.
pub(super) fn last(id: &ObjectId) -> &str {
    id.path.last().map_or("", String::as_str)
}

/// The statement that made an object, to the letter.
pub(super) fn text(object: &Object) -> Option<&str> {
    object.attribute("text")
}

pub(super) fn of_kind(catalog: &Catalog, kind: ObjectKind) -> impl Iterator<Item = &Object> {
    catalog
        .objects()
        .filter(move |object| object.id.kind == kind)
}

/// A table's columns in their order.
pub(super) fn columns<'a>(catalog: &'a Catalog, table: &str) -> Vec<Column<'a>> {
    let mut columns: BTreeMap<usize, Vec<Column<'a>>> = BTreeMap::new();
    for object in of_kind(catalog, ObjectKind::Column) {
        if object.id.path.first().is_some_and(|owner| owner == table) {
            let position = object
                .attribute("position")
                .and_then(|text| text.parse().ok());
            let column = Column {
                name: last(&object.id),
                object,
            };
            columns
                .entry(position.unwrap_or_default())
                .or_default()
                .push(column);
        }
    }
    columns.into_values().flatten().collect()
}

/// How the rowid of a table is called, if it has one that no column is another name of.
pub(super) fn free_rowid(catalog: &Catalog, table: &Object) -> Option<&'static str> {
    let columns = columns(catalog, last(&table.id));
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    if table.attribute("without_rowid").is_some() || has_named_rowid(catalog, table) {
        return None;
    }
    name::rowid(&names)
}

/// Whether a column is another name of the rowid: a primary key of one column of type INTEGER.
fn has_named_rowid(catalog: &Catalog, table: &Object) -> bool {
    let key = ObjectId::new(ObjectKind::Constraint, [last(&table.id), "primary key"]);
    let Some(key) = catalog
        .object(&key)
        .and_then(|key| key.attribute("columns"))
    else {
        return false;
    };
    columns(catalog, last(&table.id)).iter().any(|column| {
        let lower = column.name.to_ascii_lowercase();
        (key == lower || key == name::quoted(&lower))
            && column.object.attribute("type") == Some("integer")
    })
}

/// A rename with the names as the catalogs spell them; a statement may use other letters.
fn spelled(change: &Change<'_>, told: &Rename) -> Rename {
    let spell = |catalog: &Catalog, id: &ObjectId| {
        let found = catalog
            .object(id)
            .or_else(|| of_kind(catalog, id.kind).find(|object| same_path(&object.id, id)));
        found.map_or_else(|| id.clone(), |object| object.id.clone())
    };
    Rename {
        before: spell(change.before, &told.before),
        after: spell(change.now, &told.after),
    }
}

/// Whether a table is one of its own, and not a part of a virtual table.
fn is_own(table: &Object) -> bool {
    table.attribute("belongs_to").is_none()
}

fn same_path(left: &ObjectId, right: &ObjectId) -> bool {
    left.path.len() == right.path.len()
        && left
            .path
            .iter()
            .zip(&right.path)
            .all(|(left, right)| left.eq_ignore_ascii_case(right))
}
