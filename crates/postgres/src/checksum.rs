//! Sums of row hashes, many tables a round trip.

use std::fmt::Write as _;

use tightrope_engine::{EngineError, ErrorKind};
use tightrope_model::{TableChecksum, TableShape};

use crate::quote::{quote, quote_qualified};
use crate::session::PostgresSession;

/// Tables in one statement: enough to make round trips cheap, few enough to plan.
const CHUNK: usize = 50;

/// Sums up tables in their order.
pub(crate) fn of_tables(
    session: &mut PostgresSession,
    tables: &[TableShape],
) -> Result<Vec<TableChecksum>, EngineError> {
    let mut sums = Vec::with_capacity(tables.len());
    for chunk in tables.chunks(CHUNK) {
        let sets = session.read_pinned(&statement(chunk))?;
        let set = sets.first().ok_or_else(incomplete)?;
        let mut found: Vec<Option<TableChecksum>> = vec![None; chunk.len()];
        for row in &set.rows {
            let text = |at: usize| row.get(at).ok_or_else(incomplete);
            let at: usize = text(0)?.parse().map_err(|_| incomplete())?;
            *found.get_mut(at).ok_or_else(incomplete)? = Some(TableChecksum {
                rows: text(1)?.parse().map_err(|_| incomplete())?,
                first: text(2)?.to_owned(),
                second: text(3)?.to_owned(),
            });
        }
        for sum in found {
            sums.push(sum.ok_or_else(incomplete)?);
        }
    }
    Ok(sums)
}

fn incomplete() -> EngineError {
    EngineError::new(
        ErrorKind::Other,
        "the server's answer about its rows is incomplete",
    )
}

fn statement(tables: &[TableShape]) -> String {
    let mut sql = String::new();
    for (at, table) in tables.iter().enumerate() {
        if at > 0 {
            sql.push_str(" union all ");
        }
        // The offset keeps the server from writing every row out twice, once for each hash.
        let _ = write!(
            sql,
            "select {at}, count(*), coalesce(sum(hashtextextended(r, 0)), 0), \
             coalesce(sum(hashtextextended(r, 7046029254386353131)), 0) \
             from (select row({})::text collate \"C\" as r from only {} t offset 0) s",
            columns(&table.columns),
            quote_qualified(&table.table.schema, &table.table.name),
        );
    }
    sql
}

fn columns(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("t.{}", quote(name)))
        .collect::<Vec<_>>()
        .join(", ")
}
