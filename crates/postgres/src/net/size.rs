//! How much room the net takes, and giving it back.

use tightrope_engine::{EngineError, KeptNet};
use tightrope_model::{Keep, NetPlan, TableName, Value};

use super::names;
use crate::quote::literal;
use crate::session::PostgresSession;

/// Bytes by what is kept.
pub(super) fn of(
    session: &mut PostgresSession,
    kept: &KeptNet,
) -> Result<Vec<(String, u64)>, EngineError> {
    let mut sizes = Vec::new();
    for table in &kept.tables {
        let shown = table.plan.after.as_ref().unwrap_or(&table.plan.before);
        let parts = [
            (
                &table.rows,
                format!("rows of {} as they were", table.plan.before),
            ),
            (
                &table.inserted,
                format!("keys that the migration added to {shown}"),
            ),
            (
                &table.rekeyed,
                format!("keys that the migration changed in {shown}"),
            ),
            (&table.touched, format!("touch log of {shown}")),
        ];
        for (own, words) in parts {
            if let Some(own) = own {
                sizes.push((words, bytes(session, own)?));
            }
        }
    }
    Ok(sizes)
}

/// Bytes that spreading a net takes at the most: those of the tables that would be copied.
pub(super) fn estimate(session: &mut PostgresSession, plan: &NetPlan) -> Result<u64, EngineError> {
    let copied = plan.tables.iter();
    copied
        .filter(|table| matches!(table.keep, Keep::Whole | Keep::Columns))
        .map(|table| size_of(session, "pg_table_size", &table.before))
        .sum()
}

/// Bytes that a table occupies with its indexes; 0 if there is no such table.
pub(super) fn bytes(session: &mut PostgresSession, table: &TableName) -> Result<u64, EngineError> {
    size_of(session, "pg_total_relation_size", table)
}

/// What one of the server's functions says of a table's size; 0 if there is no such table.
fn size_of(
    session: &mut PostgresSession,
    function: &str,
    table: &TableName,
) -> Result<u64, EngineError> {
    let rows = session.query_own(
        &format!(
            "select pg_catalog.{function}(pg_catalog.to_regclass({}))",
            literal(&names::sql(table))
        ),
        &[],
    )?;
    let bytes = rows.first().and_then(|row| row.first()?.integer());
    Ok(bytes
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or_default())
}

/// Drops all that the net of a migration holds.
pub(super) fn free(session: &mut PostgresSession, kept: &KeptNet) -> Result<(), EngineError> {
    let prefix = names::prefix(kept.number);
    drop_functions(session, &prefix, false)?;
    let tables = session.query_own(
        "select c.oid::regclass::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'tightrope' and c.relkind = 'r' and pg_catalog.starts_with(c.relname::text, $1)",
        &[Value::from(prefix.as_str())],
    )?;
    let tables: Vec<&str> = tables
        .iter()
        .filter_map(|row| row.first()?.text())
        .collect();
    if tables.is_empty() {
        return Ok(());
    }
    session.execute_own(&format!("drop table {}", tables.join(", ")))
}

/// Drops the (trigger) functions whose names begin so, and with them the triggers that call them.
pub(super) fn drop_functions(
    session: &mut PostgresSession,
    prefix: &str,
    only_triggers: bool,
) -> Result<(), EngineError> {
    let functions = session.query_own(
        "select p.oid::regprocedure::text from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace \
         where n.nspname = 'tightrope' and pg_catalog.starts_with(p.proname::text, $1) \
         and ($2 = 'all' or p.prorettype = 'trigger'::regtype) order by 1",
        &[
            Value::from(prefix),
            Value::from(if only_triggers { "triggers" } else { "all" }),
        ],
    )?;
    for function in functions.iter().filter_map(|row| row.first()?.text()) {
        session.execute_own(&format!("drop function {function} cascade"))?;
    }
    Ok(())
}
