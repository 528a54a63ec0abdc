//! Which tables a migration touches, and how their rows are kept.

use std::collections::{BTreeMap, BTreeSet};

use super::parts;
use tightrope_inverse::Matching;
use tightrope_model::{
    Catalog, ColumnPlan, Keep, KeyColumn, NetPlan, Object, ObjectId, ObjectKind, TableChange,
    TableName, TablePlan, TableShape,
};

/// What a run of the forward script has touched, as far as the catalogs do not tell it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    /// Rows written, by the table's name after the script.
    pub(crate) rows: Vec<(TableName, TableChange)>,
    /// Tables (by the name before) whose rows the script's statements name, whether or not there were any.
    pub(crate) named: BTreeSet<TableName>,
    /// Tables (by the name before) that a statement drops: what has their name afterwards is another one, where the engine does
    /// not number its objects.
    pub(crate) dropped: BTreeSet<TableName>,
    /// Columns (by their identity before) that a statement drops: what has their name afterwards is another one, where the engine does
    /// not number its objects.
    pub(crate) dropped_columns: BTreeSet<ObjectId>,
    /// Tables (by the name before) of which values of the key changed.
    pub(crate) keys: BTreeSet<TableName>,
    /// Tables (by the name before) that a change of the schema gave other keys, which no statement that writes rows tells.
    pub(crate) rekeyed: BTreeSet<TableName>,
    /// Tables (by the name before) that were written anew, and may have got other keys on the way: the rehearsal does not tell.
    pub(crate) doubted: BTreeSet<TableName>,
    /// Tables (by the name before) of which no value of before changed, whatever was written.
    pub(crate) unchanged: BTreeSet<TableName>,
    /// Tables (by the name before) that the script has rewritten, and values of before with them as far as is known:
    /// `alter column … type … using` gives them other values of the same type.
    pub(crate) rewritten: BTreeSet<TableName>,
    /// Tables (by the name before) whose triggers the script switches off, so that its changes cannot be caught.
    pub(crate) unwatched: BTreeSet<TableName>,
    /// Rows before, by table.
    pub(crate) counts: BTreeMap<TableName, u64>,
}

/// Decides what the net keeps, from the catalogs of both sides and what a run has touched.
pub(crate) fn plan_net(
    before: &Catalog,
    after: &Catalog,
    matching: &Matching,
    touched: &Touched,
) -> NetPlan {
    let mut planner = Planner::new(before, after, matching, touched);
    let returning = before
        .tables()
        .iter()
        .filter(|shape| planner.loses_rows(&shape.table));
    planner.parents = parents_of(before, returning.map(|shape| &shape.table));
    let divided = parts::divided(before, after, matching, touched);
    planner.parts = parts::with(before, |table| {
        let shape = before.table(table);
        parts::goes_elsewhere(&divided, table)
            || shape.is_some_and(|shape| planner.table(shape).is_some())
    });
    let mut plan = NetPlan::default();
    for shape in before.tables() {
        if let Some(mut table) = planner.table(shape) {
            table.number = plan.tables.len() + 1;
            if table.key.is_empty() && table.after.is_some() {
                plan.remarks.push(format!(
                    "{} has no key that stays: its rows are compared whole and counted",
                    table.before
                ));
            }
            plan.tables.push(table);
        }
    }
    parts::keep_the_same(before, &mut plan);
    for whole in &divided {
        parts::watch(&planner, whole, &mut plan);
    }
    plan
}

/// The tables (by the name before) that stand in another file than before: every row was written anew. Engines that have no
/// such files tell nothing.
pub(crate) fn stand_elsewhere(
    before: &Catalog,
    after: &Catalog,
    matching: &Matching,
) -> Vec<TableName> {
    let file = |catalog: &'_ Catalog, id: &ObjectId| {
        let object = catalog.object(id)?;
        object.attribute("storage_file").map(str::to_owned)
    };
    let moved = before.tables().iter().filter(|shape| {
        let id = ObjectId::of_table(&shape.table);
        let was = file(before, &id);
        let now = matching.now(&id).and_then(|now| file(after, now));
        was.is_some() && now.is_some() && was != now
    });
    moved.map(|shape| shape.table.clone()).collect()
}

