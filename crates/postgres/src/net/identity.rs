//! A replica identity for as long as the net writes.
//!
//! PostgreSQL refuses to update or delete rows of a table that is published and has nothing that tells its rows from each
//! other. A table that comes back has its key only after its rows, and the user's table may never have had one. The whole row
//! stands for the key in the meantime: that is seen by nobody but this transaction, and a subscriber finds each row by it.

use tightrope_engine::EngineError;
use tightrope_model::{TableName, Value};

use super::names;
use crate::quote::literal;
use crate::session::PostgresSession;

/// Lends a table an identity if it is published and has none; gives the statement that takes it away again.
pub(super) fn lend(
    session: &mut PostgresSession,
    table: &TableName,
) -> Result<Option<String>, EngineError> {
    let name = names::sql(table);
    let found = session.query_own(
        &format!(
            "select c.relreplident::text from pg_catalog.pg_class c \
             where c.oid = pg_catalog.to_regclass({}) and c.relkind = 'r' and c.relpersistence = 'p' \
             and c.relreplident <> 'f' and not exists (select from pg_catalog.pg_index x where x.indrelid = c.oid \
               and x.indisvalid and x.indimmediate and case c.relreplident when 'd' then x.indisprimary \
                 when 'i' then x.indisreplident else false end) \
             and exists (select from pg_catalog.pg_publication_tables p \
               join pg_catalog.pg_namespace n on n.nspname = p.schemaname \
               join pg_catalog.pg_class o on o.relnamespace = n.oid and o.relname = p.tablename \
               where o.oid = c.oid or o.oid in (select relid from pg_catalog.pg_partition_ancestors(c.oid) a (relid)))",
            literal(&name)
        ),
        &[],
    )?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    session.execute_own(&format!("alter table only {name} replica identity full"))?;
    // An index that is gone was the identity: it is one again as soon as it is made.
    let own = match row.first().and_then(Value::text) {
        Some("n") => "nothing",
        _ => "default",
    };
    Ok(Some(format!(
        "alter table only {name} replica identity {own}"
    )))
}
