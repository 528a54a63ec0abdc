//! Names that come back: schemas first, then what is in them, then the parts of that. Whoever finds its name taken by one
//! that still has to move goes by a name in between.

use std::collections::{BTreeMap, BTreeSet};

use tightrope_model::{Object, ObjectId, ObjectKind};

use super::fates::Fates;
use super::names::{self, Space};
use super::plan::Script;
use super::quote::{qualified, quote};
use super::reference::{self, Reference};
use super::registry;
use super::survey::Survey;

/// What has another name now.
struct Move<'a> {
    before: &'a Object,
    now: &'a Object,
}

/// Gives back the names of what is in no schema.
pub(super) fn outside_schemas(survey: &Survey<'_>, fates: &Fates, script: &mut Script) {
    let schemas = fates.late.iter().filter(|id| id.kind == ObjectKind::Schema);
    for id in schemas {
        let name = names::own_name(id);
        let between = schema_before(survey, name);
        if between != name {
            let sql = format!("alter schema {} rename to {}", quote(name), quote(&between));
            script.reshape(id, sql, Some(GIVES_NAME_BACK));
            script.renamed.insert(id.clone(), between);
        }
    }
    let moves = moves(survey, fates, |kind| IN_NO_SCHEMA.contains(&kind));
    for kind in IN_NO_SCHEMA {
        let moves = moves.iter().filter(|step| step.before.id.kind == kind);
        rename_in_turn(moves, survey, script);
    }
}

/// Moves and renames what is in schemas, which are there by now, and its parts.
pub(super) fn inside_schemas(survey: &Survey<'_>, fates: &Fates, script: &mut Script) {
    move_between_schemas(survey, fates, script);
    parts(&moves(survey, fates, names::is_part), survey, script);
}

/// What stays under another name, of some kinds.
fn moves<'a>(
    survey: &'a Survey<'_>,
    fates: &Fates,
    is_one: impl Fn(ObjectKind) -> bool,
) -> Vec<Move<'a>> {
    let objects = survey.before.objects();
    let moved = objects
        .filter(|before| is_one(before.id.kind))
        .filter_map(|before| {
            let now = survey.now_of(before)?;
            let moved = now.id.path != before.id.path
                && fates.stays(&now.id)
                && !fates.rebuilt.contains(&before.id);
            moved.then_some(Move { before, now })
        });
    moved.collect()
}

const GIVES_NAME_BACK: &str = "gives its name back; it goes when nothing needs it any more";

/// What has a name of its own and is in no schema; schemas first.
const IN_NO_SCHEMA: [ObjectKind; 6] = [
    ObjectKind::Schema,
    ObjectKind::Language,
    ObjectKind::ForeignDataWrapper,
    ObjectKind::ForeignServer,
    ObjectKind::Publication,
    ObjectKind::EventTrigger,
];

/// Renames objects of one kind that are in no schema.
fn rename_in_turn<'a>(
    moves: impl Iterator<Item = &'a Move<'a>>,
    survey: &Survey<'_>,
    script: &mut Script,
) {
    let mut pending: Vec<(String, String, &Move<'_>)> = moves
        .map(|step| {
            let (from, to) = (
                names::own_name(&step.now.id),
                names::own_name(&step.before.id),
            );
            (from.to_owned(), to.to_owned(), step)
        })
        .collect();
    let mut taken: BTreeSet<String> = pending.iter().map(|(from, ..)| from.clone()).collect();
    settle(&mut pending, &mut taken, |from, to, step| {
        if let Some(Reference { kind, .. }) = Reference::of(step.before, survey.before) {
            let sql = format!("alter {kind} {} rename to {}", quote(from), quote(to));
            script.reshape(&step.before.id, sql, None);
        }
    });
}

/// Carries out renames so that no target is taken; `taken` has the names that are in use.
fn settle<T: Copy>(
    pending: &mut Vec<(String, String, T)>,
    taken: &mut BTreeSet<String>,
    mut rename: impl FnMut(&str, &str, T),
) {
    // Bounded: each turn ends a rename, or takes one out of the way once; where that frees nothing, the server shall say why.
    let (mut spare, most) = (0, pending.len());
    while !pending.is_empty() {
        let free = pending.iter().position(|(_, to, _)| !taken.contains(to));
        if let Some(at) = free.or((spare > most).then_some(0)) {
            let (from, to, what) = pending.remove(at);
            rename(&from, &to, what);
            taken.remove(&from);
            taken.insert(to);
        } else {
            spare += 1;
            let (from, _, what) = &mut pending[0];
            let between = format!("tightrope_between_{spare}");
            rename(from, &between, *what);
            taken.remove(from);
            taken.insert(between.clone());
            *from = between;
        }
    }
}

/// Where an object in a schema stands: its space, its schema and its last name.
type Place = (Space, String, String);

struct Placed<'a> {
    at: Place,
    to: Place,
    before: &'a Object,
}

