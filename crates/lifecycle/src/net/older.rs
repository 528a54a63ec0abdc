//! Stacked migrations: while a newer one has its window over a table, the older ones' touch logs rest there.

use tightrope_engine::{EngineError, KeptNet, Session};
use tightrope_model::TableName;
use tightrope_store::AppliedMigration;

/// Lets the older nets rest on the tables that a new migration takes over.
pub(crate) fn suspend_older(
    session: &mut dyn Session,
    applied: &[AppliedMigration],
    newer: &KeptNet,
) -> Result<(), EngineError> {
    let taken_over: Vec<TableName> = newer
        .tables
        .iter()
        .map(|table| table.plan.before.clone())
        .collect();
    for older in older(applied, newer) {
        let tables = shared(older, &taken_over);
        if !tables.is_empty()
            && let Some(net) = session.net()
        {
            net.suspend(older, &tables)?;
        }
    }
    Ok(())
}

/// Gives each table of a migration that went back to the newest of the older nets that watches it.
pub(crate) fn resume_older(
    session: &mut dyn Session,
    applied: &[AppliedMigration],
    newer: &KeptNet,
) -> Result<(), EngineError> {
    let mut left: Vec<TableName> = newer
        .tables
        .iter()
        .map(|table| table.plan.before.clone())
        .collect();
    for older in older(applied, newer) {
        let tables = shared(older, &left);
        left.retain(|table| !tables.contains(table));
        if !tables.is_empty()
            && let Some(net) = session.net()
        {
            net.resume(older, newer, &tables)?;
        }
    }
    Ok(())
}

/// The newer migration that has taken over one of the tables that a net watches, if one has.
pub(crate) fn taken_over_by<'a>(
    applied: &'a [AppliedMigration],
    kept: &KeptNet,
) -> Option<&'a AppliedMigration> {
    let newer = applied.iter().rev().filter(|one| one.is_open());
    newer
        .filter_map(|one| Some((one, one.net.as_ref()?)))
        .filter(|(_, net)| net.number > kept.number)
        .find(|(_, net)| {
            let tables: Vec<TableName> = net
                .tables
                .iter()
                .map(|table| table.plan.before.clone())
                .collect();
            !shared(kept, &tables).is_empty()
        })
        .map(|(one, _)| one)
}

/// The open nets of older migrations, newest first.
fn older<'a>(
    applied: &'a [AppliedMigration],
    newer: &'a KeptNet,
) -> impl Iterator<Item = &'a KeptNet> {
    let open = applied.iter().rev().filter(|one| one.is_open());
    open.filter_map(|one| one.net.as_ref())
        .filter(|kept| kept.number < newer.number)
}

/// The tables among `tables` that a net watches, by their name after its migration.
fn shared(kept: &KeptNet, tables: &[TableName]) -> Vec<TableName> {
    let watched = kept.tables.iter().filter(|table| table.touched.is_some());
    watched
        .filter_map(|table| table.plan.after.clone())
        .filter(|after| tables.contains(after))
        .collect()
}
