use serde::{Deserialize, Serialize};
use tightrope_model::{Digest, Fingerprint, Value};

use crate::lease::to_json;
use crate::{AppliedMigration, Holder, Lease, Store, StoreError, StoredScript};

/// Which way a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Migrations are applied.
    Forward,
    /// Migrations are rolled back.
    Rollback,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Forward => "forward",
            Self::Rollback => "rollback",
        })
    }
}

/// The first entry of a run: all that it means to do, written before anything is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunBegun {
    /// Which way.
    pub direction: Direction,
    /// The versions' keys, in the order in which they are carried out.
    pub versions: Vec<String>,
    /// Who does it.
    pub holder: Holder,
}

/// A migration that is not one transaction is begun: all that is needed to finish or undo it, also without the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationBegun {
    /// The version as written.
    pub version: String,
    /// The name.
    pub name: String,
    /// The script that is carried out.
    pub script: StoredScript,
    /// The way back, if there is one (for a rollback: none).
    pub rollback: Option<StoredScript>,
    /// The schema before.
    pub before: Fingerprint,
    /// How many steps the script has.
    pub steps: usize,
    /// Which way it goes.
    pub direction: Direction,
    /// The record as it will be kept when a forward script is done.
    pub record: Option<Box<AppliedMigration>>,
}

/// A step that cannot be in a transaction is begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepBegun {
    /// Which step, from 0.
    pub step: usize,
    /// The statement's digest.
    pub statement: Digest,
    /// The schema before it: if it is the same after a crash, the step has had no effect.
    pub before: Fingerprint,
}

/// What a journal entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edge", rename_all = "kebab-case")]
pub enum Edge {
    /// A run begins.
    RunBegun(RunBegun),
    /// A migration in steps begins.
    MigrationBegun(Box<MigrationBegun>),
    /// A step outside a transaction begins.
    StepBegun(StepBegun),
    /// A step is done and durable.
    StepDone {
        /// Which step, from 0.
        step: usize,
    },
    /// A migration in steps is done.
    MigrationDone,
    /// A migration in steps was undone.
    MigrationUndone,
    /// The run ended: nothing is open.
    RunEnded {
        /// `done`, or why it ended early.
        outcome: String,
    },
}

impl Edge {
    fn name(&self) -> &'static str {
        match self {
            Self::RunBegun(_) => "run-begun",
            Self::MigrationBegun(_) => "migration-begun",
            Self::StepBegun(_) => "step-begun",
            Self::StepDone { .. } => "step-done",
            Self::MigrationDone => "migration-done",
            Self::MigrationUndone => "migration-undone",
            Self::RunEnded { .. } => "run-ended",
        }
    }
}

/// One entry as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its number.
    pub sequence: i64,
    /// The server's time.
    pub at: String,
    /// The version that it is about.
    pub version_key: Option<String>,
    /// What it says.
    pub edge: Edge,
}

/// A run that was begun and not ended: its process is at work, or died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// The run's name.
    pub run: String,
    /// When it began, by the server's clock.
    pub at: String,
    /// What it meant to do.
    pub begun: RunBegun,
    /// What came after, oldest first.
    pub entries: Vec<JournalEntry>,
}

/// A migration in steps that was begun and is neither done nor undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenMigration<'a> {
    /// What identifies its version.
    pub version_key: &'a str,
    /// How it was begun.
    pub begun: &'a MigrationBegun,
    /// The steps that are known done.
    pub done: Vec<usize>,
    /// The step that was begun alone without being known done.
    pub alone: Option<&'a StepBegun>,
}

impl OpenRun {
    /// The migration in steps that is half done, if one is.
    pub fn open_migration(&self) -> Option<OpenMigration<'_>> {
        let mut open: Option<OpenMigration<'_>> = None;
        for entry in &self.entries {
            match (&entry.edge, &mut open) {
                (Edge::MigrationBegun(begun), _) => {
                    let version_key = entry.version_key.as_deref().unwrap_or("");
                    open = Some(OpenMigration {
                        version_key,
                        begun,
                        done: Vec::new(),
                        alone: None,
                    });
                }
                (Edge::StepBegun(step), Some(open)) => open.alone = Some(step),
                (Edge::StepDone { step }, Some(open)) => {
                    open.done.push(*step);
                    open.alone = None;
                }
                (Edge::MigrationDone | Edge::MigrationUndone | Edge::RunEnded { .. }, _) => {
                    open = None
                }
                (Edge::RunBegun(_) | Edge::StepBegun(_) | Edge::StepDone { .. }, _) => {}
            }
        }
        open
    }
}

impl Store<'_> {
    /// Appends an entry; inside a transaction it becomes durable with it.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn journal(
        &mut self,
        lease: &Lease,
        run: &str,
        version_key: Option<&str>,
        edge: &Edge,
    ) -> Result<(), StoreError> {
        let table = self.table("journal");
        let now = self.session.store_dialect().now;
        self.session.query(
            &format!(
                "insert into {table} (fencing, run, at, edge, version_key, detail) values ($1, $2, {now}, $3, $4, $5)"
            ),
            &[
                Value::from(lease.fencing),
                Value::from(run),
                Value::from(edge.name()),
                Value::from(version_key),
                Value::from(to_json(edge)),
            ],
        )?;
        Ok(())
    }

    /// The run that is open, if one is: the journal's last entry decides.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub fn open_run(&mut self) -> Result<Option<OpenRun>, StoreError> {
        let table = self.table("journal");
        let last = self.session.query(
            &format!("select run, edge from {table} order by sequence desc limit 1"),
            &[],
        )?;
        let Some(last) = last.first() else {
            return Ok(None);
        };
        if last[1].text() == Some("run-ended") {
            return Ok(None);
        }
        let run = last[0].text().unwrap_or_default().to_owned();
        let rows = self.session.query(
            &format!("select sequence, at, version_key, detail from {table} where run = $1 order by sequence"),
            &[Value::from(run.as_str())],
        )?;
        let mut entries = rows
            .iter()
            .map(|row| read_entry(row))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        match entries.next() {
            Some(JournalEntry {
                at,
                edge: Edge::RunBegun(begun),
                ..
            }) => Ok(Some(OpenRun {
                run,
                at,
                begun,
                entries: entries.collect(),
            })),
            _ => Err(damaged(format!("run {run} does not begin with its intent"))),
        }
    }
}

fn read_entry(row: &[Value]) -> Result<JournalEntry, StoreError> {
    let detail = row[3].text().unwrap_or_default();
    Ok(JournalEntry {
        sequence: row[0].integer().unwrap_or_default(),
        at: row[1].text().unwrap_or_default().to_owned(),
        version_key: row[2].text().map(str::to_owned),
        edge: serde_json::from_str(detail).map_err(|error| damaged(error.to_string()))?,
    })
}

fn damaged(what: String) -> StoreError {
    StoreError::Damaged {
        table: "journal",
        what,
    }
}