/// What a table is called after the script, and what has become of its columns; none if it is gone.
pub(crate) fn columns_in_both(
    before: &Catalog,
    after: &Catalog,
    matching: &Matching,
    table: &TableName,
) -> Option<(TableName, Vec<ColumnPlan>)> {
    let touched = Touched::default();
    let planner = Planner::new(before, after, matching, &touched);
    let now = matching.now(&ObjectId::of_table(table))?;
    Some((name_of(now), planner.columns(table)))
}

pub(super) struct Planner<'a> {
    before: &'a Catalog,
    pub(super) after: &'a Catalog,
    matching: &'a Matching,
    touched: &'a Touched,
    parents: BTreeSet<TableName>,
    /// Parts of partitioned tables of which another part is planned for.
    parts: BTreeSet<TableName>,
}

impl<'a> Planner<'a> {
    /// With nobody's parents and parts yet.
    fn new(
        before: &'a Catalog,
        after: &'a Catalog,
        matching: &'a Matching,
        touched: &'a Touched,
    ) -> Self {
        Self {
            before,
            after,
            matching,
            touched,
            parents: BTreeSet::new(),
            parts: BTreeSet::new(),
        }
    }
    /// Whether rows of before may come back that have not been there in the window, or refer to what they did not refer to
    /// then.
    fn loses_rows(&self, table: &TableName) -> bool {
        let Some(now) = self.matching.now(&self.identity(table)) else {
            return true;
        };
        let change = self.change(&name_of(now));
        let written = change.updated + change.deleted > 0 || self.touched.named.contains(table);
        let changed = written && !self.touched.unchanged.contains(table);
        changed || self.touched.rewritten.contains(table) || self.touched.dropped.contains(table)
    }

    fn table(&self, shape: &TableShape) -> Option<TablePlan> {
        let id = self.identity(&shape.table);
        let now = self.matching.now(&id);
        let columns = self.columns(&shape.table);
        let change = now
            .map(|now| self.change(&name_of(now)))
            .unwrap_or_default();
        let mut plan = TablePlan {
            number: 0,
            before: shape.table.clone(),
            after: now.map(name_of),
            key: Vec::new(),
            added: now.map(|now| self.added(now)).unwrap_or_default(),
            columns,
            keep: Keep::Nothing,
            rows: change,
            truncated: false,
            key_changes: self.touched.keys.contains(&shape.table),
            key_in_doubt: self.touched.doubted.contains(&shape.table),
            rows_before: self.touched.counts.get(&shape.table).copied().unwrap_or(0),
            divided: None,
            is_made: false,
        };
        plan.key = self.key(shape, &plan);
        plan.key_in_doubt &= !plan.key.is_empty();
        plan.keep = self.keep(&id, &plan);
        let counts = plan.keep != Keep::Nothing
            || plan.after.as_ref() != Some(&plan.before)
            || !plan.added.is_empty()
            || plan
                .columns
                .iter()
                .any(|column| column.after.as_ref() != Some(&column.before))
            || self.parents.contains(&plan.before)
            || self.parts.contains(&plan.before)
            || self.is_relaxed(&plan);
        counts.then_some(plan)
    }

    /// A table's identity; a virtual table is an object of another kind.
    fn identity(&self, table: &TableName) -> ObjectId {
        let id = ObjectId::of_table(table);
        let is_virtual = ObjectId::new(ObjectKind::VirtualTable, id.path.clone());
        match self.before.object(&is_virtual) {
            Some(_) => is_virtual,
            None => id,
        }
    }

    fn change(&self, after: &TableName) -> TableChange {
        let found = self.touched.rows.iter().find(|(table, _)| table == after);
        found.map(|(_, change)| *change).unwrap_or_default()
    }

    /// Whether a part of before is there, and none any more.
    pub(super) fn is_alone(&self, table: &TableName) -> bool {
        let now = self.matching.now(&ObjectId::of_table(table));
        let now = now.and_then(|now| self.after.object(now));
        now.is_some_and(|now| now.attribute("partition_bound").is_none())
    }

