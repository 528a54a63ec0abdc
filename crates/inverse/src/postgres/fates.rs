//! What becomes of each object: what goes, what is changed in place, which tables are built anew.

use std::collections::{BTreeMap, BTreeSet};

use tightrope_model::{Object, ObjectId, ObjectKind, TableName};

use super::survey::{Survey, columns};
use super::{names, registry};
use crate::TableSource;

/// What has to happen.
#[derive(Default)]
pub(super) struct Fates {
    /// Objects of now that go, each with what goes together with it.
    pub(super) dropped: BTreeSet<ObjectId>,
    /// Those that go only after tables have their shape: columns of tables that stay need them until then.
    pub(super) late: BTreeSet<ObjectId>,
    /// Tables (before) that are built anew.
    pub(super) rebuilt: BTreeSet<ObjectId>,
    /// Objects of now that go with the table that is built anew.
    pub(super) with_rebuilt: BTreeSet<ObjectId>,
    /// Columns (before) whose type is set again.
    pub(super) retyped: BTreeSet<ObjectId>,
    /// Columns (before) whose default or type hangs on something that goes.
    pub(super) touched: BTreeSet<ObjectId>,
    /// What changes an object (before) in place.
    pub(super) alters: BTreeMap<ObjectId, Vec<String>>,
}

/// The source of a table of before, if the net has something for it.
pub(super) fn source<'a>(survey: &Survey<'a>, table: &ObjectId) -> Option<&'a TableSource> {
    let [schema, name] = &table.path[..] else {
        return None;
    };
    survey
        .change
        .sources
        .tables
        .get(&TableName::new(schema, name))
}

/// Whether a relation is a table that is reshaped here.
pub(super) fn is_table(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Table | ObjectKind::ForeignTable)
}

/// Whether a kind is one that a column's type can be.
fn is_type(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Type
            | ObjectKind::Enum
            | ObjectKind::Domain
            | ObjectKind::Table
            | ObjectKind::ForeignTable
            | ObjectKind::View
            | ObjectKind::MaterializedView
            | ObjectKind::Extension
            | ObjectKind::Collation
    )
}

impl Fates {
    pub(super) fn of(survey: &Survey<'_>) -> Self {
        let mut decide = Decide::new(survey);
        decide.seed();
        // Bounded: each turn adds to one of the sets, and they are bounded by the catalog.
        while decide.spread() {}
        decide.settle_what_goes_late();
        decide.fates
    }

    /// Whether an object of now is still there when tables have their shape.
    pub(super) fn stays(&self, now: &ObjectId) -> bool {
        !self.dropped.contains(now) && !self.with_rebuilt.contains(now)
    }
}

struct Decide<'s, 'a> {
    survey: &'s Survey<'a>,
    fates: Fates,
    /// By what is needed: who needs it, now.
    needed_by: BTreeMap<&'a ObjectId, Vec<&'a Object>>,
    /// By owner: its parts now, columns, indexes and statistics included.
    parts: BTreeMap<ObjectId, Vec<&'a Object>>,
    open: Vec<ObjectId>,
    /// What goes, with a table that needs it until it has its shape.
    needed_late: Vec<(ObjectId, ObjectId)>,
}

impl<'s, 'a> Decide<'s, 'a> {
    fn new(survey: &'s Survey<'a>) -> Self {
        let mut needed_by: BTreeMap<&ObjectId, Vec<&Object>> = BTreeMap::new();
        let mut parts: BTreeMap<ObjectId, Vec<&Object>> = BTreeMap::new();
        for object in survey.now.objects() {
            for needed in &object.depends_on {
                needed_by.entry(needed).or_default().push(object);
            }
            let owner = names::owner(object, survey.now).or_else(|| statistics_table(object));
            if let Some(owner) = owner {
                parts.entry(owner).or_default().push(object);
            }
        }
        Self {
            survey,
            fates: Fates::default(),
            needed_by,
            parts,
            open: Vec::new(),
            needed_late: Vec::new(),
        }
    }

