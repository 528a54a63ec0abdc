//! What comes first: an order in which everything stands after what it needs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use tightrope_model::{Catalog, Object, ObjectId, ObjectKind};

use super::names;

/// The object whose statement makes this one as well: a column's table, else the object itself.
pub(super) fn unit(object: &Object, catalog: &Catalog) -> ObjectId {
    if object.id.kind == ObjectKind::Column {
        names::owner(object, catalog).unwrap_or_else(|| object.id.clone())
    } else {
        object.id.clone()
    }
}

/// What each unit of a catalog needs; `unit` says to which one an object belongs.
pub(super) fn needs(
    catalog: &Catalog,
    unit: impl Fn(&Object) -> ObjectId,
) -> BTreeMap<ObjectId, BTreeSet<ObjectId>> {
    let mut needs: BTreeMap<ObjectId, BTreeSet<ObjectId>> = BTreeMap::new();
    for object in catalog.objects() {
        let own = unit(object);
        let needed = needs.entry(own.clone()).or_default();
        let needed_objects = object
            .depends_on
            .iter()
            .filter_map(|needed| catalog.object(needed));
        needed.extend(needed_objects.map(&unit));
        let owner = names::owner(object, catalog).and_then(|owner| catalog.object(&owner));
        needed.extend(owner.map(&unit));
        if let Some(schema) = names::schema(&object.id) {
            let schema = ObjectId::new(ObjectKind::Schema, [schema]);
            needed.extend(catalog.object(&schema).map(|schema| schema.id.clone()));
        }
        needed.remove(&own);
    }
    needs
}

/// All units of a catalog, each after what it needs; where there is a choice, by rank and name. A circle is broken at its
/// unit of the lowest rank, and at a whole before its partitions.
pub(super) fn sorted(
    catalog: &Catalog,
    needs: &BTreeMap<ObjectId, BTreeSet<ObjectId>>,
) -> Vec<ObjectId> {
    let mut needed_by: BTreeMap<&ObjectId, Vec<&ObjectId>> = BTreeMap::new();
    let mut open: BTreeMap<&ObjectId, usize> = BTreeMap::new();
    for (unit, needed) in needs {
        open.insert(unit, needed.len());
        for needed in needed {
            needed_by.entry(needed).or_default().push(unit);
        }
    }
    let rank = |unit: &ObjectId| catalog.object(unit).map_or(0, names::rank);
    let is_part = |unit: &ObjectId| {
        let object = catalog.object(unit);
        object.is_some_and(|object| object.attribute("partition_bound").is_some())
    };
    let mut ready: BinaryHeap<Reverse<(u8, &ObjectId)>> = open
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(unit, _)| Reverse((rank(unit), *unit)))
        .collect();
    let mut sorted = Vec::with_capacity(needs.len());
    while !open.is_empty() {
        let next = match ready.pop() {
            Some(Reverse((_, unit))) => Some(unit),
            None => open
                .keys()
                .copied()
                .min_by_key(|unit| (rank(unit), is_part(unit), *unit)),
        };
        let Some(unit) = next else { break };
        if open.remove(unit).is_none() {
            continue;
        }
        sorted.push(unit.clone());
        for waiting in needed_by.get(unit).into_iter().flatten() {
            if let Some(count) = open.get_mut(*waiting) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.push(Reverse((rank(waiting), *waiting)));
                }
            }
        }
    }
    sorted
}
