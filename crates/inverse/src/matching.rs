use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use tightrope_model::{Catalog, NativeId, Object, ObjectId, ObjectKind, TableName};

/// A rename that a statement told: the object's identity before and after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    /// Before.
    pub before: ObjectId,
    /// After.
    pub after: ObjectId,
}

/// Which object now is which object of before.
///
/// First by the engine's numbers, or by the renames that statements told; whatever is left, by identity: a table that was
/// dropped and made again under its name is its own successor. So is one that was only renamed out of the way: the application
/// knows a table by its name.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    now_of: BTreeMap<ObjectId, ObjectId>,
    before_of: BTreeMap<ObjectId, ObjectId>,
    by_number: BTreeMap<ObjectId, bool>,
}

impl Matching {
    /// Matches two catalogs of the same database.
    pub fn of(before: &Catalog, now: &Catalog, renames: &[Rename]) -> Self {
        let mut matching = Self::default();
        let numbers: HashMap<(ObjectKind, NativeId), &Object> = now
            .objects()
            .filter_map(|object| Some(((object.id.kind, object.native?), object)))
            .collect();
        let replaced = replaced(before, now, &numbers);
        for object in before.objects() {
            let same = object
                .native
                .and_then(|native| numbers.get(&(object.id.kind, native)));
            if let Some(same) = same.filter(|same| !is_of(same, &replaced)) {
                matching.pair(&object.id, &same.id, true);
            }
        }
        for rename in renames {
            let there = (resolve(before, &rename.before), resolve(now, &rename.after));
            if let (Some(before), Some(now)) = there {
                matching.pair(before, now, true);
            }
        }
        matching.follow_wholes(before, now);
        for object in before.objects() {
            if !matching.now_of.contains_key(&object.id) {
                let namesake = matching.expected(&object.id);
                if now.object(&namesake).is_some() && !matching.before_of.contains_key(&namesake) {
                    matching.pair(&object.id, &namesake, false);
                }
            }
        }
        matching
    }

    /// Columns of a part that was made again are what the columns of its whole are: it has no others.
    fn follow_wholes(&mut self, before: &Catalog, now: &Catalog) {
        let is_part = |catalog: &Catalog, part: &ObjectId| {
            let part = catalog.object(part);
            part.is_some_and(|part| part.attribute("partition_bound").is_some())
        };
        for part in before.objects() {
            let made_again = part.id.kind == ObjectKind::Table
                && is_part(before, &part.id)
                && is_part(now, &part.id)
                && !self.now_of.contains_key(&part.id);
            let whole = part.depends_on.iter().find(|id| {
                let whole = before.object(id);
                whole.is_some_and(|whole| whole.attribute("partition_key").is_some())
            });
            let Some(whole) = whole.filter(|_| made_again) else {
                continue;
            };
            for column in before.columns_of(&part.id) {
                let Some(name) = column.id.path.last() else {
                    continue;
                };
                let of = |table: &ObjectId, name: &String| {
                    let mut path = table.path.clone();
                    path.push(name.clone());
                    ObjectId::new(ObjectKind::Column, path)
                };
                let of_whole = self.now_of.get(&of(whole, name));
                let Some(name) = of_whole.and_then(|id| id.path.last()) else {
                    continue;
                };
                let here = of(&part.id, name);
                if now.object(&here).is_some() {
                    self.pair(&column.id, &here, false);
                }
            }
        }
    }

    /// Makes one more pair, if neither has a partner.
    pub(crate) fn adopt(&mut self, before: &ObjectId, now: &ObjectId) {
        self.pair(before, now, false);
    }

    fn pair(&mut self, before: &ObjectId, now: &ObjectId, certain: bool) {
        if self.now_of.contains_key(before) || self.before_of.contains_key(now) {
            return;
        }
        self.now_of.insert(before.clone(), now.clone());
        self.before_of.insert(now.clone(), before.clone());
        self.by_number.insert(before.clone(), certain);
    }