    /// What goes or is built anew whatever becomes of the others.
    fn seed(&mut self) {
        for now in self.survey.now.objects() {
            let gone = self.survey.before_of(&now.id).is_none();
            let part_of_view = now.id.kind == ObjectKind::Column
                && names::owner(now, self.survey.now)
                    .is_some_and(|owner| !is_table(owner.kind) && owner.kind != ObjectKind::Type);
            if gone && !part_of_view && registry::ddl(now.id.kind).is_some() {
                self.doom(now);
            }
        }
        self.free_wholes();
        for before in self.survey.before.objects() {
            let Some(now) = self.survey.now_of(before) else {
                continue;
            };
            self.make_unvalidated(before, now);
            if is_table(before.id.kind) {
                if super::shape::must_be_rebuilt(self.survey, before) {
                    self.rebuild(&before.id);
                }
            } else if before.id.kind != ObjectKind::Column {
                self.alter(before, now);
            } else if super::shape::type_differs(self.survey, before) {
                self.fates.retyped.insert(before.id.clone());
            }
        }
    }

    /// The rows of a part that stands alone come back one by one, and are no rows of the whole until it is attached: meanwhile no foreign
    /// key from the whole or its parts may refer to the whole.
    fn free_wholes(&mut self) {
        let before = self.survey.before;
        let table_of = |id: &ObjectId| match &id.path[..] {
            [schema, name, ..] => Some(TableName::new(schema, name)),
            _ => None,
        };
        // A table, what it is a part of, and so on.
        let line = |table| std::iter::successors(table, |table| before.partitioned(table));
        let tables = before.objects();
        let alone = tables.filter(|table| super::shape::stands_alone(self.survey, table));
        let wholes: BTreeSet<TableName> = alone
            .flat_map(|part| line(table_of(&part.id)).skip(1))
            .collect();
        if wholes.is_empty() {
            return;
        }
        let is_whole = |table: TableName| wholes.contains(&table);
        for key in before.objects() {
            if key.attribute("form") != Some("f") {
                continue;
            }
            let within = line(table_of(&key.id)).any(is_whole);
            let refers = key.depends_on.iter().filter_map(table_of).any(is_whole);
            if let (true, Some(now)) = (within && refers, self.survey.now_of(key)) {
                self.doom(now);
            }
        }
    }

    /// A part that was made again has a check of its whole validated, which it was not: then the whole gets it anew.
    fn make_unvalidated(&mut self, before: &Object, now: &Object) {
        let unvalidated = |check: &Object| {
            let definition = check.attribute("definition");
            definition.is_some_and(|definition| definition.ends_with(" NOT VALID"))
        };
        if !inherited_check(before) || !unvalidated(before) || unvalidated(now) {
            return;
        }
        let part = names::owner(before, self.survey.before);
        let part = part.and_then(|part| self.survey.before.object(&part));
        for above in part.iter().flat_map(|part| &part.depends_on) {
            let path = above.path.iter().chain(before.id.path.last()).cloned();
            let of_whole = ObjectId::new(ObjectKind::Constraint, path);
            let now = self.survey.matching.now(&of_whole);
            if let Some(now) = now.and_then(|id| self.survey.now.object(id)) {
                self.doom(now);
            }
        }
    }

    /// Asks the kind how the object is changed in place; if it is not, it goes.
    fn alter(&mut self, before: &Object, now: &'a Object) {
        let columns_differ = before.id.kind == ObjectKind::Type
            && super::shape::must_be_rebuilt(self.survey, before);
        let view_columns_differ = matches!(
            before.id.kind,
            ObjectKind::View | ObjectKind::MaterializedView
        ) && columns(self.survey.before, &before.id).iter().any(
            |column| {
                !self.survey.aligned.contains_key(&column.id)
                    || super::shape::type_differs(self.survey, column)
            },
        );
        if columns_differ || view_columns_differ {
            self.doom(now);
            return;
        }
        if self.survey.differences(before).is_empty() {
            return;
        }
        let (Some(ddl), Some(aligned)) = (
            registry::ddl(before.id.kind),
            self.survey.aligned.get(&before.id),
        ) else {
            return;
        };
        match ddl.alter(before, aligned, &self.survey.change) {
            Some(statements) => {
                self.fates.alters.insert(before.id.clone(), statements);
            }
            None => self.doom(now),
        }
    }

