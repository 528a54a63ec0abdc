//! The steps in their order.

use std::collections::{BTreeMap, BTreeSet};

use tightrope_model::{Object, ObjectId, ObjectKind, TableName};

use super::arrays::with_own_types;
use super::fates::{Fates, is_table, source};
use super::hidden::with_hidden;
use super::kinds::{domain, table};
use super::quote::{literal, qualified, quote};
use super::rebuild::{self, Aside};
use super::survey::{Survey, columns, has_same_parents};
use super::{clear, finishing, names, order, registry, renames, shape};
use crate::{Change, Inverse, Phase, Step};

/// The steps as they are written.
#[derive(Default)]
pub(super) struct Script {
    steps: Vec<Step>,
    pub(super) rebuilt: Vec<TableName>,
    /// What goes late and had to give up its name: its last name in the meantime.
    pub(super) renamed: BTreeMap<ObjectId, String>,
    /// Whether schemas have their names of before.
    pub(super) late: bool,
    spares: usize,
}

impl Script {
    pub(super) fn add(&mut self, phase: Phase, about: &ObjectId, sql: String, why: Option<&str>) {
        self.push(Step {
            phase,
            about: about.clone(),
            sql,
            comment: why.map(str::to_owned),
        });
    }

    pub(super) fn clear(&mut self, about: &ObjectId, sql: String, why: Option<&str>) {
        self.add(Phase::Clear, about, sql, why);
    }

    pub(super) fn reshape(&mut self, about: &ObjectId, sql: String, why: Option<&str>) {
        self.add(Phase::Reshape, about, sql, why);
    }

    pub(super) fn restore(&mut self, about: &ObjectId, sql: String) {
        self.add(Phase::Restore, about, sql, None);
    }

