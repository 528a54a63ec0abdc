//! Columns that are still there under another name, out of sight of the catalog: they are put back into the picture.

use tightrope_model::{AttributeLevel, Catalog, Object, ObjectId, ObjectKind};

use crate::{Change, Matching};

/// What a hidden column does not have while it is hidden: it must take no part in new rows.
const LAID_DOWN: [&str; 2] = ["not_null", "default"];

/// The catalog now with the columns that the sources say are hidden; none if there are none.
pub(super) fn with_hidden(change: &Change<'_>) -> Option<Catalog> {
    let hides = change
        .sources
        .tables
        .iter()
        .filter(|(_, source)| !source.hidden.is_empty());
    let matching = Matching::of(change.before, change.now, change.renames);
    let mut added = Vec::new();
    for (table, source) in hides {
        let path = [table.schema.clone(), table.name.clone()];
        let Some(now) = matching.now(&ObjectId::new(ObjectKind::Table, path.clone())) else {
            continue;
        };
        for (name, hidden) in &source.hidden {
            let [schema, table] = &path;
            let id = ObjectId::new(ObjectKind::Column, [schema, table, name]);
            if let Some(before) = change.before.object(&id) {
                added.push(hidden_column(before, now, hidden));
            }
        }
    }
    if added.is_empty() {
        return None;
    }
    let mut objects: Vec<Object> = change.now.objects().cloned().chain(added.clone()).collect();
    for column in &added {
        renumber(&mut objects, &column.id.path[..2]);
    }
    Some(Catalog::new(objects, change.now.tables().to_vec()))
}

fn hidden_column(before: &Object, table: &ObjectId, name: &str) -> Object {
    let mut column = before.clone();
    column.id.path = table.path.clone();
    column.id.path.push(name.to_owned());
    for attribute in LAID_DOWN {
        column.attributes.remove(attribute);
    }
    column
}

/// Columns stand where their numbers put them.
fn renumber(objects: &mut [Object], table: &[String]) {
    let mut columns: Vec<&mut Object> = objects
        .iter_mut()
        .filter(|object| object.id.kind == ObjectKind::Column && object.id.path[..2] == *table)
        .collect();
    columns.sort_by_key(|column| column.native.map(|native| native.part));
    for (rank, column) in columns.into_iter().enumerate() {
        *column = std::mem::replace(column, Object::new(column.id.clone())).with(
            "position",
            AttributeLevel::Position,
            (rank + 1).to_string(),
        );
    }
}
