use std::collections::{BTreeMap, BTreeSet};

use tightrope_model::{Attribute, AttributeLevel, Catalog, Object, ObjectId, ObjectKind};

use super::names;
use crate::{Change, Matching};

/// Attributes that are written for all kinds at once.
const FINISHING: [&str; 4] = ["owner", "privileges", "comment", "security_labels"];

/// The two catalogs side by side, names put aside: what is left differs in more than what it or something else is called.
pub(super) struct Survey<'a> {
    pub(super) change: Change<'a>,
    pub(super) before: &'a Catalog,
    pub(super) now: &'a Catalog,
    pub(super) matching: Matching,
    /// By its identity before: the object as it is now, under its name before, and with every attribute that means the
    /// same written as before.
    pub(super) aligned: BTreeMap<ObjectId, Object>,
    /// Tables of now that belong to a parent to which they did not belong before, or as another part.
    pub(super) detached: BTreeSet<ObjectId>,
}

impl<'a> Survey<'a> {
    pub(super) fn of(change: &Change<'a>) -> Self {
        let mut matching = Matching::of(change.before, change.now, change.renames);
        match_identities(change, &mut matching);
        let mut survey = Self {
            change: *change,
            before: change.before,
            now: change.now,
            matching,
            aligned: BTreeMap::new(),
            detached: BTreeSet::new(),
        };
        survey.detached = survey.detached();
        let renamed = survey.renamed();
        let aligned = change.before.objects().filter_map(|before| {
            let now = survey.now_of(before)?;
            Some((before.id.clone(), survey.align(before, now, &renamed)))
        });
        survey.aligned = aligned.collect();
        survey
    }

    /// What an object of before is now.
    pub(super) fn now_of(&self, before: &Object) -> Option<&'a Object> {
        self.now.object(self.matching.now(&before.id)?)
    }

    /// What an object was before.
    pub(super) fn before_of(&self, now: &ObjectId) -> Option<&'a Object> {
        self.before.object(self.matching.before(now)?)
    }

    /// The attributes in which an object differs, those left out that are written for all kinds at once.
    pub(super) fn differences(&self, before: &Object) -> Vec<String> {
        let Some(now) = self.aligned.get(&before.id) else {
            return Vec::new();
        };
        let names: BTreeSet<&String> = before
            .attributes
            .keys()
            .chain(now.attributes.keys())
            .collect();
        names
            .into_iter()
            .filter(|name| {
                before.id.kind == ObjectKind::DefaultPrivileges
                    || !FINISHING.contains(&name.as_str())
            })
            .filter(|name| {
                let level = [before, now]
                    .iter()
                    .find_map(|object| object.attributes.get(*name))
                    .map(|attribute| attribute.level);
                !matches!(level, Some(AttributeLevel::Fact | AttributeLevel::Position))
            })
            .filter(|name| before.attribute(name) != now.attribute(name))
            .cloned()
            .collect()
    }

    /// Everything whose path is another one now, under both paths.
    fn renamed(&self) -> BTreeSet<&'a ObjectId> {
        let mut renamed = BTreeSet::new();
        for before in self.before.objects() {
            if let Some(now) = self.now_of(before)
                && now.id.path != before.id.path
            {
                renamed.insert(&before.id);
                renamed.insert(&now.id);
            }
        }
        renamed
    }

    fn detached(&self) -> BTreeSet<ObjectId> {
        let tables = self.before.objects().filter_map(|before| {
            let now = self.now_of(before)?;
            now.attribute("inherits")?;
            (!has_same_parents(before, now)).then(|| now.id.clone())
        });
        tables.collect()
    }

    fn align(&self, before: &Object, now: &Object, renamed: &BTreeSet<&ObjectId>) -> Object {
        let mut aligned = now.clone();
        aligned.id = before.id.clone();
        let owners = [
            names::owner(before, self.before),
            names::owner(now, self.now),
        ];
        let needs = before.depends_on.iter().chain(&now.depends_on);
        let names_moved = needs
            .chain(owners.iter().flatten())
            .any(|id| renamed.contains(id));
        let owner_now = names::owner(now, self.now).unwrap_or_else(|| now.id.clone());
        if self.detached.contains(&owner_now) {
            for name in [
                "inherits",
                "partition_bound",
                "partition_of",
                "inheritance",
                "part",
                "same_inherits",
                "same_partition_bound",
            ] {
                aligned.attributes.remove(name);
            }
        }
        for (name, was) in &before.attributes {
            let numbers = format!("same_{name}");
            let (Some(number_was), Some(number_is)) =
                (before.attribute(&numbers), now.attribute(&numbers))
            else {
                continue;
            };
            let Some(is) = aligned.attributes.get_mut(name) else {
                continue;
            };
            if number_was == number_is {
                is.clone_from(was);
            } else if is.value == was.value && names_moved {
                // The same words about other things.
                *is = Attribute {
                    level: is.level,
                    value: format!("{} (of another name)", is.value),
                };
            }
        }
        aligned
    }
}

/// The columns with an identity, each with its sequence.
fn identities(catalog: &Catalog) -> impl Iterator<Item = (ObjectId, &ObjectId)> {
    catalog
        .owned_sequences()
        .filter(|(sequence, _)| sequence.attribute("identity").is_some())
        .map(|(sequence, owner)| (ObjectId::new(ObjectKind::Column, owner), &sequence.id))
}

/// The sequence behind an identity is that of its column, whatever it is called.
fn match_identities(change: &Change<'_>, matching: &mut Matching) {
    let there: BTreeMap<ObjectId, &ObjectId> = identities(change.now).collect();
    for (column, before) in identities(change.before) {
        let now = matching.now(&column).and_then(|column| there.get(column));
        if let Some(now) = now {
            matching.adopt(before, now);
        }
    }
}

/// An object's columns in their order.
pub(super) fn columns<'a>(catalog: &'a Catalog, owner: &ObjectId) -> Vec<&'a Object> {
    let mut columns: Vec<&Object> = catalog.columns_of(owner).collect();
    columns.sort_by_key(|column| {
        column
            .attribute("position")
            .and_then(|position| position.parse::<u32>().ok())
            .unwrap_or_default()
    });
    columns
}

/// Whether a table is a part of what it was a part of, with the same bound, or inherits from the same tables.
pub(super) fn has_same_parents(before: &Object, now: &Object) -> bool {
    ["same_inherits", "same_partition_bound"]
        .iter()
        .all(|name| before.attribute(name) == now.attribute(name))
}
