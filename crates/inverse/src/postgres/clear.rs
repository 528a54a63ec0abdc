//! What goes, last first.

use std::collections::BTreeMap;

use tightrope_model::{Attribute, AttributeLevel, Object, ObjectId, ObjectKind};

use super::fates::{Fates, is_table, statistics_table};
use super::plan::Script;
use super::quote::{qualified, quote};
use super::survey::Survey;
use super::{names, order, registry, renames, shape};

/// Writes the phase in which what the migration made goes.
pub(super) fn write(survey: &Survey<'_>, fates: &Fates, script: &mut Script) {
    let_sequences_go(survey, fates, script);
    detach(survey, fates, script);
    drop_defaults(survey, fates, script);
    let going = |id: &ObjectId| fates.dropped.contains(id) && !fates.late.contains(id);
    drop_all(survey, fates, &going, script);
}

/// Drops what other things needed until tables had their shape.
pub(super) fn drop_late(survey: &Survey<'_>, fates: &Fates, script: &mut Script) {
    let mut late = Script::late();
    std::mem::swap(&mut late.renamed, &mut script.renamed);
    let going = |id: &ObjectId| fates.late.contains(id);
    drop_all(survey, fates, &going, &mut late);
    for mut step in late.into_steps() {
        step.phase = crate::Phase::Reshape;
        script.push(step);
    }
}

/// Sequences that stay are let go by columns that do not, or that are not theirs.
fn let_sequences_go(survey: &Survey<'_>, fates: &Fates, script: &mut Script) {
    for (sequence, owner) in survey.now.owned_sequences() {
        if sequence.attribute("identity").is_some() || !fates.stays(&sequence.id) {
            continue;
        }
        let column = ObjectId::new(ObjectKind::Column, owner);
        let before = survey.before_of(&sequence.id);
        let same = before.is_some_and(|before| {
            before.attribute("same_owned_by") == sequence.attribute("same_owned_by")
        });
        if !same || !fates.stays(&column) && !fates.with_rebuilt.contains(&column) {
            let sql = format!(
                "alter sequence {} owned by none",
                qualified(&sequence.id.path)
            );
            script.clear(&sequence.id, sql, None);
        }
    }
}

/// Tables that were no parts of others, or of others, are detached.
fn detach(survey: &Survey<'_>, fates: &Fates, script: &mut Script) {
    for now in survey.now.objects().filter(|now| is_table(now.id.kind)) {
        let rebuilt = survey
            .before_of(&now.id)
            .is_some_and(|before| fates.rebuilt.contains(&before.id));
        let partition = now.attribute("partition_bound").is_some();
        let parents: Vec<&ObjectId> = now
            .depends_on
            .iter()
            .filter(|id| id.kind == ObjectKind::Table)
            .collect();
        let stays = fates.stays(&now.id);
        let alone = rebuilt
            && partition
            && parents.iter().all(|parent| {
                let parent = survey.matching.before(parent);
                parent.is_some_and(|parent| !fates.rebuilt.contains(parent))
            });
        let other_parents = stays && survey.detached.contains(&now.id);
        // A part cannot be dropped while foreign keys refer to the whole.
        let referred = !stays
            && partition
            && parents.iter().all(|parent| fates.stays(parent))
            && parents.iter().any(|parent| is_referred_to(survey, parent));
        if !other_parents && !alone && !referred {
            continue;
        }
        let name = qualified(&now.id.path);
        for parent in parents {
            let parent = qualified(&parent.path);
            let sql = if partition {
                format!("alter table {parent} detach partition {name}")
            } else {
                format!("alter table {name} no inherit {parent}")
            };
            script.clear(&now.id, sql, None);
        }
    }
}

/// Whether a foreign key may refer to a table.
fn is_referred_to(survey: &Survey<'_>, table: &ObjectId) -> bool {
    let mut objects = survey.now.objects();
    objects.any(|key| {
        key.attribute("form") == Some("f")
            && key.depends_on.iter().any(|id| {
                id == table || id.kind == ObjectKind::Column && id.table_of_column() == *table
            })
    })
}

/// Defaults go before what they call, and before their column's type changes.
fn drop_defaults(survey: &Survey<'_>, fates: &Fates, script: &mut Script) {
    for before in survey
        .before
        .objects()
        .filter(|before| is_table(before.id.kind))
    {
        let now = survey.now_of(before);
        let Some(now) = now.filter(|now| fates.stays(&now.id)) else {
            continue;
        };
        if fates.rebuilt.contains(&before.id) {
            continue;
        }
        for (column, action) in shape::cleared(survey, fates, before) {
            let name = column.id.path.last().map(|name| quote(name));
            let sql = format!(
                "alter table only {} alter column {} {action}",
                qualified(&now.id.path),
                name.unwrap_or_default()
            );
            script.clear(&column.id, sql, None);
        }
    }
}

