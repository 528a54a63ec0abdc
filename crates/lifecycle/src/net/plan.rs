//! Which tables a migration touches, and how their rows are kept.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Tables (by the name before) of which values of the key changed.
    pub(crate) keys: BTreeSet<TableName>,
    /// Tables (by the name before) of which no value of before changed, whatever was written.
    pub(crate) unchanged: BTreeSet<TableName>,
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
    let planner = Planner {
        before,
        after,
        matching,
        touched,
        parents: parents_of_dropped(before, matching),
    };
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
    plan
}

struct Planner<'a> {
    before: &'a Catalog,
    after: &'a Catalog,
    matching: &'a Matching,
    touched: &'a Touched,
    parents: BTreeSet<TableName>,
}

impl Planner<'_> {
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
            rows_before: self.touched.counts.get(&shape.table).copied().unwrap_or(0),
        };
        plan.key = self.key(shape, &plan);
        plan.keep = self.keep(&id, &plan);
        let counts = plan.keep != Keep::Nothing
            || plan.after.as_ref() != Some(&plan.before)
            || !plan.added.is_empty()
            || plan
                .columns
                .iter()
                .any(|column| column.after.as_ref() != Some(&column.before))
            || self.parents.contains(&plan.before)
            || self.is_relaxed(&plan);
        counts.then_some(plan)
    }

    /// A table's identity; a virtual table is an object of another kind.
    fn identity(&self, table: &TableName) -> ObjectId {
        let id = table_id(table);
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

    /// The columns with values of their own, in their order.
    fn columns(&self, table: &TableName) -> Vec<ColumnPlan> {
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
                    .filter(|after| *after != type_before || self.redefined(column));
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

    /// Whether the type that a column has under the same name is another type now: dropped and made again.
    fn redefined(&self, column: &Object) -> bool {
        let own_types = [ObjectKind::Type, ObjectKind::Enum, ObjectKind::Domain];
        column
            .depends_on
            .iter()
            .filter(|id| own_types.contains(&id.kind))
            .any(|id| self.matching.now(id).is_none() || !self.matching.is_same(id))
    }

    fn added(&self, now: &ObjectId) -> Vec<String> {
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
        let mut key = Vec::new();
        for name in &shape.key {
            let column = plan.columns.iter().find(|column| &column.before == name);
            let Some(after) = column.and_then(|column| {
                let comparable = column
                    .type_after
                    .as_ref()
                    .is_none_or(|after| widens(&column.type_before, after));
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
        if named == known { key } else { Vec::new() }
    }

    fn keep(&self, id: &ObjectId, plan: &TablePlan) -> Keep {
        let is_another = match self.numbered(id) {
            true => !self.matching.is_same(id),
            false => self.touched.dropped.contains(&plan.before),
        };
        if plan.after.is_none() || is_another {
            return Keep::Whole;
        }
        let written = !plan.rows.is_empty() || self.touched.named.contains(&plan.before);
        let loses = plan.columns.iter().any(ColumnPlan::is_lost);
        match (loses, written) {
            (true, true) => Keep::Whole,
            (true, false) if plan.key.is_empty() => Keep::Whole,
            (true, false) => Keep::Columns,
            (false, true) if self.touched.unchanged.contains(&plan.before) => Keep::Changed,
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

    /// Whether the old schema demands something of its rows that the new one does not.
    fn is_relaxed(&self, plan: &TablePlan) -> bool {
        let gone_or_changed = |object: &Object| {
            let now = self
                .matching
                .now(&object.id)
                .and_then(|id| self.after.object(id));
            now.is_none_or(|now| comparable(now) != comparable(object))
        };
        let table = &plan.before;
        let nullable = columns_of(self.before, table).any(|column| {
            let now = self
                .matching
                .now(&column.id)
                .and_then(|id| self.after.object(id));
            let changed_type = column.depends_on.iter().any(|id| {
                matches!(
                    id.kind,
                    ObjectKind::Enum | ObjectKind::Domain | ObjectKind::Type
                ) && self.before.object(id).is_some_and(gone_or_changed)
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
    INTEGERS.contains(&before) && INTEGERS.contains(&after) || is_text(before) && is_text(after)
}

/// Tables to which a dropped table referred: what the application does to their rows counts for the dropped ones.
fn parents_of_dropped(before: &Catalog, matching: &Matching) -> BTreeSet<TableName> {
    let dropped: Vec<&TableShape> = before
        .tables()
        .iter()
        .filter(|shape| matching.now(&table_id(&shape.table)).is_none())
        .collect();
    let mut parents = BTreeSet::new();
    for shape in dropped {
        for constraint in parts_of(before, ObjectKind::Constraint, &shape.table) {
            let tables = constraint.depends_on.iter().filter_map(|id| match id.kind {
                ObjectKind::Table => Some(name_of(id)),
                ObjectKind::Column => Some(name_of(&ObjectId::new(
                    ObjectKind::Table,
                    id.path[..id.path.len() - 1].to_vec(),
                ))),
                _ => None,
            });
            parents.extend(tables.filter(|table| *table != shape.table));
        }
    }
    parents
}

/// The identity of a table by its name.
pub(super) fn table_id(table: &TableName) -> ObjectId {
    ObjectId::new(ObjectKind::Table, path_of(table))
}

fn path_of(table: &TableName) -> Vec<String> {
    if table.schema.is_empty() {
        vec![table.name.clone()]
    } else {
        vec![table.schema.clone(), table.name.clone()]
    }
}

fn name_of(id: &ObjectId) -> TableName {
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
    let path = path_of(table);
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
