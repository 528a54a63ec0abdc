//! How much stands between now and the old schema.

use tightrope_engine::{EngineError, Gauge, KeptNet, Window};
use tightrope_model::Conflict;

use super::conflicts::{self, Rule};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// Rows that are shown of each conflict.
const SAMPLES: usize = 3;

/// Counts what was written, and what of it is in conflict, in one reading that blocks nobody.
pub(super) fn of(
    session: &mut PostgresSession,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<Gauge, EngineError> {
    let mut gauge = Gauge::default();
    let written = conflicts::written(session, kept)?;
    for (table, rows) in kept.tables.iter().zip(written) {
        if let (Some(after), true) = (&table.plan.after, rows > 0) {
            gauge.written.insert(after.to_string(), rows);
        }
    }
    for rule in conflicts::rules(session, kept, window)? {
        if let Some(conflict) = conflict(session, &rule)? {
            gauge.conflicts.push(conflict);
        }
    }
    Ok(gauge)
}

fn conflict(
    session: &mut PostgresSession,
    rule: &Rule<'_>,
) -> Result<Option<Conflict>, EngineError> {
    let plan = &rule.kept.plan;
    let shown: Vec<&str> = match plan.key.is_empty() {
        false => plan.key.iter().map(|key| key.after.as_str()).collect(),
        true => plan
            .columns
            .iter()
            .filter_map(|column| column.after.as_deref())
            .collect(),
    };
    let named: Vec<String> = shown
        .iter()
        .map(|name| format!("{}, (t.{})::text", literal(name), quote(name)))
        .collect();
    let sets = session.read_pinned(&format!(
        "with places as materialized ({}) \
         select (select count(*) from places), {} from only {} t where t.ctid in (select place from places) limit {SAMPLES}",
        rule.places,
        named.join(", "),
        super::names::sql(rule.table),
    ))?;
    let rows = sets
        .first()
        .map(|set| set.rows.as_slice())
        .unwrap_or_default();
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let count = first
        .get(0)
        .and_then(|count| count.parse().ok())
        .unwrap_or_default();
    let sample = |row: &postgres::SimpleQueryRow| {
        let columns = (0..shown.len()).map(|at| {
            let name = row.get(1 + 2 * at).unwrap_or_default().to_owned();
            (name, row.get(2 + 2 * at).map(str::to_owned))
        });
        columns.collect()
    };
    Ok(Some(Conflict {
        table: rule.table.clone(),
        breaks: rule.breaks.clone(),
        rows: count,
        samples: rows.iter().map(sample).collect(),
    }))
}