    /// The columns with values of their own, in their order.
    pub(super) fn columns(&self, table: &TableName) -> Vec<ColumnPlan> {
        let mut columns: Vec<&Object> = columns_of(self.before, table).collect();
        columns.sort_by_key(|column| position(column));
        let planned = columns.into_iter().filter(|column| !is_generated(column));
        planned
            .map(|column| {
                let now = self.matching.now(&column.id);
                let now = now.and_then(|id| self.after.object(id));
                let now = now.filter(|now| !is_generated(now));
                let type_before = column.attribute("type").unwrap_or_default().to_owned();
                let type_after = now
                    .map(|now| now.attribute("type").unwrap_or_default().to_owned())
                    .filter(|after| {
                        *after != type_before || self.redefined(column) || self.is_remade(column)
                    });
                ColumnPlan {
                    before: last(&column.id),
                    after: now.map(|now| last(&now.id)),
                    type_before,
                    type_after,
                    hidden: false,
                }
            })
            .collect()
    }

    /// Whether another column of the same table has the name of one that was dropped: none of its values is one of before.
    fn is_remade(&self, column: &Object) -> bool {
        let table = column.id.table_of_column();
        match self.numbered(&table) {
            true => self.matching.is_same(&table) && !self.matching.is_same(&column.id),
            false => self.touched.dropped_columns.contains(&column.id),
        }
    }

    /// Whether the type that a column has under the same name is another type now: dropped and made again.
    fn redefined(&self, column: &Object) -> bool {
        column
            .depends_on
            .iter()
            .filter(|id| OWN_TYPES.contains(&id.kind))
            .any(|id| self.matching.now(id).is_none() || !self.matching.is_same(id))
    }

    pub(super) fn added(&self, now: &ObjectId) -> Vec<String> {
        let mut added: Vec<&Object> = columns_of(self.after, &name_of(now))
            .filter(|column| self.matching.before(&column.id).is_none() && !is_generated(column))
            .collect();
        added.sort_by_key(|column| position(column));
        added.iter().map(|column| last(&column.id)).collect()
    }

    /// The key before, if it is one after, too, and its values can be compared across the change.
    fn key(&self, shape: &TableShape, plan: &TablePlan) -> Vec<KeyColumn> {
        let Some(after) = plan
            .after
            .as_ref()
            .and_then(|after| self.after.table(after))
        else {
            return shape
                .key
                .iter()
                .map(|name| KeyColumn {
                    before: name.clone(),
                    after: name.clone(),
                })
                .collect();
        };
        if self.touched.rekeyed.contains(&shape.table) {
            return Vec::new();
        }
        let mut key = Vec::new();
        for name in &shape.key {
            let column = plan.columns.iter().find(|column| &column.before == name);
            let Some(after) = column.and_then(|column| {
                let is_remade = |before: &String| {
                    let id = ObjectId::of_column(&shape.table, before);
                    self.before
                        .object(&id)
                        .is_some_and(|column| self.is_remade(column))
                };
                let comparable = column
                    .type_after
                    .as_ref()
                    .is_none_or(|after| widens(&column.type_before, after))
                    && !is_remade(&column.before);
                column.after.clone().filter(|_| comparable)
            }) else {
                return Vec::new();
            };
            key.push(KeyColumn {
                before: name.clone(),
                after,
            });
        }
        let named: BTreeSet<&String> = key.iter().map(|column| &column.after).collect();
        let known: BTreeSet<&String> = after.key.iter().collect();
        match named == known || self.is_key_now(&after.table, &named) {
            true => key,
            false => Vec::new(),
        }
    }

    /// Whether these columns are a key after, beside the one that the table is known by then.
    pub(super) fn is_key_now(&self, table: &TableName, named: &BTreeSet<&String>) -> bool {
        unique_indexes(self.after, table).any(|index| {
            let key = index
                .attribute("key")
                .map(serde_json::from_str::<Vec<String>>);
            key.is_some_and(|key| {
                key.is_ok_and(|key| key.iter().collect::<BTreeSet<_>>() == *named)
            })
        })
    }