    pub(super) fn push(&mut self, mut step: Step) {
        step.sql = with_own_types(&step.sql);
        self.steps.push(step);
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// A script for what goes when schemas have their names of before.
    pub(super) fn late() -> Self {
        Self {
            late: true,
            ..Self::default()
        }
    }

    /// Moves a table of the net to where the table of before was.
    pub(super) fn bring_back(&mut self, before: &Object, from: &TableName, why: &str) {
        let [schema, name] = &before.id.path[..] else {
            return;
        };
        if from.schema != *schema {
            let sql = format!(
                "alter table {} set schema {}",
                qualified(&[from.schema.clone(), from.name.clone()]),
                quote(schema)
            );
            self.reshape(&before.id, sql, Some(why));
        }
        if from.name != *name {
            let there = qualified(&[schema.clone(), from.name.clone()]);
            let sql = format!("alter table {there} rename to {}", quote(name));
            self.reshape(&before.id, sql, None);
        }
    }

    /// A name that nobody has.
    pub(super) fn spare(&mut self) -> String {
        self.spares += 1;
        format!("tightrope_old_{}", self.spares)
    }
}

pub(crate) fn derive(change: &Change<'_>) -> Inverse {
    let whole = with_hidden(change);
    let change = &Change {
        now: whole.as_ref().unwrap_or(change.now),
        ..*change
    };
    let survey = Survey::of(change);
    let fates = Fates::of(&survey);
    let needs = order::needs(survey.before, |object| order::unit(object, survey.before));
    let sorted = order::sorted(survey.before, &needs);
    let mut plan = Plan {
        survey: &survey,
        fates: &fates,
        early: early(&survey, &fates, &needs, &sorted),
        sorted,
        made: BTreeSet::new(),
        script: Script::default(),
    };
    plan.write();
    let mut script = plan.script;
    if script.steps.iter().any(|step| {
        matches!(
            step.about.kind,
            ObjectKind::Function | ObjectKind::Procedure
        )
    }) && let Some(first) = script.steps.first()
    {
        let about = first.about.clone();
        script.steps.insert(
            0,
            Step {
                phase: Phase::Clear,
                about,
                sql: "set local check_function_bodies = off".to_owned(),
                comment: Some("a function may be made before what its body names".to_owned()),
            },
        );
    }
    script.steps.sort_by_key(|step| step.phase);
    Inverse {
        losses: losses(&survey, &fates),
        steps: script.steps,
        rebuilt: script.rebuilt,
    }
}

/// What tables need to get their shape, and the tables.
fn early(
    survey: &Survey<'_>,
    fates: &Fates,
    needs: &BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    sorted: &[ObjectId],
) -> BTreeSet<ObjectId> {
    let mut early = BTreeSet::new();
    for id in sorted.iter().rev() {
        let object = survey.before.object(id);
        let first = object.is_some_and(|object| {
            names::rank(object) <= 13 && !is_check_of_rows_there(survey, fates, object)
        }) || is_table(id.kind);
        if first || fates.rebuilt.contains(id) {
            early.insert(id.clone());
        }
        if early.contains(id) {
            early.extend(needs.get(id).into_iter().flatten().cloned());
        }
    }
    early
}

/// Whether an object is a check of a domain that stays: the rows that are there are merged before they have to obey it again.
fn is_check_of_rows_there(survey: &Survey<'_>, fates: &Fates, object: &Object) -> bool {
    let domain = object
        .attribute("of_domain")
        .and_then(|_| names::owner(object, survey.before))
        .and_then(|domain| survey.matching.now(&domain));
    domain.is_some_and(|now| fates.stays(now))
}

fn losses(survey: &Survey<'_>, fates: &Fates) -> Vec<crate::Loss> {
    let mut losses = Vec::new();
    for before in survey.before.objects() {
        let now = survey.now_of(before);
        let stays = now.is_some_and(|now| fates.stays(&now.id));
        let changed = !stays || !survey.differences(before).is_empty();
        if let (true, Some(ddl)) = (changed, registry::ddl(before.id.kind)) {
            let aligned = survey.aligned.get(&before.id).filter(|_| stays);
            losses.extend(ddl.loss(Some(before), aligned));
        }
    }
    for now in survey.now.objects() {
        if let (None, Some(ddl)) = (survey.before_of(&now.id), registry::ddl(now.id.kind)) {
            losses.extend(ddl.loss(None, Some(now)));
        }
    }
    losses
}

struct Plan<'s, 'a> {
    survey: &'s Survey<'a>,
    fates: &'s Fates,
    /// Units of before, each after what it needs.
    sorted: Vec<ObjectId>,
    /// Those that are made or changed before rows are merged.
    early: BTreeSet<ObjectId>,
    /// Constraints and indexes that were made before their table was attached.
    made: BTreeSet<ObjectId>,
    script: Script,
}

impl Plan<'_, '_> {
    fn write(&mut self) {
        clear::write(self.survey, self.fates, &mut self.script);
        let aside = rebuild::put_aside(self.survey, self.fates, &self.sorted, &mut self.script);
        renames::outside_schemas(self.survey, self.fates, &mut self.script);
        let sorted = std::mem::take(&mut self.sorted);
        // What moves back to a schema that went needs it.
        let (schemas, sorted): (Vec<ObjectId>, Vec<ObjectId>) = sorted
            .into_iter()
            .partition(|id| id.kind == ObjectKind::Schema && !self.stays(id));
        for id in &schemas {
            self.unit(id, &aside, Phase::Reshape);
        }
        renames::inside_schemas(self.survey, self.fates, &mut self.script);
        let (early, later): (Vec<&ObjectId>, Vec<&ObjectId>) =
            sorted.iter().partition(|id| self.early.contains(*id));
        for id in early {
            self.unit(id, &aside, Phase::Reshape);
        }
        aside.drop(&mut self.script);
        self.attach(&aside);
        clear::drop_late(self.survey, self.fates, &mut self.script);
        for id in sorted.iter().filter(|id| is_table(id.kind)) {
            self.restore_columns(id);
        }
        for id in sorted.iter().filter(|id| is_table(id.kind)) {
            self.attach_again(id);
        }
        for id in later {
            self.unit(id, &aside, Phase::Restore);
        }
        for id in sorted.iter().filter(|id| id.kind == ObjectKind::Sequence) {
            self.own_sequence(id);
        }
        for id in sorted.iter().filter(|id| is_table(id.kind)) {
            self.row_security(id);
        }
    }

    fn stays(&self, id: &ObjectId) -> bool {
        let now = self.survey.matching.now(id);
        now.is_some_and(|now| self.fates.stays(now))
    }

    /// Whether an object comes back with a table that was set aside.
    fn comes_back_whole(&self, object: &Object) -> bool {
        let set_aside = |id: &ObjectId| {
            !self.stays(id)
                && source(self.survey, id).is_some_and(|source| source.set_aside.is_some())
        };
        let owner = names::owner(object, self.survey.before)
            .or_else(|| super::fates::statistics_table(object))
            .or_else(|| {
                let owner = object.owner_column()?;
                Some(ObjectId::new(ObjectKind::Table, owner[..2].to_vec()))
            });
        object.attribute("form") != Some("f") && owner.is_some_and(|owner| set_aside(&owner))
    }