    fn rebuild(&mut self, table: &ObjectId) {
        if self.fates.rebuilt.insert(table.clone()) {
            // Their columns come with the table's.
            for child in self.survey.before.objects() {
                if is_table(child.id.kind)
                    && child.depends_on.contains(table)
                    && child.attribute("inherits").is_some()
                    && self.survey.aligned.contains_key(&child.id)
                {
                    self.rebuild(&child.id);
                }
            }
        }
    }

    /// Lets an object go. What goes only with something else takes that along.
    fn doom(&mut self, now: &'a Object) {
        for id in [self.leader(now), now.id.clone()] {
            if !self.fates.dropped.contains(&id) && !self.open.contains(&id) {
                self.open.push(id);
            }
        }
    }

    /// The object with which this one has to be dropped.
    fn leader(&self, now: &Object) -> ObjectId {
        let part = |name: &str| now.attribute(name).map(str::to_owned);
        let candidate = match now.id.kind {
            ObjectKind::Index => {
                let table = part("table").unwrap_or_default();
                let schema = now.id.path.first().cloned().unwrap_or_default();
                part("constraint")
                    .map(|name| ObjectId::new(ObjectKind::Constraint, [schema, table, name]))
                    .or_else(|| {
                        let parent = part("partition_of")?;
                        let parents = now.depends_on.iter();
                        parents
                            .filter(|id| id.kind == ObjectKind::Index)
                            .find(|id| parent.ends_with(&*super::quote::quote(names::own_name(id))))
                            .cloned()
                    })
            }
            ObjectKind::Constraint if part("part").is_some() || inherited(now) => {
                let name = part("parent").or_else(|| now.id.path.last().cloned());
                now.depends_on
                    .iter()
                    .find(|id| id.kind == ObjectKind::Constraint && id.path.last() == name.as_ref())
                    .cloned()
            }
            ObjectKind::Trigger if part("of_partition").is_some() => now
                .depends_on
                .iter()
                .find(|id| id.kind == ObjectKind::Trigger)
                .cloned(),
            _ if part("comes_with_type").is_some() => now
                .depends_on
                .iter()
                .find(|id| matches!(id.kind, ObjectKind::Type | ObjectKind::Function))
                .cloned(),
            _ => None,
        };
        match candidate.and_then(|id| self.survey.now.object(&id)) {
            Some(leader) if leader.id != now.id => self.leader(leader),
            _ => now.id.clone(),
        }
    }

    /// One round: what is open goes, and takes along what needs it. Says whether anything happened.
    fn spread(&mut self) -> bool {
        let mut moved = false;
        while let Some(id) = self.open.pop() {
            if self.fates.dropped.insert(id.clone()) {
                moved = true;
                self.take_along(&id);
            }
        }
        moved |= self.spread_rebuilt();
        moved |= self.spread_retyped();
        moved || !self.open.is_empty()
    }

    fn take_along(&mut self, id: &ObjectId) {
        for part in self.parts.get(id).cloned().unwrap_or_default() {
            if self.fates.dropped.insert(part.id.clone()) {
                self.take_along(&part.id);
            }
        }
        for dependent in self.needed_by.get(id).cloned().unwrap_or_default() {
            if !self.fates.dropped.contains(&dependent.id) {
                self.decide_on(dependent, id);
            }
        }
    }

