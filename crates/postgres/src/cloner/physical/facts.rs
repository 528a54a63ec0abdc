//! What has to be known of a cluster before a server is started on its copy.

use std::collections::BTreeMap;

use tightrope_engine::EngineError;
use tightrope_model::Value;

use crate::session::PostgresSession;

/// Settings that a copy needs to start with what the cluster holds.
const NEEDED: &str =
    "'max_prepared_transactions', 'max_locks_per_transaction', 'max_worker_processes', 'wal_level'";

/// Settings that decide what statements give and how they are planned. None of them names a host, a file or a program.
const BEHAVIOUR: &str = "'array_nulls', 'backslash_quote', 'bytea_output', 'check_function_bodies', 'cursor_tuple_fraction', 'DateStyle', \
    'default_statistics_target', 'default_text_search_config', 'default_toast_compression', 'default_transaction_isolation', \
    'effective_cache_size', 'effective_io_concurrency', 'extra_float_digits', 'from_collapse_limit', 'hash_mem_multiplier', \
    'IntervalStyle', 'jit', 'join_collapse_limit', 'lc_monetary', 'lc_numeric', 'maintenance_work_mem', \
    'max_parallel_maintenance_workers', 'max_parallel_workers', 'max_parallel_workers_per_gather', 'plan_cache_mode', \
    'random_page_cost', 'search_path', 'seq_page_cost', 'standard_conforming_strings', 'TimeZone', 'timezone_abbreviations', \
    'transform_null_equals', 'work_mem', 'xmlbinary', 'xmloption'";

/// A cluster, as far as its copy depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The superuser that every cluster begins with: nobody can take its rights.
    pub(super) bootstrap: String,
    /// Settings that the copy runs with.
    pub(super) settings: BTreeMap<String, String>,
    /// Libraries that its server loads; a copy's server loads none.
    pub(super) preloaded: String,
    /// How many subscriptions all its databases have.
    pub(super) subscriptions: u64,
}

impl Facts {
    pub(super) fn read(session: &mut PostgresSession) -> Result<Self, EngineError> {
        let sql = format!(
            "select name::text, reset_val from pg_catalog.pg_settings where name in ({NEEDED}, {BEHAVIOUR}) and reset_val is not null"
        );
        let rows = session.query_own(&sql, &[])?;
        let text = |row: &[Value], at: usize| {
            let text = row.get(at).and_then(Value::text).unwrap_or_default();
            text.to_owned()
        };
        let settings = rows
            .iter()
            .map(|row| (text(row, 0), text(row, 1)))
            .collect();
        let sql = "select (select rolname::text from pg_catalog.pg_roles where oid = 10), \
                   (select reset_val from pg_catalog.pg_settings where name = 'shared_preload_libraries'), \
                   (select count(*) from pg_catalog.pg_stat_subscription)";
        let rows = session.query_own(sql, &[])?;
        let row = rows.first().map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            bootstrap: text(row, 0),
            settings,
            preloaded: text(row, 1),
            subscriptions: row
                .get(2)
                .and_then(Value::integer)
                .and_then(|count| u64::try_from(count).ok())
                .unwrap_or(0),
        })
    }

    /// In what a server on the copy differs on purpose.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.preloaded.is_empty() {
            remarks.push(format!(
                "libraries that the target's server loads at its start are not loaded, for they may have workers of their own: {}",
                self.preloaded
            ));
        }
        if self.subscriptions > 0 {
            remarks.push("subscriptions do not run on the copy's server".to_owned());
        }
        remarks
    }
}
