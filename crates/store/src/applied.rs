use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tightrope_engine::KeptNet;
use tightrope_inverse::Rename;
use tightrope_model::{Digest, Fingerprint, Value};

use crate::lease::to_json;
use crate::{Certificate, Store, StoreError};

/// The layout of [`AppliedMigration`] in its row.
const LAYOUT: i64 = 1;

/// A script as it is kept in the database: enough to run it again to the letter, and to say where a line stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredScript {
    /// The file that it came from, as the user named it.
    pub file: String,
    /// The line of that file on which the text begins, from 1.
    pub first_line: usize,
    /// The text.
    pub text: String,
    /// `auto`, `required` or `never`: whether it runs in one transaction.
    pub transaction: String,
    /// The text's digest.
    pub digest: Digest,
    /// The digest without comments and white space: what a harmless edit leaves alone.
    pub meaning: Digest,
}

/// A migration that is applied, with its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedMigration {
    /// The version as written.
    pub version: String,
    /// What identifies the version.
    pub version_key: String,
    /// The name.
    pub name: String,
    /// Whether it runs again whenever its script changes (Flyway's `R`).
    pub repeatable: bool,
    /// The place in the order of application: a rollback goes from the largest down.
    pub sequence: i64,
    /// The run that applied it.
    pub run: String,
    /// The forward script's digest.
    pub forward: Digest,
    /// The forward script's digest without comments and white space.
    pub forward_meaning: Digest,
    /// The rollback script, whole.
    pub rollback: Option<StoredScript>,
    /// The schema before; none where it was not measured.
    pub before: Option<Fingerprint>,
    /// The schema after; none where it was not measured.
    pub after: Option<Fingerprint>,
    /// The certificate that it was applied on.
    pub certificate: Option<Certificate>,
    /// Why it was applied without one.
    pub unrehearsed: Option<String>,
    /// When, by the server's clock.
    pub applied_at: String,
    /// By whom.
    pub applied_by: String,
    /// How long the forward script took.
    pub forward_ms: u64,
    /// Whether the rollback script was derived, because none was written.
    #[serde(default)]
    pub derived: bool,
    /// What the net keeps of it, until it is sealed.
    #[serde(default)]
    pub net: Option<KeptNet>,
    /// The copy of the whole database that was kept beside it before the run that applied it, where the engine keeps one.
    #[serde(default)]
    pub kept_file: Option<String>,
    /// When it was sealed: the net is free, and the way back through it has ended.
    #[serde(default)]
    pub sealed_at: Option<String>,
    /// Renames that its statements told, for engines that do not number their objects.
    #[serde(default)]
    pub renames: Vec<Rename>,
    /// Expressions for columns that the old schema demands, by `table.column`.
    #[serde(default)]
    pub fill: BTreeMap<String, String>,
}

impl AppliedMigration {
    /// Whether its net is spread and its window open.
    pub fn is_open(&self) -> bool {
        self.net.is_some() && self.sealed_at.is_none()
    }
}

impl Store<'_> {
    /// The applied migrations in the order in which they were applied.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn applied(&mut self) -> Result<Vec<AppliedMigration>, StoreError> {
        let table = self.table("migration");
        let rows = self.session.query(
            &format!("select record, layout from {table} order by sequence"),
            &[],
        )?;
        rows.iter().map(|row| read(row)).collect()
    }

    /// Adds a migration, inside the open transaction; a repeatable one replaces its earlier run.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn add_applied(&mut self, migration: &AppliedMigration) -> Result<(), StoreError> {
        if migration.repeatable {
            self.remove_applied(&migration.version_key)?;
        }
        let table = self.table("migration");
        self.session.query(
            &format!(
                "insert into {table} (version_key, version, name, sequence, layout, record) values ($1, $2, $3, $4, $5, $6)"
            ),
            &[
                Value::from(migration.version_key.as_str()),
                Value::from(migration.version.as_str()),
                Value::from(migration.name.as_str()),
                Value::from(migration.sequence),
                Value::from(LAYOUT),
                Value::from(to_json(migration)),
            ],
        )?;
        Ok(())
    }

    /// Writes a migration's record anew, inside the open transaction.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn replace_applied(&mut self, migration: &AppliedMigration) -> Result<(), StoreError> {
        let table = self.table("migration");
        self.session.query(
            &format!("update {table} set record = $1 where version_key = $2"),
            &[
                Value::from(to_json(migration)),
                Value::from(migration.version_key.as_str()),
            ],
        )?;
        Ok(())
    }

    /// Takes a migration off the list, inside the open transaction; the ledger keeps its story.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn remove_applied(&mut self, version_key: &str) -> Result<(), StoreError> {
        let table = self.table("migration");
        self.session.query(
            &format!("delete from {table} where version_key = $1"),
            &[Value::from(version_key)],
        )?;
        Ok(())
    }
}

fn read(row: &[Value]) -> Result<AppliedMigration, StoreError> {
    let layout = row[1].integer().unwrap_or_default();
    if layout != LAYOUT {
        return Err(StoreError::NewerLayout {
            found: layout,
            known: LAYOUT,
        });
    }
    serde_json::from_str(row[0].text().unwrap_or_default()).map_err(|error| StoreError::Damaged {
        table: "migration",
        what: error.to_string(),
    })
}