    /// What becomes of an object that needs one that goes.
    fn decide_on(&mut self, dependent: &'a Object, gone: &ObjectId) {
        let unit = super::order::unit(dependent, self.survey.now);
        if self.fates.dropped.contains(&unit) {
            return;
        }
        match unit.kind {
            ObjectKind::Table | ObjectKind::ForeignTable => {
                self.needed_late.push((gone.clone(), unit.clone()));
                let before = self.survey.before_of(&dependent.id);
                if let Some(table) = before.filter(|table| table.attribute("row_type").is_some())
                    && gone.kind == ObjectKind::Type
                {
                    self.rebuild(&table.id);
                }
                if let Some(before) = before.filter(|part| part.id.kind == ObjectKind::Column) {
                    self.fates.touched.insert(before.id.clone());
                    if is_type(gone.kind) {
                        self.fates.retyped.insert(before.id.clone());
                    }
                    if before.attribute("expression").is_some()
                        && let Some(owner) = names::owner(before, self.survey.before)
                    {
                        self.rebuild(&owner);
                    }
                }
            }
            _ if gone.kind == ObjectKind::Schema => {
                self.fates.late.insert(gone.clone());
            }
            _ => {
                if let Some(unit) = self.survey.now.object(&unit) {
                    self.doom(unit);
                }
            }
        }
    }

    /// What hangs on a table that is built anew goes; its own parts go with the old one.
    fn spread_rebuilt(&mut self) -> bool {
        let mut moved = false;
        for before in self.fates.rebuilt.clone() {
            let Some(now) = self.survey.matching.now(&before).cloned() else {
                continue;
            };
            let parts = self.parts.get(&now).cloned().unwrap_or_default();
            let mut hangs: Vec<&'a Object> = Vec::new();
            for id in std::iter::once(&now).chain(parts.iter().map(|part| &part.id)) {
                hangs.extend(self.needed_by.get(id).into_iter().flatten());
            }
            for part in &parts {
                moved |= self.fates.with_rebuilt.insert(part.id.clone());
            }
            for dependent in hangs {
                let unit = super::order::unit(dependent, self.survey.now);
                // A foreign key of another table would hold the old one back.
                let own = names::owner(dependent, self.survey.now).is_none_or(|own| own == now);
                let foreign = dependent.attribute("form") == Some("f") && !own;
                let settled = self.fates.dropped.contains(&unit)
                    || self.fates.with_rebuilt.contains(&dependent.id) && !foreign
                    || unit == now;
                if settled {
                    continue;
                }
                if is_table(unit.kind) {
                    let other = self.survey.before_of(&unit).map(|other| other.id.clone());
                    let child = self
                        .survey
                        .now
                        .object(&unit)
                        .is_some_and(|unit| unit.depends_on.contains(&now));
                    if let Some(other) = other
                        && !child
                        && !self.fates.rebuilt.contains(&other)
                    {
                        // A column of the row type: it is carried over as text.
                        self.rebuild(&other);
                        moved = true;
                    }
                } else if let Some(unit) = self.survey.now.object(&unit) {
                    self.doom(unit);
                    moved = true;
                }
            }
        }
        moved
    }

    /// A column whose type is set again takes along what the server does not carry over by itself.
    fn spread_retyped(&mut self) -> bool {
        let mut moved = false;
        for before in self.fates.retyped.clone() {
            let Some(now) = self.survey.matching.now(&before).cloned() else {
                continue;
            };
            let owner = self
                .survey
                .before
                .object(&before)
                .and_then(|column| names::owner(column, self.survey.before));
            let Some(owner) = owner.filter(|owner| !self.fates.rebuilt.contains(owner)) else {
                continue;
            };
            if self.is_in_partition_key(&owner, &before) {
                self.rebuild(&owner);
                moved = true;
                continue;
            }
            for dependent in self.needed_by.get(&now).cloned().unwrap_or_default() {
                let unit = super::order::unit(dependent, self.survey.now);
                let carried = match dependent.id.kind {
                    ObjectKind::Constraint => dependent.attribute("form") != Some("f"),
                    ObjectKind::Index | ObjectKind::Sequence | ObjectKind::Statistics => true,
                    _ => is_table(unit.kind),
                };
                if carried || self.fates.dropped.contains(&unit) {
                    continue;
                }
                if let Some(unit) = self.survey.now.object(&unit) {
                    self.doom(unit);
                    moved = true;
                }
            }
        }
        moved
    }

