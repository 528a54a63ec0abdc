use std::path::{Path, PathBuf};

use serde::Deserialize;
use tightrope_lifecycle::{OnHarm, WorkloadSettings};

/// The queries of the application; what is not set is at its default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkloadTable {
    file: Option<PathBuf>,
    broken_queries: Option<OnHarmWord>,
    changed_queries: Option<OnHarmWord>,
    #[serde(default, deserialize_with = "factor")]
    blocks_limit: Option<f64>,
    #[serde(default, deserialize_with = "factor")]
    time_limit: Option<f64>,
    search_path: Option<String>,
}

/// What becomes of a rehearsal in which queries are harmed.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnHarmWord {
    Fail,
    Warn,
}

impl From<OnHarmWord> for OnHarm {
    fn from(word: OnHarmWord) -> Self {
        match word {
            OnHarmWord::Fail => Self::Fail,
            OnHarmWord::Warn => Self::Warn,
        }
    }
}

/// A factor by which something may grow: at least 1.
fn factor<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let factor = f64::deserialize(deserializer)?;
    match factor.is_finite() && factor >= 1.0 {
        true => Ok(Some(factor)),
        false => Err(serde::de::Error::custom(
            "a limit is a factor of at least 1.0",
        )),
    }
}

impl WorkloadTable {
    /// The settings, with paths from the folder of tightrope.toml.
    pub(super) fn settings(&self, home: &Path) -> WorkloadSettings {
        let default = WorkloadSettings::default();
        WorkloadSettings {
            file: self.file.as_ref().map(|file| home.join(file)),
            broken_queries: self
                .broken_queries
                .map_or(default.broken_queries, Into::into),
            changed_queries: self
                .changed_queries
                .map_or(default.changed_queries, Into::into),
            blocks_limit: self.blocks_limit.unwrap_or(default.blocks_limit),
            time_limit: self.time_limit.unwrap_or(default.time_limit),
            search_path: self.search_path.clone(),
        }
    }
}