    fn keep(&self, id: &ObjectId, plan: &TablePlan) -> Keep {
        let is_another = match self.numbered(id) {
            true => !self.matching.is_same(id),
            false => self.touched.dropped.contains(&plan.before),
        };
        if plan.after.is_none() || is_another {
            return Keep::Whole;
        }
        let rewritten =
            self.touched.rewritten.contains(&plan.before) || self.loses_attributes(&plan.before);
        let written = !plan.rows.is_empty() || self.touched.named.contains(&plan.before);
        let written = written || rewritten;
        let loses = plan.columns.iter().any(ColumnPlan::is_lost);
        match (loses, written) {
            (true, true) => Keep::Whole,
            (true, false) if plan.key.is_empty() => Keep::Whole,
            (true, false) => Keep::Columns,
            (false, true) if rewritten || self.touched.unwatched.contains(&plan.before) => {
                Keep::Whole
            }
            // What is caught after a label has another name is kept under that one.
            (false, true) if self.has_changed_types(&plan.before) => Keep::Whole,
            (false, true) if self.touched.unchanged.contains(&plan.before) && !plan.key_changes => {
                Keep::Changed
            }
            (false, true) => keep_rows(plan),
            (false, false) => Keep::Nothing,
        }
    }

    /// Whether the engine numbers its objects.
    fn numbered(&self, id: &ObjectId) -> bool {
        self.before
            .object(id)
            .is_some_and(|object| object.native.is_some())
    }

    /// Whether an object is gone, or another one now.
    fn is_gone_or_changed(&self, object: &Object) -> bool {
        let now = self
            .matching
            .now(&object.id)
            .and_then(|id| self.after.object(id));
        now.is_none_or(|now| comparable(now) != comparable(object))
    }

    /// Whether a type of the user's is gone, or another one now, that values of the table obey.
    fn has_changed_types(&self, table: &TableName) -> bool {
        columns_of(self.before, table).any(|column| {
            let mut types = types_of(self.before, column).into_iter();
            types.any(|id| {
                let own = self.before.object(id);
                own.is_some_and(|own| self.is_gone_or_changed(own))
            })
        })
    }

    /// Whether a composite type of the user's, of which the table has values, has lost an attribute: no row is written for that.
    fn loses_attributes(&self, table: &TableName) -> bool {
        columns_of(self.before, table).any(|column| {
            let types = types_of(self.before, column).into_iter();
            let mut attributes = types.flat_map(|id| self.before.columns_of(id));
            attributes.any(|attribute| !self.matching.is_same(&attribute.id))
        })
    }

    /// Whether the old schema demands something of its rows that the new one does not.
    fn is_relaxed(&self, plan: &TablePlan) -> bool {
        let gone_or_changed = |object: &Object| self.is_gone_or_changed(object);
        let table = &plan.before;
        let nullable = columns_of(self.before, table).any(|column| {
            let now = self
                .matching
                .now(&column.id)
                .and_then(|id| self.after.object(id));
            let changed_type = types_of(self.before, column).into_iter().any(|id| {
                self.before.object(id).is_some_and(gone_or_changed)
                    || parts_of(self.before, ObjectKind::Constraint, &name_of(id))
                        .any(gone_or_changed)
            });
            changed_type
                || column.attribute("not_null") != now.and_then(|now| now.attribute("not_null"))
        });
        nullable
            || parts_of(self.before, ObjectKind::Constraint, table).any(gone_or_changed)
            || unique_indexes(self.before, table).any(gone_or_changed)
    }
}

/// Few rows of a large table are caught by triggers; otherwise copying all of them is cheaper.
fn keep_rows(plan: &TablePlan) -> Keep {
    let changed = plan.rows.updated + plan.rows.deleted;
    if plan.key_changes
        || plan.key.is_empty()
        || changed.saturating_mul(4) > plan.rows_before && plan.rows_before > 0
    {
        Keep::Whole
    } else {
        Keep::Changed
    }
}

/// Types of the user's.
const OWN_TYPES: [ObjectKind; 3] = [ObjectKind::Type, ObjectKind::Enum, ObjectKind::Domain];

