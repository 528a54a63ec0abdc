//! What a rehearsal would plan.

use std::collections::BTreeMap;

use tightrope_engine::Session;
use tightrope_inverse::{Matching, Rename};
use tightrope_model::{
    Catalog, ColumnPlan, EngineKind, Keep, KeyColumn, NetPlan, Object, ObjectId, ObjectKind,
    TableChange, TableName, TablePlan, TableShape,
};
use tightrope_script::{Script, TransactionMode, renames};

use crate::walk::script;

/// The renames that a script tells.
pub(crate) fn told(sql: &str) -> Vec<Rename> {
    let script = Script::whole("up.sql", sql, TransactionMode::Auto);
    let id = |path: &Vec<String>| {
        let kind = match path.len() {
            1 => ObjectKind::Table,
            _ => ObjectKind::Column,
        };
        ObjectId::new(kind, path.clone())
    };
    renames(&script.parse(EngineKind::Sqlite))
        .iter()
        .map(|told| Rename {
            before: id(&told.before),
            after: id(&told.after),
        })
        .collect()
}

/// The tables that the script changes, and how their rows are kept.
pub(crate) fn plan(session: &mut dyn Session, forward: &str, keep: Option<Keep>) -> NetPlan {
    session.begin().unwrap();
    let before = session.catalog().unwrap();
    session.start_counting_rows().unwrap();
    script(session, forward);
    let changes: BTreeMap<TableName, TableChange> =
        session.rows_changed().unwrap().into_iter().collect();
    let after = session.catalog().unwrap();
    session.roll_back().unwrap();
    session.reset().unwrap();
    let matching = Matching::of(&before, &after, &told(forward));
    let mut plan = NetPlan::default();
    for shape in before.tables() {
        let mut table = planned(&before, &after, &matching, shape);
        let rows = table.after.as_ref().and_then(|after| changes.get(after));
        table.rows = rows.copied().unwrap_or_default();
        table.number = plan.tables.len() + 1;
        table.keep = match keep {
            Some(keep) => keep,
            None if table.after.is_none()
                || !table.rows.is_empty()
                || table.columns.iter().any(ColumnPlan::is_lost) =>
            {
                Keep::Whole
            }
            None => Keep::Nothing,
        };
        plan.tables.push(table);
    }
    plan
}

fn planned(
    before: &Catalog,
    after: &Catalog,
    matching: &Matching,
    shape: &TableShape,
) -> TablePlan {
    let id = ObjectId::new(ObjectKind::Table, [&shape.table.name]);
    let now = matching
        .now(&id)
        .map(|now| TableName::new("", &now.path[0]));
    let columns: Vec<ColumnPlan> = columns_of(before, &shape.table)
        .into_iter()
        .map(|column| {
            let of = |object: &Object| object.attribute("type").unwrap_or_default().to_owned();
            let now = matching.now(&column.id).and_then(|id| after.object(id));
            let now = now.filter(|now| now.attribute("generated").is_none());
            ColumnPlan {
                hidden: false,
                before: column.id.path[1].clone(),
                after: now.map(|now| now.id.path[1].clone()),
                type_before: of(column),
                type_after: now.map(of).filter(|now| *now != of(column)),
            }
        })
        .collect();
    let added = now.iter().flat_map(|now| columns_of(after, now));
    let added = added
        .filter(|column| matching.before(&column.id).is_none())
        .map(|column| column.id.path[1].clone())
        .collect();
    let key = key(after, shape, &columns, now.as_ref());
    TablePlan {
        number: 0,
        before: shape.table.clone(),
        after: now,
        key,
        columns,
        added,
        keep: Keep::Nothing,
        rows: TableChange::default(),
        truncated: false,
        key_changes: false,
        key_in_doubt: false,
        rows_before: 0,
        divided: None,
        is_made: false,
    }
}

/// The key before, if it is the one after, too.
fn key(
    after: &Catalog,
    shape: &TableShape,
    columns: &[ColumnPlan],
    now: Option<&TableName>,
) -> Vec<KeyColumn> {
    let key: Option<Vec<KeyColumn>> = shape
        .key
        .iter()
        .map(|name| {
            let column = columns.iter().find(|column| &column.before == name)?;
            let after = match now {
                Some(_) if column.is_lost() => return None,
                Some(_) => column.after.clone()?,
                None => name.clone(),
            };
            Some(KeyColumn {
                before: name.clone(),
                after,
            })
        })
        .collect();
    let key = key.unwrap_or_default();
    let Some(now) = now.and_then(|now| after.table(now)) else {
        return key;
    };
    let mut named: Vec<&String> = key.iter().map(|column| &column.after).collect();
    let mut known: Vec<&String> = now.key.iter().collect();
    named.sort();
    known.sort();
    if named == known { key } else { Vec::new() }
}

/// The columns of a table that hold values of their own, in their order.
pub(crate) fn columns_of<'c>(catalog: &'c Catalog, table: &TableName) -> Vec<&'c Object> {
    let mut columns: Vec<&Object> = catalog
        .objects()
        .filter(|object| object.id.kind == ObjectKind::Column)
        .filter(|object| object.id.path[0] == table.name)
        .filter(|object| object.attribute("generated").is_none())
        .collect();
    columns.sort_by_key(|column| {
        let position = column.attribute("position").unwrap();
        position.parse::<u32>().unwrap()
    });
    columns
}