/// Moves and renames what is in schemas.
fn move_between_schemas(survey: &Survey<'_>, fates: &Fates, script: &mut Script) {
    let mut taken: BTreeSet<Place> = BTreeSet::new();
    let mut pending: Vec<Placed<'_>> = Vec::new();
    // What gets another name and moves with its table: the name before that, or where somebody has it, after that.
    let mut carried: Vec<Placed<'_>> = Vec::new();
    for now in survey.now.objects() {
        let Some(schema) = names::schema(&now.id) else {
            continue;
        };
        let before = survey.before_of(&now.id);
        let space = names::space(now.id.kind);
        let last = now.id.path.last().cloned().unwrap_or_default();
        let schema = schema_before(survey, schema);
        let gone = fates.dropped.contains(&now.id) && !fates.late.contains(&now.id);
        let aside = before.is_some_and(|before| fates.rebuilt.contains(&before.id))
            || fates.with_rebuilt.contains(&now.id)
            || now.attribute("identity").is_some() && is_owned_by_rebuilt(survey, fates, now);
        if gone || aside {
            continue;
        }
        let at = (space, schema, last);
        taken.insert(at.clone());
        let Some(before) = before.filter(|_| fates.stays(&now.id)) else {
            continue;
        };
        let of_constraint =
            now.id.kind == ObjectKind::Index && now.attribute("constraint").is_some();
        let to = (
            space,
            before.id.path.first().cloned().unwrap_or_default(),
            before.id.path.last().cloned().unwrap_or_default(),
        );
        let renamed = names::own_name(&now.id) != names::own_name(&before.id);
        let owned =
            moves_with_table(survey, now, before) && !is_owned_by_rebuilt(survey, fates, now);
        if of_constraint || owned && !renamed {
            continue;
        }
        match owned && at.1 != to.1 {
            true => carried.push(Placed { at, to, before }),
            false if renamed || at.1 != to.1 => pending.push(Placed { at, to, before }),
            false => {}
        }
    }
    for Placed { at, to, before } in carried {
        let here = (to.0, at.1.clone(), to.2.clone());
        if taken.contains(&here) {
            let there = (at.0, to.1.clone(), at.2);
            pending.push(Placed {
                at: there,
                to,
                before,
            });
        } else {
            pending.insert(
                0,
                Placed {
                    at,
                    to: here,
                    before,
                },
            );
        }
    }
    late_out_of_the_way(survey, fates, &mut taken, &pending, script);
    // Bounded: each turn ends a move, or takes one out of the way once; where that frees nothing, the server shall say why.
    let (mut spare, most) = (0, pending.len());
    while !pending.is_empty() {
        let free = pending.iter().position(|step| !taken.contains(&step.to));
        let (at, done) = (free.unwrap_or(0), free.is_some() || spare > most);
        let step = &mut pending[at];
        let target = if done {
            step.to.clone()
        } else {
            spare += 1;
            (
                step.to.0,
                step.at.1.clone(),
                format!("tightrope_between_{spare}"),
            )
        };
        // The types of a routine's arguments have their names back by now.
        for sql in relocate(step.before, &step.at, &target) {
            script.reshape(&step.before.id, sql, None);
        }
        taken.remove(&step.at);
        taken.insert(target.clone());
        step.at = target;
        if done {
            pending.remove(at);
        }
    }
}