fn drop_all(
    survey: &Survey<'_>,
    fates: &Fates,
    going: &dyn Fn(&ObjectId) -> bool,
    script: &mut Script,
) {
    let needs = order::needs(survey.now, |object| unit(survey, fates, object));
    let sorted = order::sorted(survey.now, &needs);
    let place: BTreeMap<&ObjectId, usize> =
        sorted.iter().enumerate().map(|(at, id)| (id, at)).collect();
    // Foreign keys in a circle are dropped by themselves, and those to partitions, which go before the whole.
    for key in survey
        .now
        .objects()
        .filter(|object| object.attribute("form") == Some("f"))
    {
        let Some(own) = names::owner(key, survey.now) else {
            continue;
        };
        let goes = fates.dropped.contains(&key.id) && goes_with(survey, fates, key);
        if !goes || key.attribute("part").is_some() {
            continue;
        }
        let needed = key.depends_on.iter();
        let mut needed = needed
            .filter_map(|needed| survey.now.object(needed))
            .map(|needed| unit(survey, fates, needed));
        let alone = needed.any(|other| {
            let circle = other != own && going(&other) && place.get(&other) > place.get(&own);
            going(&key.id) && circle || a_part_goes(survey, &other, going)
        });
        if alone {
            write_drop(survey, key, script);
        }
    }
    for id in sorted.iter().rev().filter(|id| going(id)) {
        if let Some(object) = survey.now.object(id)
            && !goes_with(survey, fates, object)
        {
            write_drop(survey, object, script);
        }
    }
}

/// Whether a partition of the table goes now.
fn a_part_goes(survey: &Survey<'_>, table: &ObjectId, going: &dyn Fn(&ObjectId) -> bool) -> bool {
    let mut parts = survey.now.partitions(table);
    parts.any(|part| going(&part.id))
}

/// Whether a column has to be dropped by itself: its table stays, and it is not only a parent's.
fn is_dropped_alone(survey: &Survey<'_>, fates: &Fates, column: &Object) -> bool {
    let Some(owner) = names::owner(column, survey.now) else {
        return false;
    };
    let kept = is_table(owner.kind) || owner.kind == ObjectKind::Type;
    let before = survey.matching.before(&owner);
    let rebuilt = before.is_some_and(|before| fates.rebuilt.contains(before));
    let inherited =
        column.attribute("inheritance") == Some("inherited") && !survey.detached.contains(&owner);
    kept && !rebuilt && !inherited && !names::is_typed(&owner, survey.now)
}

/// The object with which one goes: its table, where that goes, too; the column that it is the sequence of.
fn unit(survey: &Survey<'_>, fates: &Fates, object: &Object) -> ObjectId {
    if let Some(column) = column_it_goes_with(survey, fates, object) {
        return unit(survey, fates, column);
    }
    let owner = names::owner(object, survey.now).or_else(|| statistics_table(object));
    let with_owner = owner.filter(|owner| {
        let column_stays =
            object.id.kind == ObjectKind::Column && !fates.dropped.contains(&object.id);
        fates.dropped.contains(owner) || column_stays
    });
    with_owner.unwrap_or_else(|| object.id.clone())
}

/// The column that goes, and takes its sequence along.
fn column_it_goes_with<'s>(
    survey: &'s Survey<'_>,
    fates: &Fates,
    sequence: &Object,
) -> Option<&'s Object> {
    let is_sequence = sequence.id.kind == ObjectKind::Sequence;
    let owner = sequence.owner_column().filter(|_| is_sequence)?;
    let column = ObjectId::new(ObjectKind::Column, owner);
    survey
        .now
        .object(&column)
        .filter(|_| fates.dropped.contains(&column))
}

/// Whether an object goes with another one, and needs no statement of its own.
fn goes_with(survey: &Survey<'_>, fates: &Fates, object: &Object) -> bool {
    let owner = names::owner(object, survey.now).or_else(|| statistics_table(object));
    if owner.is_some_and(|owner| fates.dropped.contains(&owner)) {
        return true;
    }
    let detached =
        names::owner(object, survey.now).is_some_and(|owner| survey.detached.contains(&owner));
    match object.id.kind {
        ObjectKind::Column => !is_dropped_alone(survey, fates, object),
        ObjectKind::Index => {
            object.attribute("constraint").is_some()
                || !detached && object.attribute("partition_of").is_some()
        }
        ObjectKind::Constraint => {
            let part = object.attribute("part").is_some() || super::fates::inherited(object);
            part && !detached
        }
        ObjectKind::Trigger => object.attribute("of_partition").is_some(),
        ObjectKind::Sequence => {
            object.attribute("identity").is_some()
                || column_it_goes_with(survey, fates, object).is_some()
        }
        _ => object.attribute("comes_with_type").is_some(),
    }
}

fn write_drop(survey: &Survey<'_>, object: &Object, script: &mut Script) {
    let Some(ddl) = registry::ddl(object.id.kind) else {
        return;
    };
    let mut other = object.clone();
    if script.late
        && names::schema(&object.id).is_some()
        && let Some(schema) = other.id.path.first_mut()
    {
        *schema = renames::schema_before(survey, schema);
    }
    let Some(renamed) = script.renamed.get(&object.id).cloned() else {
        script.clear(&object.id, ddl.drop(&other, survey.now), None);
        return;
    };
    if let Some(last) = other.id.path.last_mut() {
        last.clone_from(&renamed);
    }
    let name = quote(names::own_name(&other.id));
    // Its arguments may have types that gave up their names, too; its own new name is unique.
    other.attributes.remove("signature");
    other.attributes.insert(
        "name".to_owned(),
        Attribute {
            level: AttributeLevel::Fact,
            value: name,
        },
    );
    script.clear(&object.id, ddl.drop(&other, survey.now), None);
}
