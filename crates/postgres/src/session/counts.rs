//! Rows changed per table, from the server's own counts for the transaction.

use std::collections::HashMap;

use tightrope_engine::EngineError;
use tightrope_model::{TableChange, TableName, Value};

use super::PostgresSession;
use crate::quote::quote_qualified;

/// The counts hold what earlier transactions of the session have not yet handed over, so only differences mean something.
/// A TRUNCATE sets them to zero and gives the table another file; the table's size tells whether there was anything in it.
/// A table of which the server knows that only dead rows are in it counts as empty. Asking for a size takes a lock, so tables that others have locked are not asked (we cannot change them anyway).
const COUNTS: &str = "\
with locked as materialized (select l.relation from pg_catalog.pg_locks l \
where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid <> pg_catalog.pg_backend_pid()) \
select n.nspname::text, c.relname::text, c.oid::bigint, c.relfilenode::bigint, \
pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid), pg_catalog.pg_stat_get_xact_tuples_updated(c.oid), \
pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid), \
greatest(c.reltuples::bigint, pg_catalog.pg_stat_get_live_tuples(c.oid)), \
case when c.oid in (select relation from locked) \
or pg_catalog.pg_stat_get_live_tuples(c.oid) = 0 and pg_catalog.pg_stat_get_dead_tuples(c.oid) > 0 then 0 else coalesce(pg_catalog.pg_relation_size(c.oid), 0) end \
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
where c.relkind = 'r' and c.oid >= 16384 and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')";

/// Counts of every table when counting began, by OID.
pub(super) struct Counts(HashMap<i64, TableCount>);

#[derive(Clone, Debug)]
struct TableCount {
    table: TableName,
    oid: i64,
    file: i64,
    inserted: i64,
    updated: i64,
    deleted: i64,
    estimate: i64,
    bytes: i64,
}

impl PostgresSession {
    pub(super) fn begin_counts(&mut self) -> Result<(), EngineError> {
        let counts = self.table_counts()?;
        self.counts = Some(Counts(
            counts.into_iter().map(|count| (count.oid, count)).collect(),
        ));
        Ok(())
    }

    pub(super) fn changes_since(&mut self) -> Result<Vec<(TableName, TableChange)>, EngineError> {
        let now = self.table_counts()?;
        let before = self.counts.take().unwrap_or(Counts(HashMap::new()));
        let mut changes = Vec::new();
        for count in &now {
            let change = match before.0.get(&count.oid) {
                Some(old) if old.file != count.file => self.change_of_new_file(old, count)?,
                Some(old) => difference(old, count),
                None => difference(
                    &TableCount {
                        inserted: 0,
                        updated: 0,
                        deleted: 0,
                        ..count.clone()
                    },
                    count,
                ),
            };
            if !change.is_empty() {
                changes.push((count.table.clone(), change));
            }
        }
        self.counts = Some(before);
        changes.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(changes)
    }

    /// A table with another file was truncated or rewritten. If no more rows are in it than came since, it was truncated:
    /// what was in it before went. How many that were the server no longer knows; its last estimate has to do.
    fn change_of_new_file(
        &mut self,
        old: &TableCount,
        now: &TableCount,
    ) -> Result<TableChange, EngineError> {
        let table = quote_qualified(&now.table.schema, &now.table.name);
        let rows = self.query_own(&format!("select count(*) from only {table}"), &[])?;
        let rows = rows
            .first()
            .and_then(|row| row.first())
            .and_then(Value::integer)
            .unwrap_or_default();
        let change = difference(old, now);
        if count(rows) != change.inserted.saturating_sub(change.deleted) || old.bytes == 0 {
            return Ok(change);
        }
        let gone = count(old.estimate.max(1));
        Ok(TableChange {
            deleted: change.deleted + gone,
            ..change
        })
    }

    fn table_counts(&mut self) -> Result<Vec<TableCount>, EngineError> {
        let rows = self.query_own(COUNTS, &[])?;
        Ok(rows.iter().filter_map(|row| table_count(row)).collect())
    }
}

fn table_count(row: &[Value]) -> Option<TableCount> {
    let integer = |at: usize| row.get(at).and_then(Value::integer);
    Some(TableCount {
        table: TableName::new(row.first()?.text()?, row.get(1)?.text()?),
        oid: integer(2)?,
        file: integer(3)?,
        inserted: integer(4)?,
        updated: integer(5)?,
        deleted: integer(6)?,
        estimate: integer(7)?,
        bytes: integer(8)?,
    })
}

fn difference(old: &TableCount, now: &TableCount) -> TableChange {
    TableChange {
        inserted: count(now.inserted - old.inserted),
        updated: count(now.updated - old.updated),
        deleted: count(now.deleted - old.deleted),
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