/// Whether an object is the sequence of a column in a table that is built anew: that of an identity goes with the old one, another was
/// let go.
fn is_owned_by_rebuilt(survey: &Survey<'_>, fates: &Fates, now: &Object) -> bool {
    now.owner_column().is_some_and(|owner| {
        let table = ObjectId::new(ObjectKind::Table, owner[..2].to_vec());
        let before = survey.matching.before(&table);
        before.is_some_and(|before| fates.rebuilt.contains(before))
    })
}

/// Whether it belongs to a table, and moves with it to another schema.
fn moves_with_table(survey: &Survey<'_>, now: &Object, before: &Object) -> bool {
    match now.id.kind {
        ObjectKind::Index => true,
        ObjectKind::Sequence => {
            now.attribute("owner_schema") == now.id.path.first().map(String::as_str)
                && survey.aligned.contains_key(&before.id)
                && before.attribute("same_owned_by") == now.attribute("same_owned_by")
        }
        _ => false,
    }
}

/// What goes late but has a name that is needed earlier gives it up.
fn late_out_of_the_way(
    survey: &Survey<'_>,
    fates: &Fates,
    taken: &mut BTreeSet<Place>,
    pending: &[Placed<'_>],
    script: &mut Script,
) {
    let mut wanted: BTreeSet<Place> = pending.iter().map(|step| step.to.clone()).collect();
    for before in survey.before.objects() {
        let stays = survey
            .now_of(before)
            .is_some_and(|now| fates.stays(&now.id));
        if let (false, Some(schema)) = (stays, names::schema(&before.id)) {
            let last = before.id.path.last().cloned().unwrap_or_default();
            wanted.insert((names::space(before.id.kind), schema.to_owned(), last));
        }
    }
    ready_to_give_way(survey, fates, script);
    // Functions before the types that they are told by.
    for id in fates.late.iter().rev() {
        let (Some(object), Some(schema)) = (survey.now.object(id), names::schema(id)) else {
            continue;
        };
        let schema = schema_before(survey, schema);
        let last = id.path.last().cloned().unwrap_or_default();
        let at = (names::space(id.kind), schema.clone(), last.clone());
        if !wanted.contains(&at) || names::owner(object, survey.now).is_some() {
            continue;
        }
        let rest = last.strip_prefix(names::own_name(id)).unwrap_or_default();
        let between = format!("{}{rest}", script.spare());
        let to = (at.0, schema, between);
        for sql in relocate(object, &at, &to) {
            script.reshape(id, sql, Some(GIVES_NAME_BACK));
        }
        script.renamed.insert(id.clone(), to.2.clone());
        taken.remove(&at);
        taken.insert(to);
    }
}

/// Readies what goes late for giving way, while everything of now still has its name.
fn ready_to_give_way(survey: &Survey<'_>, fates: &Fates, script: &mut Script) {
    for id in &fates.late {
        let (Some(object), Some(before), Some(ddl)) = (
            survey.now.object(id),
            survey.before_of(id),
            registry::ddl(id.kind),
        ) else {
            continue;
        };
        let mut now = object.clone();
        if let (Some(schema), Some(_)) = (now.id.path.first_mut(), names::schema(id)) {
            *schema = schema_before(survey, schema);
        }
        for sql in ddl.give_way(before, &now, survey.now) {
            script.reshape(id, sql, None);
        }
    }
}

/// The name before of a schema of now. One that the migration made under the name of another goes by one in between.
pub(super) fn schema_before(survey: &Survey<'_>, schema: &str) -> String {
    let id = ObjectId::new(ObjectKind::Schema, [schema]);
    let before = survey.matching.before(&id);
    match before.and_then(|before| before.path.first()) {
        Some(before) => before.clone(),
        None if survey.before.object(&id).is_some() => format!("tightrope_old_{schema}"),
        None => schema.to_owned(),
    }
}

fn relocate(object: &Object, at: &Place, to: &Place) -> Vec<String> {
    let Some(kind) = reference::words(object) else {
        return Vec::new();
    };
    let bare = |last: &str| {
        let id = ObjectId::new(object.id.kind, [String::new(), last.to_owned()]);
        names::own_name(&id).to_owned()
    };
    let (from_name, to_name) = (bare(&at.2), bare(&to.2));
    let mut statements = Vec::new();
    let mut schema = at.1.as_str();
    let moves = at.1 != to.1;
    if moves {
        statements.push(format!(
            "alter {kind} {} set schema {}",
            reference::placed(object, schema, &from_name),
            quote(&to.1)
        ));
        schema = &to.1;
    }
    if from_name != to_name {
        statements.push(format!(
            "alter {kind} {} rename to {}",
            reference::placed(object, schema, &from_name),
            quote(&to_name)
        ));
    }
    statements
}

/// Renames columns, constraints, triggers, rules and policies; what they belong to has its name already.
fn parts(moves: &[Move<'_>], survey: &Survey<'_>, script: &mut Script) {
    type Renames<'m> = Vec<(String, String, &'m Move<'m>)>;
    let mut by_owner: BTreeMap<(Vec<String>, ObjectKind), Renames<'_>> = BTreeMap::new();
    for step in moves {
        let (from, to) = (
            names::own_name(&step.now.id),
            names::own_name(&step.before.id),
        );
        // A parent's rename reaches its children, but for those that are detached.
        let owner = names::owner(step.now, survey.now);
        let detached = owner.is_some_and(|owner| survey.detached.contains(&owner));
        let inherited = !detached
            && step
                .now
                .attribute("inheritance")
                .is_some_and(|how| how.starts_with("inherited"))
            && matches!(
                step.now.id.kind,
                ObjectKind::Column | ObjectKind::Constraint
            );
        let typed = step.now.id.kind == ObjectKind::Column
            && names::owner(step.now, survey.now)
                .is_some_and(|owner| names::is_typed(&owner, survey.now));
        if from != to && !inherited && !typed {
            let owner = step.before.id.path[..step.before.id.path.len() - 1].to_vec();
            by_owner
                .entry((owner, step.before.id.kind))
                .or_default()
                .push((from.to_owned(), to.to_owned(), step));
        }
    }
    for ((owner, kind), mut pending) in by_owner {
        let mut taken: BTreeSet<String> = pending.iter().map(|(from, ..)| from.clone()).collect();
        settle(&mut pending, &mut taken, |from, to, step| {
            let on = names::owner(step.before, survey.before).map(|id| id.kind);
            let sql = rename_part(kind, on, &qualified(&owner), &quote(from), &quote(to));
            script.reshape(&step.before.id, sql, None);
        });
    }
}

fn rename_part(
    kind: ObjectKind,
    on: Option<ObjectKind>,
    owner: &str,
    from: &str,
    to: &str,
) -> String {
    // Before version 13 only `alter table` renames the columns of a view.
    let what = match on {
        Some(ObjectKind::Domain) => "domain",
        Some(ObjectKind::Type) => "type",
        Some(ObjectKind::MaterializedView) => "materialized view",
        Some(ObjectKind::ForeignTable) => "foreign table",
        _ => "table",
    };
    match kind {
        ObjectKind::Column if what == "type" => {
            format!("alter type {owner} rename attribute {from} to {to} cascade")
        }
        ObjectKind::Column => format!("alter {what} {owner} rename column {from} to {to}"),
        ObjectKind::Constraint => {
            format!("alter {what} {owner} rename constraint {from} to {to}")
        }
        ObjectKind::Trigger => format!("alter trigger {from} on {owner} rename to {to}"),
        ObjectKind::Rule => format!("alter rule {from} on {owner} rename to {to}"),
        _ => format!("alter policy {from} on {owner} rename to {to}"),
    }
}