/// The types of the user's that a column's values obey: its own, and what that is made of.
fn types_of<'c>(catalog: &'c Catalog, column: &'c Object) -> Vec<&'c ObjectId> {
    let mut types: Vec<&ObjectId> = Vec::new();
    let mut objects = vec![column];
    while let Some(object) = objects.pop() {
        for id in &object.depends_on {
            if OWN_TYPES.contains(&id.kind) && !types.contains(&id) {
                types.push(id);
                objects.extend(catalog.object(id));
            }
        }
    }
    types
}

/// What of an object counts when it is asked whether it demands the same.
fn comparable(object: &Object) -> Vec<(&String, &String)> {
    let attributes = object.attributes.iter();
    attributes
        .filter(|(name, _)| !matches!(name.as_str(), "comment" | "owner" | "privileges"))
        .map(|(name, attribute)| (name, &attribute.value))
        .collect()
}

/// Whether values of one type compare with values of the other as they are.
fn widens(before: &str, after: &str) -> bool {
    const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];
    let is_text = |name: &str| {
        name == "text" || name.starts_with("character varying") || name.starts_with("varchar")
    };
    let is_number = INTEGERS.contains(&after) || after.starts_with("numeric");
    INTEGERS.contains(&before) && is_number || is_text(before) && is_text(after)
}

/// The tables to which these refer: what the application does to their rows counts for the rows that come back.
fn parents_of<'t>(
    before: &Catalog,
    tables: impl Iterator<Item = &'t TableName>,
) -> BTreeSet<TableName> {
    let mut parents = BTreeSet::new();
    for table in tables {
        // Where objects have no numbers, references are no objects of their own: the table says to what it refers.
        let own = before.object(&ObjectId::of_table(table));
        let own = own.filter(|object| object.native.is_none());
        for object in parts_of(before, ObjectKind::Constraint, table).chain(own) {
            let others = object.depends_on.iter().filter_map(|id| match id.kind {
                ObjectKind::Table => Some(name_of(id)),
                ObjectKind::Column => Some(name_of(&id.table_of_column())),
                _ => None,
            });
            let others = others.filter(|other| other != table);
            parents.extend(others.flat_map(|other| before.leaves(&other)));
        }
    }
    parents
}

pub(crate) fn name_of(id: &ObjectId) -> TableName {
    match id.path.as_slice() {
        [name] => TableName::new("", name),
        [schema, name, ..] => TableName::new(schema, name),
        [] => TableName::new("", ""),
    }
}

fn parts_of<'c>(
    catalog: &'c Catalog,
    kind: ObjectKind,
    table: &TableName,
) -> impl Iterator<Item = &'c Object> + use<'c> {
    let path = ObjectId::of_table(table).path;
    catalog.objects().filter(move |object| {
        object.id.kind == kind
            && object.id.path.len() == path.len() + 1
            && object.id.path.starts_with(&path)
    })
}

fn columns_of<'c>(
    catalog: &'c Catalog,
    table: &TableName,
) -> impl Iterator<Item = &'c Object> + use<'c> {
    parts_of(catalog, ObjectKind::Column, table)
}

fn unique_indexes<'c>(
    catalog: &'c Catalog,
    table: &TableName,
) -> impl Iterator<Item = &'c Object> + use<'c> {
    let table = table.clone();
    catalog.objects().filter(move |object| {
        let schema = object
            .id
            .path
            .split_last()
            .map(|(_, schema)| schema.join("."));
        object.id.kind == ObjectKind::Index
            && object.attribute("table") == Some(table.name.as_str())
            && schema.unwrap_or_default() == table.schema
            && (object.attribute("unique").is_some()
                || object
                    .attribute("definition")
                    .is_some_and(|text| text.starts_with("CREATE UNIQUE")))
    })
}

fn is_generated(column: &Object) -> bool {
    column.attribute("generated").is_some()
}

fn position(column: &Object) -> u32 {
    column
        .attribute("position")
        .and_then(|position| position.parse().ok())
        .unwrap_or(u32::MAX)
}

fn last(id: &ObjectId) -> String {
    id.path.last().cloned().unwrap_or_default()
}
