//! Stacked migrations: while a newer one has its window over a table, the older ones' touch logs rest there.

use tightrope_engine::{EngineError, ErrorKind, KeptNet, Session};
use tightrope_model::{KeyColumn, TableName, TablePlan};
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

/// Requires that what a new migration's log will say can be added to the older logs, when it goes back: both must tell rows apart by
/// the same columns.
pub(crate) fn stands_on_older(
    applied: &[AppliedMigration],
    newer: &KeptNet,
) -> Result<(), EngineError> {
    let open = applied.iter().rev().filter(|one| one.is_open());
    for (one, older) in open.filter_map(|one| Some((one, one.net.as_ref()?))) {
        for table in newer.tables.iter().filter(|table| table.touched.is_some()) {
            let watched = older.tables.iter().find(|watched| {
                watched.touched.is_some() && watched.plan.after.as_ref() == Some(&table.plan.before)
            });
            if watched.is_some_and(|watched| !is_told_alike(&watched.plan, &table.plan)) {
                let version = &one.version;
                return Err(EngineError::new(
                    ErrorKind::Unsupported,
                    format!(
                        "the rows of {} have another key now, and `{version}`, whose way back is still open, tells them apart by the old one",
                        table.plan.before
                    ),
                )
                .hint(format!(
                    "seal `{version}` first, which gives up its way back, or keep the old key as a unique one beside the new"
                )));
            }
        }
    }
    Ok(())
}

/// Whether the columns by which an older log tells rows apart are told by a newer one, too.
fn is_told_alike(older: &TablePlan, newer: &TablePlan) -> bool {
    let told = |column: &KeyColumn| {
        let mut names = newer.key.iter().map(|own| own.before.as_str());
        names.any(|name| name.eq_ignore_ascii_case(&column.after))
    };
    older.key.is_empty() == newer.key.is_empty() && older.key.iter().all(told)
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
