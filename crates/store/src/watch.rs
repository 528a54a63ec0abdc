//! Watches: what was agreed, what was seen, and what came of it. Whoever takes over finds all of it here.

use serde::{Deserialize, Serialize};
use tightrope_engine::Alive;
use tightrope_model::{Digest, Value};

use crate::lease::to_json;
use crate::{AppliedMigration, Holder, Lease, LeaseOutcome, Store, StoreError, StoredScript};

/// The layout of the store that came with watches.
const LAYOUT_WITH_WATCHES: i64 = 3;

/// The lease of a watch.
const RESOURCE: &str = "watch";

/// What is agreed before anything is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRecord {
    /// The criteria, as JSON, to the letter as they were digested.
    pub criteria: String,
    /// Their digest.
    pub digest: Digest,
    /// The labels of the migrations that are watched.
    pub migrations: Vec<String>,
    /// What identifies their versions.
    pub version_keys: Vec<String>,
    /// The digests of their forward scripts, in the same order.
    #[serde(default)]
    pub forwards: Vec<Digest>,
    /// Their applications, as soon as they are watched: what is applied later under the same version is another one.
    #[serde(default)]
    pub applied: Vec<AppliedMark>,
    /// The version that stays when they are rolled back; none if they are the first.
    pub stays: Option<String>,
    /// Their verify scripts.
    pub verify: Vec<StoredScript>,
}

/// Which application of a migration it is: the same version may be rolled back, mended and applied again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedMark {
    /// What identifies the version.
    pub version_key: String,
    /// The forward script's digest.
    pub forward: Digest,
    /// The run that applied it.
    pub run: String,
}

impl From<&AppliedMigration> for AppliedMark {
    fn from(migration: &AppliedMigration) -> Self {
        Self {
            version_key: migration.version_key.clone(),
            forward: migration.forward,
            run: migration.run.clone(),
        }
    }
}

impl WatchRecord {
    /// Whether that is what is watched, and no other migration that has taken its place.
    pub fn is_watched(&self, mark: &AppliedMark) -> bool {
        if !self.applied.is_empty() {
            return self.applied.contains(mark);
        }
        let mut agreed = self.version_keys.iter().zip(&self.forwards);
        agreed.any(|(key, forward)| *key == mark.version_key && *forward == mark.forward)
    }
}

/// Where a watch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchPhase {
    /// The criteria are fixed, and nothing is applied yet as far as the watch knows.
    Before,
    /// The migrations are applied and watched.
    Watching,
    /// It was decided to roll back, and the rollback has been begun.
    RollingBack,
    /// It is over.
    Ended,
}

impl WatchPhase {
    fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Watching => "watching",
            Self::RollingBack => "rolling-back",
            Self::Ended => "ended",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Before, Self::Watching, Self::RollingBack, Self::Ended]
            .into_iter()
            .find(|phase| phase.name() == name)
    }
}

/// A watch that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenWatch {
    /// Its number.
    pub number: i64,
    /// When it began, by the server's clock.
    pub begun_at: String,
    /// Where it stands.
    pub phase: WatchPhase,
    /// What was agreed.
    pub record: WatchRecord,
}