    /// Whether a table may be partitioned by a column, whose type then cannot be changed.
    fn is_in_partition_key(&self, table: &ObjectId, column: &ObjectId) -> bool {
        let table = self.survey.before.object(table);
        let key = table.and_then(|table| table.attribute("partition_key"));
        key.is_some_and(|key| key.contains(names::own_name(column)))
    }

    /// What a table needs that stays goes late, and what that needs; so does what the old one of a table needs that is built anew,
    /// for it goes last. A table that goes itself needs nothing so long.
    fn settle_what_goes_late(&mut self) {
        let needed = std::mem::take(&mut self.needed_late).into_iter();
        let stay = needed.filter(|(_, table)| !self.fates.dropped.contains(table));
        let mut late: Vec<ObjectId> = stay.map(|(gone, _)| gone).collect();
        let rebuilt = self.fates.rebuilt.iter();
        for now in rebuilt.filter_map(|before| self.survey.matching.now(before)) {
            let of_columns = columns(self.survey.now, now).into_iter();
            let needed = of_columns.flat_map(|column| &column.depends_on);
            let goes =
                |id: &&ObjectId| self.is_needed_by_columns(id) && self.fates.dropped.contains(*id);
            late.extend(needed.filter(goes).cloned());
        }
        self.fates.late.extend(late);
        while self.spread_late() {}
    }

    /// Whether a column may need an object that is no part of a table.
    fn is_needed_by_columns(&self, id: &ObjectId) -> bool {
        let is_alone = |id: &ObjectId| {
            let sequence = self.survey.now.object(id);
            sequence.is_some_and(|sequence| sequence.owner_column().is_none())
        };
        match id.kind {
            ObjectKind::Function | ObjectKind::Collation => true,
            ObjectKind::Sequence => is_alone(id),
            kind => is_type(kind),
        }
    }

    /// What something that goes late needs goes late, too.
    fn spread_late(&mut self) -> bool {
        let mut moved = false;
        for id in self.fates.late.clone() {
            let Some(object) = self.survey.now.object(&id) else {
                continue;
            };
            let schema =
                names::schema(&id).map(|schema| ObjectId::new(ObjectKind::Schema, [schema]));
            let owner = names::owner(object, self.survey.now);
            let columns = columns(self.survey.now, &id);
            let of_columns = columns.iter().flat_map(|column| &column.depends_on);
            let own = object.depends_on.iter().chain(of_columns);
            for needed in own.chain(&schema).chain(&owner) {
                if self.fates.dropped.contains(needed) {
                    moved |= self.fates.late.insert(needed.clone());
                }
            }
        }
        moved
    }
}

/// The table of a statistics object.
pub(super) fn statistics_table(object: &Object) -> Option<ObjectId> {
    if object.id.kind != ObjectKind::Statistics {
        return None;
    }
    let mut tables = object.depends_on.iter();
    let column = object
        .depends_on
        .iter()
        .find(|id| id.kind == ObjectKind::Column);
    tables.find(|id| is_table(id.kind)).cloned().or_else(|| {
        let path = &column?.path;
        Some(ObjectId::new(
            ObjectKind::Table,
            path[..path.len() - 1].iter().cloned(),
        ))
    })
}

/// Whether a constraint is only there because a parent has it.
pub(super) fn inherited(constraint: &Object) -> bool {
    constraint.attribute("inheritance") == Some("inherited")
}

/// Whether a constraint is a check that a parent has, too.
pub(super) fn inherited_check(constraint: &Object) -> bool {
    constraint.attribute("form") == Some("c") && inherited(constraint)
}
