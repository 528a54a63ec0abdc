use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{qualified, quote};
use super::options;
use super::place::{alike, last, same, text};
use crate::{Change, Loss};

/// `create index`; one behind a constraint is made with it, and only gets what the constraint does not say.
pub(in super::super) struct Index;

/// What is changed in place.
const IN_PLACE: [&str; 5] = [
    "tablespace",
    "statistics_targets",
    "replica_identity",
    "clustered",
    "partition_of",
];

impl KindDdl for Index {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Index]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let name = qualified(&object.id.path);
        let mut statements = Vec::new();
        if object.attribute("constraint").is_none() {
            statements.push(text(object, "definition").to_owned());
        } else if let Some(given) = object.attribute("options") {
            statements.extend(options::altered("index", &name, Some(given), None));
        }
        if let Some(tablespace) = object.attribute("tablespace") {
            statements.push(format!(
                "alter index {name} set tablespace {}",
                quote(tablespace)
            ));
        }
        statements.extend(statistics_targets(object, None));
        if let Some(parent) = object.attribute("partition_of") {
            statements.push(format!("alter index {parent} attach partition {name}"));
        }
        statements.extend(marks(object, None));
        statements
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop index {}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        let attached =
            before.attribute("partition_of").is_some() && now.attribute("partition_of").is_none();
        if !alike(before, now, &IN_PLACE) || !same(before, now, "partition_of") && !attached {
            return None;
        }
        let name = qualified(&before.id.path);
        let mut statements = Vec::new();
        if !same(before, now, "tablespace") {
            let tablespace = before.attribute("tablespace").unwrap_or("pg_default");
            statements.push(format!(
                "alter index {name} set tablespace {}",
                quote(tablespace)
            ));
        }
        statements.extend(statistics_targets(before, Some(now)));
        if attached {
            let parent = text(before, "partition_of");
            statements.push(format!("alter index {parent} attach partition {name}"));
        }
        statements.extend(marks(before, Some(now)));
        Some(statements)
    }

    fn loss(&self, before: Option<&Object>, now: Option<&Object>) -> Option<Loss> {
        let before = before?;
        let invalid = before.attribute("valid").is_some()
            && now.is_none_or(|now| now.attribute("valid").is_none())
            && !text(before, "definition").contains(" ON ONLY ");
        invalid.then(|| Loss {
            object: before.id.clone(),
            reason: "the index was invalid, and what is made anew is valid".to_owned(),
            lost: "that it was invalid".to_owned(),
        })
    }
}

/// Marks that a table's index has: by which rows are told in replication, and by which the table was clustered.
fn marks(index: &Object, now: Option<&Object>) -> Vec<String> {
    let schema = index.id.path.first().cloned().unwrap_or_default();
    let table = qualified(&[schema, text(index, "table").to_owned()]);
    let name = quote(last(index));
    let newly = |mark: &str| {
        index.attribute(mark).is_some() && now.is_none_or(|now| now.attribute(mark).is_none())
    };
    let mut statements = Vec::new();
    if newly("replica_identity") {
        statements.push(format!(
            "alter table {table} replica identity using index {name}"
        ));
    }
    if newly("clustered") {
        statements.push(format!("alter table {table} cluster on {name}"));
    }
    let was_clustered = now.is_some_and(|now| now.attribute("clustered").is_some());
    if was_clustered && index.attribute("clustered").is_none() {
        statements.push(format!("alter table {table} set without cluster"));
    }
    statements
}

/// Statistics targets of expressions, told as `1: 500, 3: 100`.
fn statistics_targets(index: &Object, now: Option<&Object>) -> Vec<String> {
    let read = |object: &Object| -> Vec<(String, String)> {
        text(object, "statistics_targets")
            .split(", ")
            .filter_map(|target| target.split_once(": "))
            .map(|(column, target)| (column.to_owned(), target.to_owned()))
            .collect()
    };
    let (wanted, there) = (read(index), now.map(read).unwrap_or_default());
    let name = qualified(&index.id.path);
    let set = |column: &str, target: &str| {
        format!("alter index {name} alter column {column} set statistics {target}")
    };
    let reset = there
        .iter()
        .filter(|(column, _)| wanted.iter().all(|(wanted, _)| wanted != column));
    let mut statements: Vec<String> = reset.map(|(column, _)| set(column, "-1")).collect();
    let changed = wanted.iter().filter(|target| !there.contains(target));
    statements.extend(changed.map(|(column, target)| set(column, target)));
    statements
}