    /// Whether an object is the sequence of an identity that is made anew, with its options, by its rebuilt table.
    fn comes_with_identity(&self, object: &Object) -> bool {
        object.attribute("identity").is_some()
            && object.owner_column().is_some_and(|owner| {
                let table = ObjectId::new(ObjectKind::Table, owner[..2].to_vec());
                self.fates.rebuilt.contains(&table)
            })
    }

    /// Makes or changes one unit.
    fn unit(&mut self, id: &ObjectId, aside: &Aside, phase: Phase) {
        let Some(before) = self.survey.before.object(id) else {
            return;
        };
        if self.comes_back_whole(before) || self.comes_with_identity(before) {
            return;
        }
        if self.fates.rebuilt.contains(id) {
            aside.make(self.survey, self.fates, before, &mut self.script);
            self.finish_created(before, phase);
            for (sequence, owner) in self.survey.before.owned_sequences() {
                if owner[..2] == id.path[..] && sequence.attribute("identity").is_some() {
                    self.finish_created(sequence, phase);
                }
            }
        } else if self.stays(id) {
            self.change(before, phase);
        } else {
            self.create(before, phase);
        }
    }

    fn create(&mut self, before: &Object, phase: Phase) {
        let set_aside =
            source(self.survey, &before.id).and_then(|source| source.set_aside.as_ref());
        if let Some(from) = set_aside.filter(|_| before.id.kind == ObjectKind::Table) {
            let why = "the table itself was set aside, and comes back with its rows";
            self.script.bring_back(before, from, why);
            return;
        }
        let Some(ddl) = registry::ddl(before.id.kind) else {
            return;
        };
        if before.attribute("identity").is_some() && before.id.kind == ObjectKind::Sequence {
            return;
        }
        let mut needed = before.depends_on.iter();
        let stays = needed.any(|id| id.kind == ObjectKind::Table && self.stays(id));
        let alone = table::attach(before).filter(|_| stays);
        let made = usize::from(self.made.contains(&before.id));
        for mut sql in ddl
            .create(before, self.survey.before)
            .into_iter()
            .skip(made)
        {
            if alone.as_ref() == Some(&sql) {
                self.match_whole(before);
                let attached = table::attach_beside_default(before, self.survey.before);
                sql = attached.unwrap_or(sql);
            }
            self.script.add(phase, &before.id, sql, None);
        }
        self.finish_created(before, phase);
    }

    /// Makes what a table that stays demands of a part before it is attached: checks, and indexes that would be made under other names.
    fn match_whole(&mut self, part: &Object) {
        let catalog = self.survey.before;
        let owned = catalog.objects().filter(|object| {
            let owner = names::owner(object, catalog);
            owner.is_some_and(|owner| owner == part.id)
        });
        let demanded: Vec<&Object> = owned.filter(|object| self.is_demanded(object)).collect();
        for object in demanded {
            let Some(ddl) = registry::ddl(object.id.kind) else {
                continue;
            };
            let made = match super::fates::inherited_check(object) {
                true => Some(super::kinds::constraint::add(object, catalog)),
                false => ddl.create(object, catalog).into_iter().next(),
            };
            if let Some(sql) = made {
                self.script.reshape(&object.id, sql, None);
                self.made.insert(object.id.clone());
            }
        }
    }

    /// Whether a part's constraint or index goes with one of the whole that is there when the part is attached.
    fn is_demanded(&self, object: &Object) -> bool {
        let catalog = self.survey.before;
        let stays = |kind: ObjectKind, object: &Object| {
            let mut needed = object.depends_on.iter();
            needed.any(|id| id.kind == kind && self.stays(id))
        };
        match (object.id.kind, object.attribute("form")) {
            (ObjectKind::Index, _) => {
                object.attribute("constraint").is_none()
                    && object.attribute("partition_of").is_some()
                    && stays(ObjectKind::Index, object)
            }
            (ObjectKind::Constraint, Some("p" | "u" | "x")) => catalog.objects().any(|index| {
                index.id.kind == ObjectKind::Index
                    && index.attribute("constraint") == object.id.path.last().map(String::as_str)
                    && index.attribute("table") == object.id.path.get(1).map(String::as_str)
                    && index.id.path.first() == object.id.path.first()
                    && index.attribute("partition_of").is_some()
                    && stays(ObjectKind::Index, index)
            }),
            _ => super::fates::inherited_check(object),
        }
    }

