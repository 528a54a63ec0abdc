//! How much the application has written in the window.

use tightrope_engine::{EngineError, Gauge, KeptNet};

use super::names;
use crate::session::PostgresSession;

/// Counts what was written.
pub(super) fn of(session: &mut PostgresSession, kept: &KeptNet) -> Result<Gauge, EngineError> {
    let mut gauge = Gauge::default();
    for table in &kept.tables {
        let (Some(log), Some(after)) = (&table.touched, &table.plan.after) else {
            continue;
        };
        let rows = session.query_own(&format!("select count(*) from {}", names::sql(log)), &[])?;
        let rows = rows.first().and_then(|row| row.first()?.integer());
        let rows = rows
            .and_then(|rows| u64::try_from(rows).ok())
            .unwrap_or_default();
        if rows > 0 {
            gauge.written.insert(after.to_string(), rows);
        }
    }
    Ok(gauge)
}
