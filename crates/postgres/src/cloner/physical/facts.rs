//! What has to be known of a cluster before a server is started on its copy.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, ErrorKind};
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

/// Names among a backup's properties.
const BOOTSTRAP: &str = "bootstrap_role";
const SETTINGS: &str = "server_settings";
const PRELOADED: &str = "preloaded_libraries";
const ARCHIVES: &str = "archives";
const SUBSCRIPTIONS: &str = "subscriptions";
const WAITS: &str = "waits_for_standbys";

/// A cluster, as far as its copy depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The superuser that every cluster begins with: nobody can take its rights.
    pub(super) bootstrap: String,
    /// Settings that the copy runs with.
    pub(super) settings: BTreeMap<String, String>,
    /// Libraries that its server loads; a copy's server loads none.
    pub(super) preloaded: String,
    /// Whether its server archives.
    pub(super) archives: bool,
    /// Whether its commits wait for standbys.
    pub(super) waits_for_standbys: bool,
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
                   (current_setting('archive_mode') <> 'off')::text, (current_setting('synchronous_standby_names') <> '')::text, \
                   (select count(*) from pg_catalog.pg_stat_subscription)";
        let rows = session.query_own(sql, &[])?;
        let row = rows.first().map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            bootstrap: text(row, 0),
            settings,
            preloaded: text(row, 1),
            archives: text(row, 2) == "true",
            waits_for_standbys: text(row, 3) == "true",
            subscriptions: row
                .get(4)
                .and_then(Value::integer)
                .and_then(|count| u64::try_from(count).ok())
                .unwrap_or(0),
        })
    }

    /// Writes them into a backup's properties.
    pub(super) fn write(&self, properties: &mut BTreeMap<String, String>) {
        let mut set = |name: &str, value: String| drop(properties.insert(name.to_owned(), value));
        set(BOOTSTRAP, self.bootstrap.clone());
        set(SETTINGS, serde_json::json!(self.settings).to_string());
        set(PRELOADED, self.preloaded.clone());
        set(ARCHIVES, self.archives.to_string());
        set(WAITS, self.waits_for_standbys.to_string());
        set(SUBSCRIPTIONS, self.subscriptions.to_string());
    }

    /// Reads them back from a backup's properties.
    pub(super) fn of(properties: &BTreeMap<String, String>) -> Result<Self, EngineError> {
        let property = |name: &str| {
            properties.get(name).cloned().ok_or_else(|| {
                EngineError::new(
                    ErrorKind::Damaged,
                    format!("the backup's manifest does not say its `{name}`"),
                )
            })
        };
        let settings = serde_json::from_str(&property(SETTINGS)?).map_err(|error| {
            EngineError::new(
                ErrorKind::Damaged,
                "the settings in the backup's manifest cannot be read",
            )
            .detail(error.to_string())
        })?;
        Ok(Self {
            bootstrap: property(BOOTSTRAP)?,
            settings,
            preloaded: property(PRELOADED)?,
            archives: property(ARCHIVES)? == "true",
            waits_for_standbys: property(WAITS)? == "true",
            subscriptions: property(SUBSCRIPTIONS)?.parse().unwrap_or(0),
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