    fn finish_created(&mut self, before: &Object, phase: Phase) {
        let parts = columns(self.survey.before, &before.id);
        for object in std::iter::once(before).chain(parts) {
            for sql in finishing::created(object, self.survey.before, self.survey.now) {
                self.script.add(phase, &object.id, sql, None);
            }
        }
    }

    fn change(&mut self, before: &Object, phase: Phase) {
        let Some(now) = self.survey.aligned.get(&before.id) else {
            return;
        };
        if is_table(before.id.kind) {
            self.change_table(before, now);
        } else if before.id.kind == ObjectKind::Type {
            self.change_type(before);
        }
        for sql in self
            .fates
            .alters
            .get(&before.id)
            .cloned()
            .unwrap_or_default()
        {
            self.script.add(phase, &before.id, sql, None);
        }
        if before.id.kind == ObjectKind::Domain
            && let Some(sql) = domain::takes_no_null(before, now)
        {
            // Rows that are there are merged before they have to obey it.
            self.script.restore(&before.id, sql);
        }
        for sql in shape::view_columns(self.survey, self.fates, before) {
            self.script.add(phase, &before.id, sql, None);
        }
        for sql in finishing::changed(before, now, self.survey.before) {
            self.script.add(phase, &before.id, sql, None);
        }
        for column in columns(self.survey.before, &before.id) {
            let statements = match self.survey.aligned.get(&column.id) {
                Some(of_now) => {
                    finishing::changed_column(column, of_now, (before, now), self.survey.before)
                }
                None => finishing::created(column, self.survey.before, self.survey.now),
            };
            for sql in statements {
                self.script.add(phase, &column.id, sql, None);
            }
        }
    }

    fn change_table(&mut self, before: &Object, now: &Object) {
        let differs = !self.survey.differences(before).is_empty();
        if let (true, Some(ddl)) = (differs, registry::ddl(before.id.kind)) {
            let statements = ddl.alter(before, now, &self.survey.change);
            for sql in statements.unwrap_or_default() {
                self.script.reshape(&before.id, sql, None);
            }
        }
        let changes = shape::changes(self.survey, self.fates, before);
        let what = if before.id.kind == ObjectKind::ForeignTable {
            "foreign table"
        } else {
            "table"
        };
        let name = qualified(&before.id.path);
        for (only, actions) in [("", &changes.actions), ("only ", &changes.only)] {
            if let Some(sql) = one_statement(&format!("alter {what} {only}{name}"), actions) {
                self.script.reshape(&before.id, sql, None);
            }
        }
        self.add_columns(&changes.added);
    }

    fn add_columns(&mut self, added: &[ObjectId]) {
        for id in added {
            let (Some(column), Some(ddl)) = (self.survey.before.object(id), registry::ddl(id.kind))
            else {
                continue;
            };
            for sql in ddl.create(column, self.survey.before) {
                self.script.reshape(id, sql, None);
            }
            let settings = table::column_settings(column);
            let owner = qualified(&id.path[..id.path.len() - 1]);
            if let Some(sql) = one_statement(&format!("alter table {owner}"), &settings) {
                self.script.reshape(id, sql, None);
            }
        }
    }

    /// Attributes of a composite type that had another type, and those that are added again at its end.
    fn change_type(&mut self, before: &Object) {
        for column in columns(self.survey.before, &before.id) {
            if shape::type_differs(self.survey, column) {
                let sql = super::kinds::types::attribute_altered(column);
                self.script.reshape(&column.id, sql, None);
            }
        }
        let lost: Vec<ObjectId> = columns(self.survey.before, &before.id)
            .into_iter()
            .filter(|column| !self.survey.aligned.contains_key(&column.id))
            .map(|column| column.id.clone())
            .collect();
        for id in lost {
            let (Some(column), Some(ddl)) =
                (self.survey.before.object(&id), registry::ddl(id.kind))
            else {
                continue;
            };
            for sql in ddl.create(column, self.survey.before) {
                self.script.reshape(&id, sql, None);
            }
        }
    }

