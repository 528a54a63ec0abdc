//! The settings of a session that a script can change.

use rusqlite::Connection;
use rusqlite::types::Value;

/// Every pragma that holds for the connection alone and can be read; `case_sensitive_like` cannot, and is asked for by what
/// it does.
const PRAGMAS: &[&str] = &[
    "foreign_keys",
    "defer_foreign_keys",
    "ignore_check_constraints",
    "recursive_triggers",
    "legacy_alter_table",
    "writable_schema",
    "query_only",
    "trusted_schema",
    "cell_size_check",
    "reverse_unordered_selects",
    "read_uncommitted",
    "automatic_index",
    "full_column_names",
    "short_column_names",
    "count_changes",
    "empty_result_callbacks",
    "checkpoint_fullfsync",
    "fullfsync",
    "synchronous",
    "secure_delete",
    "temp_store",
    "cache_size",
    "cache_spill",
    "locking_mode",
    "busy_timeout",
    "journal_size_limit",
    "wal_autocheckpoint",
    "analysis_limit",
    "threads",
];

/// The settings at one time, to be compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings(Vec<Option<Value>>);

impl Settings {
    /// Reads them all.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut values = Vec::with_capacity(PRAGMAS.len() + 2);
        for pragma in PRAGMAS {
            values.push(first_value(connection, &format!("pragma {pragma}"))?);
        }
        values.push(first_value(connection, "select 'a' like 'A'")?);
        values.push(Some(Value::Integer(other_databases(connection)?)));
        Ok(Self(values))
    }
}

fn first_value(connection: &Connection, sql: &str) -> rusqlite::Result<Option<Value>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// Databases that are attached, the one for temporary objects included once there was one.
fn other_databases(connection: &Connection) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached("pragma database_list")?;
    let mut rows = statement.query([])?;
    let mut count = -1;
    while rows.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}
