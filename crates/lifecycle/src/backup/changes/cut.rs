//! Up to which moment changes are replayed: whole transactions only.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use tightrope_backup::Carried;
use tightrope_engine::{Change, ChangeKind};

use super::super::BackupError;

/// Up to where changes are replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReplayUntil {
    /// All that were logged.
    #[default]
    End,
    /// What was committed up to a moment.
    Time(Timestamp),
    /// What was committed before a migration changed the schema: its version or its label.
    Migration(String),
}

/// Tells which changes are replayed.
pub(super) struct Cut {
    /// Changes from this instant on are left out.
    before: Option<i64>,
    /// The last change of each transaction.
    ends: HashMap<i64, i64>,
    /// Transactions of migrations, which are left out.
    migrations: HashSet<i64>,
}

impl Cut {
    /// Reads all segments once, to find the migrations in them and where transactions end.
    pub(super) fn find(
        carried: &Carried,
        until: &ReplayUntil,
        across: bool,
        name: &str,
    ) -> Result<Self, BackupError> {
        let mut migrations: Vec<(String, i64)> = Vec::new();
        let mut own = HashSet::new();
        let mut ends: HashMap<i64, i64> = HashMap::new();
        for segment in &carried.segments {
            for change in carried.read(segment)? {
                let change = change?;
                if change.kind == ChangeKind::Migration {
                    if change.transaction != 0 {
                        own.insert(change.transaction);
                    }
                    migrations.push((change.new.unwrap_or_default(), change.at));
                } else if *until != ReplayUntil::End && change.transaction != 0 {
                    let end = ends.entry(change.transaction).or_insert(change.at);
                    *end = (*end).max(change.at);
                }
            }
        }
        let before = match until {
            ReplayUntil::Time(time) => Some(time.as_microsecond() + 1),
            ReplayUntil::Migration(wanted) => Some(at_of(wanted, &migrations, name)?),
            ReplayUntil::End => None,
        };
        // What is replayed has to be of the schema that the backup has.
        let across = migrations
            .into_iter()
            .find(|(_, at)| !across && before.is_none_or(|before| *at < before));
        match across {
            None => Ok(Self {
                before,
                ends,
                migrations: own,
            }),
            Some((migration, at)) => Err(BackupError::MigrationInBetween {
                name: name.to_owned(),
                migration,
                at: Timestamp::from_microsecond(at)
                    .unwrap_or(Timestamp::UNIX_EPOCH)
                    .to_string(),
            }),
        }
    }

    /// Whether the change is one that a migration itself has made.
    pub(super) fn is_of_a_migration(&self, change: &Change) -> bool {
        self.migrations.contains(&change.transaction)
    }

    /// Whether the change is replayed: if all of its transaction was written in time.
    pub(super) fn has(&self, change: &Change) -> bool {
        let end = self.ends.get(&change.transaction).unwrap_or(&change.at);
        self.before.is_none_or(|before| *end < before)
    }
}

/// When a migration began; of several, the first time.
fn at_of(wanted: &str, migrations: &[(String, i64)], name: &str) -> Result<i64, BackupError> {
    let is_meant = |label: &str| {
        label == wanted
            || label
                .split_once(['_', ' '])
                .is_some_and(|(version, _)| version == wanted)
    };
    let found = migrations.iter().find(|(label, _)| is_meant(label));
    found
        .map(|(_, at)| *at)
        .ok_or_else(|| BackupError::NoSuchMigration {
            name: name.to_owned(),
            migration: wanted.to_owned(),
            there: migrations.iter().map(|(label, _)| label.clone()).collect(),
        })
}