    /// Parts of partitioned tables that were built anew are attached when the old ones are gone; default ones first, for rows that
    /// are in these move to the part that they belong to when that is attached.
    fn attach(&mut self, aside: &Aside) {
        let part = |id: &ObjectId| self.survey.before.object(id);
        let bound = |id: &ObjectId| part(id)?.attribute("partition_bound");
        let mut order: Vec<&ObjectId> = aside.order().iter().collect();
        order.sort_by_key(|id| bound(id) != Some("DEFAULT"));
        for id in order {
            let before = self.survey.before.object(id);
            let attached = |part| table::attach_beside_default(part, self.survey.before);
            if let Some(sql) = before.and_then(attached) {
                self.script.reshape(id, sql, None);
            }
        }
    }

    /// A part that the migration has detached is attached when its rows are what they were: those of the migration need not fit.
    fn attach_again(&mut self, id: &ObjectId) {
        let (Some(before), Some(now)) =
            (self.survey.before.object(id), self.survey.aligned.get(id))
        else {
            return;
        };
        if has_same_parents(before, now) || !self.stays(id) || self.fates.rebuilt.contains(id) {
            return;
        }
        let sql = table::attach_beside_default(before, self.survey.before);
        sql.into_iter().for_each(|sql| self.script.restore(id, sql));
    }

    /// What columns must hold again when the rows are merged.
    fn restore_columns(&mut self, id: &ObjectId) {
        let Some(before) = self.survey.before.object(id) else {
            return;
        };
        let name = qualified(&before.id.path);
        let actions = if self.fates.rebuilt.contains(id) {
            let filled = shape::filled(self.survey, before);
            let columns = columns(self.survey.before, id).into_iter();
            columns
                .filter(|column| filled.contains(&column.id.path))
                .filter_map(shape::set_not_null)
                .collect()
        } else if self.stays(id) {
            shape::changes(self.survey, self.fates, before).restored
        } else {
            return;
        };
        let what = if id.kind == ObjectKind::ForeignTable {
            "foreign table"
        } else {
            "table"
        };
        if let Some(sql) = one_statement(&format!("alter {what} {name}"), &actions) {
            self.script.restore(id, sql);
        }
    }

    fn row_security(&mut self, id: &ObjectId) {
        let Some(before) = self.survey.before.object(id) else {
            return;
        };
        let rebuilt = self.fates.rebuilt.contains(id);
        if !rebuilt && !self.stays(id) {
            return;
        }
        let now = self.survey.aligned.get(id).filter(|_| !rebuilt);
        for sql in table::row_security(before, now) {
            self.script.restore(id, sql);
        }
    }

    /// Gives a sequence back to its column; one that was made anew goes on behind the column's values.
    fn own_sequence(&mut self, id: &ObjectId) {
        let Some(before) = self.survey.before.object(id) else {
            return;
        };
        let Some(owner) = before.owner_column() else {
            return;
        };
        if self.comes_back_whole(before) {
            return;
        }
        let identity = before.attribute("identity").is_some();
        let stays = self.stays(id);
        let name = qualified(&before.id.path);
        let column = ObjectId::new(ObjectKind::Column, owner.clone());
        let table = ObjectId::new(ObjectKind::Table, owner[..2].to_vec());
        let rebuilt = self.fates.rebuilt.contains(&table);
        let same_owner =
            self.survey.aligned.get(id).is_some_and(|now| {
                now.attribute("same_owned_by") == before.attribute("same_owned_by")
            });
        let owned = stays && same_owner && self.stays(&column) && !rebuilt && self.stays(&table);
        if !owned && !identity {
            let now = self.survey.aligned.get(id);
            if now.is_some_and(|now| now.attribute("owner") != before.attribute("owner")) {
                let owner = finishing::owner(before, self.survey.before);
                owner
                    .into_iter()
                    .for_each(|sql| self.script.restore(id, sql));
            }
            let sql = format!("alter sequence {name} owned by {}", qualified(&owner));
            self.script.restore(id, sql);
        }
        let carried = identity
            && rebuilt
            && self
                .survey
                .aligned
                .get(&column)
                .is_some_and(|now| now.attribute("identity").is_some());
        if !stays && !carried && self.stays(&table) {
            let column = quote(&owner[2]);
            let sql = format!(
                "select setval({}, max({column})) from {} having max({column}) > 0",
                literal(&name),
                qualified(&table.path)
            );
            self.script.add(
                Phase::Restore,
                id,
                sql,
                Some("made anew: it goes on behind the values that are there"),
            );
        }
    }
}

/// Actions as one statement.
fn one_statement(alter: &str, actions: &[String]) -> Option<String> {
    match actions {
        [] => None,
        [one] => Some(format!("{alter} {one}")),
        many => Some(format!("{alter}\n    {}", many.join(",\n    "))),
    }
}
