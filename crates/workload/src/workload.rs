use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tightrope_model::EngineKind;

use crate::Sample;

/// The queries of an application, as they were captured.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// In whose SQL they are written.
    pub engine: EngineKind,
    /// Where they come from, in words: `pg_stat_statements of shop@db:5432`.
    pub source: String,
    /// When they were captured, in RFC 3339.
    pub captured_at: Option<String>,
    /// What was left out, by reason.
    pub left_out: LeftOut,
    /// The queries, those with the most calls first.
    pub queries: Vec<Query>,
}

/// How many statements were left out, by the reason in words.
pub type LeftOut = BTreeMap<String, u64>;

/// One query of the application: all calls whose texts differ in literals only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What tells it from others: the digest of its normalised text.
    #[serde(default)]
    pub fingerprint: String,
    /// How often it was called.
    #[serde(default = "once")]
    pub calls: u64,
    /// How long all calls together took, in milliseconds.
    #[serde(default)]
    pub total_ms: f64,
    /// The tables that its text names.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Its text, with `$1`, `$2`, … for what differs from call to call.
    pub sql: String,
    /// Parameters of some of its calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

fn once() -> u64 {
    1
}

impl Query {
    /// How long one call took, in milliseconds.
    pub fn mean_ms(&self) -> f64 {
        self.total_ms / self.calls.max(1) as f64
    }
}