impl Store<'_> {
    /// Makes the tables of watches, inside the open transaction: the step from layout 2 to 3.
    pub(crate) fn create_watch_tables(&mut self) -> Result<(), StoreError> {
        let dialect = self.session.store_dialect();
        let (prefix, key) = (dialect.prefix, dialect.serial_key);
        for statement in [
            format!(
                "create table {prefix}watch (number {key}, begun_at text not null, phase text not null, record text not null, \
                 outcome text)"
            ),
            format!(
                "create table {prefix}watch_look (watch bigint not null, number bigint not null, at text not null, \
                 look text not null, primary key (watch, number))"
            ),
            format!("insert into {prefix}lease (resource, fencing) values ('{RESOURCE}', 0)"),
        ] {
            self.session.query(&statement, &[])?;
        }
        Ok(())
    }

    /// Asks for the right to watch; like [`Store::take_lease`].
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn take_watch(&mut self, holder: &Holder) -> Result<LeaseOutcome, StoreError> {
        self.take_lease_on(RESOURCE, holder)
    }

    /// Says that whoever watches lives.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if somebody took over.
    pub fn watch_heartbeat(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.heartbeat_on(RESOURCE, lease.fencing)
    }

    /// Makes sure, inside the open transaction and until its end, that nobody took the watch over.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if somebody did.
    pub fn guard_watch(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.guard_lease_on(RESOURCE, lease)
    }

    /// Gives the right to watch back.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn release_watch(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.release_lease_on(RESOURCE, lease)
    }

    /// Who watches, since how many seconds, and whether that process lives.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn watcher(&mut self) -> Result<Option<(Holder, i64, Alive)>, StoreError> {
        match self.layout()? {
            LAYOUT_WITH_WATCHES.. => self.holder_of(RESOURCE),
            _ => Ok(None),
        }
    }

    /// Begins a watch, inside the open transaction, and gives its number.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn begin_watch(&mut self, record: &WatchRecord) -> Result<i64, StoreError> {
        let table = self.table("watch");
        let now = self.session.store_dialect().now;
        let rows = self.session.query(
            &format!("insert into {table} (begun_at, phase, record) values ({now}, $1, $2) returning number"),
            &[Value::from(WatchPhase::Before.name()), Value::from(to_json(record))],
        )?;
        let number = rows.first().and_then(|row| row[0].integer());
        number.ok_or_else(|| damaged("no number".to_owned()))
    }

    /// The watch that is not over, if there is one.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn open_watch(&mut self) -> Result<Option<OpenWatch>, StoreError> {
        if self.layout()? < LAYOUT_WITH_WATCHES {
            return Ok(None);
        }
        let table = self.table("watch");
        let rows = self.session.query(
            &format!("select number, begun_at, phase, record from {table} where phase <> $1 order by number desc limit 1"),
            &[Value::from(WatchPhase::Ended.name())],
        )?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let text = |index: usize| row[index].text().unwrap_or_default();
        Ok(Some(OpenWatch {
            number: row[0].integer().unwrap_or_default(),
            begun_at: text(1).to_owned(),
            phase: WatchPhase::of(text(2))
                .ok_or_else(|| damaged(format!("the phase {:?}", text(2))))?,
            record: serde_json::from_str(text(3)).map_err(|error| damaged(error.to_string()))?,
        }))
    }

    /// Moves a watch on, inside the open transaction; `outcome` is JSON and comes with the end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn move_watch(
        &mut self,
        number: i64,
        phase: WatchPhase,
        outcome: Option<&str>,
    ) -> Result<(), StoreError> {
        let table = self.table("watch");
        self.session.query(
            &format!("update {table} set phase = $1, outcome = $2 where number = $3"),
            &[
                Value::from(phase.name()),
                Value::from(outcome),
                Value::from(number),
            ],
        )?;
        Ok(())
    }

    /// Writes anew what is known of a watch, inside the open transaction.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn update_watch(&mut self, number: i64, record: &WatchRecord) -> Result<(), StoreError> {
        let table = self.table("watch");
        self.session.query(
            &format!("update {table} set record = $1 where number = $2"),
            &[Value::from(to_json(record)), Value::from(number)],
        )?;
        Ok(())
    }

    /// The number of the last look that is durable; 0 where there is none.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn last_look(&mut self, watch: i64) -> Result<i64, StoreError> {
        let table = self.table("watch_look");
        let rows = self.session.query(
            &format!("select coalesce(max(number), 0) from {table} where watch = $1"),
            &[Value::from(watch)],
        )?;
        Ok(rows
            .first()
            .and_then(|row| row[0].integer())
            .unwrap_or(0)
            .max(0))
    }

    /// Adds what was seen, as JSON. The number is the look's place in the watch: of two who add the same, one fails.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn add_look(&mut self, watch: i64, number: i64, look: &str) -> Result<(), StoreError> {
        let table = self.table("watch_look");
        let now = self.session.store_dialect().now;
        self.session.query(
            &format!("insert into {table} (watch, number, at, look) values ($1, $2, {now}, $3)"),
            &[Value::from(watch), Value::from(number), Value::from(look)],
        )?;
        Ok(())
    }

    /// All looks of a watch with their numbers, oldest first, as JSON.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn looks(&mut self, watch: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let table = self.table("watch_look");
        let rows = self.session.query(
            &format!("select number, look from {table} where watch = $1 order by number"),
            &[Value::from(watch)],
        )?;
        let read = rows.iter().map(|row| {
            let look = row[1].text().unwrap_or_default().to_owned();
            (row[0].integer().unwrap_or_default(), look)
        });
        Ok(read.collect())
    }

    /// Which of the watched migrations are applied now, by their own applications; in the order of the versions.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn still_applied(&mut self, record: &WatchRecord) -> Result<Vec<AppliedMark>, StoreError> {
        let table = self.table("migration");
        let mut marks = Vec::new();
        for key in &record.version_keys {
            let rows = self.session.query(
                &format!("select record from {table} where version_key = $1"),
                &[Value::from(key.as_str())],
            )?;
            for row in &rows {
                let mark: AppliedMark = serde_json::from_str(row[0].text().unwrap_or_default())
                    .map_err(|error| StoreError::Damaged {
                        table: "migration",
                        what: error.to_string(),
                    })?;
                marks.extend(Some(mark).filter(|mark| record.is_watched(mark)));
            }
        }
        Ok(marks)
    }
}

fn damaged(what: String) -> StoreError {
    StoreError::Damaged {
        table: "watch",
        what,
    }
}
