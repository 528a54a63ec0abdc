//! One migration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tightrope_model::{Place, Version};

use crate::Script;

/// When a migration runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationKind {
    /// Once, in the order of versions.
    Versioned,
    /// Again whenever its text changes, after all versioned ones (Flyway's `R`).
    Repeatable,
    /// In an empty database, in place of the versioned ones up to its version (Flyway's `B`).
    Baseline,
}

/// One logical change: a forward script and its way back.
#[derive(Clone, Debug)]
pub struct Migration {
    /// The version as its author wrote it; of a repeatable one, its name.
    pub version: Version,
    /// The name.
    pub name: String,
    /// When it runs.
    pub kind: MigrationKind,
    /// The migration's own directory, or its forward file where the format has no directories.
    pub home: PathBuf,
    /// The forward script.
    pub forward: Script,
    /// The rollback script, if one is written.
    pub rollback: Option<Script>,
    /// Queries that must hold afterwards.
    pub verify: Option<Script>,
    /// What its author set.
    pub settings: MigrationSettings,
}

impl Migration {
    /// The version and the name as one word: `0041_split_name`.
    pub fn label(&self) -> String {
        if self.kind == MigrationKind::Repeatable {
            format!("R_{}", self.name)
        } else if self.name.is_empty() {
            self.version.to_string()
        } else {
            format!("{}_{}", self.version, self.name)
        }
    }

    /// Where the certificate lies: in the migration's directory, else beside the forward file.
    pub fn certificate_path(&self) -> PathBuf {
        if self.home == self.forward.file {
            let name = file_name(&self.home);
            let stem = name.strip_suffix(".sql").unwrap_or(&name);
            let stem = stem.strip_suffix(".up").unwrap_or(stem);
            self.home.with_file_name(format!("{stem}.certificate.json"))
        } else {
            self.home.join("certificate.json")
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// What the author of a migration set for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationSettings {
    /// Why it cannot be rolled back, if it is declared so.
    pub irreversible: Option<String>,
    /// How long to wait for a lock.
    pub lock_timeout_ms: Option<u64>,
    /// How long a rollback may take at most.
    pub rollback_budget_s: Option<u64>,
    /// Expressions for columns that the old schema demands, by `table.column`.
    pub fill: BTreeMap<String, String>,
    /// Where each of these names stands.
    pub fill_places: BTreeMap<String, Place>,
    /// The file with the criteria that it adds, if it adds some.
    pub watch: Option<WatchText>,
}

/// A file that has a table `[watch]`: its criteria are read where they are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchText {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// Its whole text.
    pub text: String,
}
