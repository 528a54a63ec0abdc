//! How much stands between now and the old schema.

use rusqlite::Connection;
use tightrope_engine::{EngineError, Gauge, KeptNet, KeptTable, Window};
use tightrope_model::Conflict;

use super::conflicts::{self, Misfit};
use super::key::Key;
use super::names::{all, sql};
use crate::error::from_sqlite;
use crate::transaction::ReadTransaction;
use crate::value::shown;

/// How many rows of a conflict are shown.
const SAMPLES: usize = 3;

/// Counts, and writes nothing.
pub(super) fn of_net(
    connection: &Connection,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<Gauge, EngineError> {
    let _transaction = ReadTransaction::begin(connection).map_err(from_sqlite)?;
    let mut gauge = Gauge::default();
    for table in &kept.tables {
        let (Some(log), Some(after)) = (&table.touched, &table.plan.after) else {
            continue;
        };
        let key = Key::read(connection, kept.number, table)?;
        let there = all(key.own("", "k").iter().map(|k| format!("{k} is not null")));
        let count = format!("select count(*) from {} where {there}", sql(log));
        let count: i64 = connection
            .query_row(&count, [], |row| row.get(0))
            .map_err(from_sqlite)?;
        if count > 0 {
            gauge
                .written
                .insert(after.to_string(), u64::try_from(count).unwrap_or_default());
        }
        let misfits = conflicts::of_table(connection, kept, table, &key, window)?;
        gauge.conflicts.extend(told(table, &key, &misfits));
    }
    Ok(gauge)
}

/// One conflict for each thing that is broken.
fn told(table: &KeptTable, key: &Key, misfits: &[Misfit]) -> Vec<Conflict> {
    let mut conflicts: Vec<Conflict> = Vec::new();
    for misfit in misfits {
        let found = conflicts
            .iter()
            .position(|known| known.breaks == misfit.breaks);
        let at = found.unwrap_or(conflicts.len());
        if found.is_none() {
            conflicts.push(Conflict {
                table: table
                    .plan
                    .after
                    .as_ref()
                    .unwrap_or(&table.plan.before)
                    .clone(),
                breaks: misfit.breaks.clone(),
                rows: 0,
                samples: Vec::new(),
            });
        }
        conflicts[at].rows += 1;
        if conflicts[at].samples.len() < SAMPLES {
            let names = key.parts.iter().map(|part| part.after.clone());
            let values = misfit.now.iter().map(|value| shown(value.into()));
            conflicts[at].samples.push(names.zip(values).collect());
        }
    }
    conflicts
}
