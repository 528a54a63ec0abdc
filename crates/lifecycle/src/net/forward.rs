//! The way forward again: values that only the new schema has a place for are kept at rollback, and come back with the
//! migration.
//!
//! A table that the migration made, a column that it added: the application has written there. The rollback takes the place
//! away, not the values.

use tightrope_engine::{EngineError, ForwardColumn, KeptNet, Session};
use tightrope_inverse::{Matching, Rename};
use tightrope_model::{Catalog, Object, ObjectId, ObjectKind, TableName, TablePlan};
use tightrope_store::{AppliedMigration, ForwardImage, KeptImage, Store, StoreError};

use crate::execute::Quietly;
use crate::{Event, Listener};

/// Keeps what the rollback of a migration would take away.
pub(crate) fn keep_images(
    session: &mut dyn Session,
    kept: &KeptNet,
    before: &Catalog,
    now: &Catalog,
    renames: &[Rename],
) -> Result<Vec<ForwardImage>, EngineError> {
    let matching = Matching::of(before, now, renames);
    let mut wanted: Vec<Wanted> = now
        .tables()
        .iter()
        .filter(|shape| {
            let was = matching.before(&ObjectId::of_table(&shape.table));
            was.is_none_or(|was| gave_way(before, was, now, &shape.table))
        })
        .map(|shape| Wanted {
            table: shape.table.clone(),
            columns: columns(now, &shape.table, |_| true),
            telling: Vec::new(),
            key: Vec::new(),
        })
        // Of a virtual table the catalog knows no columns.
        .filter(|wanted| !wanted.columns.is_empty())
        .collect();
    wanted.extend(
        kept.tables
            .iter()
            .filter_map(|table| added(now, &table.plan)),
    );
    let mut images = Vec::new();
    for (place, wanted) in wanted.into_iter().enumerate() {
        let own = format!("forward_{}_{}", kept.number, place + 1);
        let Some(net) = session.net() else { break };
        let rows = net.keep_forward(&own, &wanted.table, &wanted.columns, &wanted.telling)?;
        if rows > 0 {
            images.push(ForwardImage {
                own,
                table: wanted.table,
                columns: wanted.columns,
                key: wanted.key,
                rows,
            });
        }
    }
    Ok(images)
}

/// Whether a partitioned table gave way to one without parts, whose rows nothing tells from those of the parts.
fn gave_way(before: &Catalog, was: &ObjectId, now: &Catalog, table: &TableName) -> bool {
    let parts = |catalog: &Catalog, id: &ObjectId| {
        let table = catalog.object(id);
        table.is_some_and(|table| table.attribute("partition_key").is_some())
    };
    parts(before, was) && !parts(now, &ObjectId::of_table(table))
}

/// The partitioned table that gives way to one without parts, if one does: what is written there cannot be merged.
pub(crate) fn partitioned_gives_way(
    before: &Catalog,
    after: &Catalog,
    renames: &[Rename],
) -> Option<TableName> {
    let matching = Matching::of(before, after, renames);
    let mut tables = after.tables().iter().map(|shape| &shape.table);
    let gives_way = |table: &&TableName| {
        let was = matching.before(&ObjectId::of_table(table));
        was.is_some_and(|was| gave_way(before, was, after, table))
    };
    tables.find(gives_way).cloned()
}

/// What is to be kept of one table.
struct Wanted {
    table: TableName,
    columns: Vec<ForwardColumn>,
    telling: Vec<String>,
    key: Vec<String>,
}

/// The columns that a migration added to a table whose rows can be told apart.
fn added(now: &Catalog, plan: &TablePlan) -> Option<Wanted> {
    let table = plan.after.clone()?;
    if plan.added.is_empty() || plan.key.is_empty() {
        return None;
    }
    let key: Vec<String> = plan.key.iter().map(|column| column.after.clone()).collect();
    let is_kept = |name: &String| key.contains(name) || plan.added.contains(name);
    Some(Wanted {
        columns: columns(now, &table, is_kept),
        telling: plan.added.clone(),
        key,
        table,
    })
}

fn columns(
    catalog: &Catalog,
    table: &TableName,
    is_kept: impl Fn(&String) -> bool,
) -> Vec<ForwardColumn> {
    let path = ObjectId::of_table(table).path;
    let mut columns: Vec<&Object> = catalog
        .objects()
        .filter(|object| {
            let ObjectId { kind, path: own } = &object.id;
            *kind == ObjectKind::Column
                && own.len() == path.len() + 1
                && own.starts_with(&path)
                && object.attribute("generated").is_none()
        })
        .filter(|object| object.id.path.last().is_some_and(&is_kept))
        .collect();
    columns.sort_by_key(|column| {
        let position = column.attribute("position");
        position.and_then(|position| position.parse::<u32>().ok())
    });
    columns
        .iter()
        .map(|column| ForwardColumn {
            name: column.id.path.last().cloned().unwrap_or_default(),
            type_name: column.attribute("type").unwrap_or_default().to_owned(),
        })
        .collect()
}

/// Brings back what an earlier rollback of the same migration kept, after its forward script. What does not fit stays kept.
pub(crate) fn bring_images(
    session: &mut dyn Session,
    record: &AppliedMigration,
    listener: &dyn Listener,
) -> Result<(), StoreError> {
    let forward = record.forward_meaning.to_string();
    let images: Vec<KeptImage> = Store::new(session)
        .images()?
        .into_iter()
        .filter(|kept| kept.version_key == record.version_key && kept.forward == forward)
        .collect();
    for kept in images {
        let image = &kept.image;
        session.run_quietly("savepoint tightrope_forward")?;
        let brought = match session.net() {
            Some(net) => net
                .bring_forward(&image.own, &image.table, &image.columns, &image.key)
                .and_then(|rows| net.drop_forward(&image.own).map(|()| rows)),
            None => Ok(0),
        };
        let message = match brought {
            Ok(rows) => {
                Store::new(session).drop_image(kept.number)?;
                format!(
                    "{rows} rows of {} are back, kept at an earlier rollback",
                    image.table
                )
            }
            Err(error) if error.kind.may_pass() => return Err(error.into()),
            Err(error) => {
                session.run_quietly("rollback to savepoint tightrope_forward")?;
                format!(
                    "what an earlier rollback kept of {} ({} in all) does not fit and stays kept: {error}",
                    image.table, image.rows
                )
            }
        };
        session.run_quietly("release savepoint tightrope_forward")?;
        listener.event(&Event::Notice { message });
    }
    Ok(())
}