    /// The identity that an object would have now if only what it belongs to was renamed.
    fn expected(&self, before: &ObjectId) -> ObjectId {
        const RELATIONS: [ObjectKind; 4] = [
            ObjectKind::Table,
            ObjectKind::ForeignTable,
            ObjectKind::View,
            ObjectKind::MaterializedView,
        ];
        let part = matches!(
            before.kind,
            ObjectKind::Column
                | ObjectKind::Constraint
                | ObjectKind::Trigger
                | ObjectKind::Rule
                | ObjectKind::Policy
        );
        if !part || before.path.len() < 2 {
            return before.clone();
        }
        let owner = &before.path[..before.path.len() - 1];
        for kind in RELATIONS {
            if let Some(now) = self.now_of.get(&ObjectId::new(kind, owner.to_vec())) {
                let mut path = now.path.clone();
                path.extend(before.path.last().cloned());
                return ObjectId::new(before.kind, path);
            }
        }
        before.clone()
    }

    /// What an object of before is now; none if it is gone.
    pub fn now(&self, before: &ObjectId) -> Option<&ObjectId> {
        self.now_of.get(before)
    }

    /// What an object was before; none if it is new.
    pub fn before(&self, now: &ObjectId) -> Option<&ObjectId> {
        self.before_of.get(now)
    }

    /// Whether an object of before is certainly the same now (by number, or by a rename), and not only a namesake.
    pub fn is_same(&self, before: &ObjectId) -> bool {
        self.by_number.get(before).copied().unwrap_or_default()
    }
}

/// Tables of now that were renamed out of the way of new ones, which have their names. A table that became a part of the one with
/// its name is not replaced by it.
fn replaced<'c>(
    before: &Catalog,
    now: &'c Catalog,
    numbers: &HashMap<(ObjectKind, NativeId), &'c Object>,
) -> Vec<&'c ObjectId> {
    let is_table = |object: &&Object| object.id.kind == ObjectKind::Table;
    let known: HashSet<NativeId> = before
        .objects()
        .filter(is_table)
        .filter_map(|table| table.native)
        .collect();
    let tables = before.objects().filter(is_table);
    tables
        .filter_map(|table| {
            let renamed = numbers.get(&(ObjectKind::Table, table.native?))?;
            let named = now.object(&table.id)?;
            let is_new = named.native.is_some_and(|native| !known.contains(&native));
            let out_of_the_way = renamed.id != table.id && before.object(&renamed.id).is_none();
            let is_part = renamed.depends_on.contains(&named.id);
            let takes_over = has_what_tells(before, now, &table.id)
                && schema_number(before, &table.id) == schema_number(now, &table.id);
            (is_new && out_of_the_way && !is_part && takes_over).then_some(&renamed.id)
        })
        .collect()
}

/// The number of the schema that a table's name says.
fn schema_number(catalog: &Catalog, table: &ObjectId) -> Option<NativeId> {
    let schema = ObjectId::new(ObjectKind::Schema, table.path.first().cloned());
    catalog.object(&schema)?.native
}

/// Whether a table of now has the columns by which the rows of its namesake of before are told apart: its key, or else all.
fn has_what_tells(before: &Catalog, now: &Catalog, table: &ObjectId) -> bool {
    let [schema, name] = &table.path[..] else {
        return false;
    };
    let table = TableName::new(schema, name);
    let Some(shape) = before.table(&table) else {
        return false;
    };
    let columns = match shape.key.is_empty() {
        true => &shape.columns,
        false => &shape.key,
    };
    let mut columns = columns.iter();
    columns.all(|column| now.object(&ObjectId::of_column(&table, column)).is_some())
}

/// Whether an object is one of these tables or belongs to one.
fn is_of(object: &Object, tables: &[&ObjectId]) -> bool {
    tables.iter().any(|table| {
        let part =
            object.id.path.len() > table.path.len() && object.id.path.starts_with(&table.path);
        let index = object.id.kind == ObjectKind::Index
            && object.attribute("table") == table.path.last().map(String::as_str)
            && object.id.path.first() == table.path.first();
        object.id == **table || part || index
    })
}

/// The object that a statement names: to the letter, or else whatever the case of its letters.
fn resolve<'c>(catalog: &'c Catalog, named: &ObjectId) -> Option<&'c ObjectId> {
    if let Some(object) = catalog.object(named) {
        return Some(&object.id);
    }
    let same = |id: &ObjectId| {
        id.kind == named.kind
            && id.path.len() == named.path.len()
            && id
                .path
                .iter()
                .zip(&named.path)
                .all(|(one, other)| one.eq_ignore_ascii_case(other))
    };
    catalog
        .objects()
        .map(|object| &object.id)
        .find(|id| same(id))
}
