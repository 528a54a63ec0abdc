//! Where a database stands: what is applied, what is open, whether it drifted; and how the folder compares.

use tightrope_engine::{Alive, Capabilities, EngineError, Server, Session};
use tightrope_model::{Catalog, Differences, EngineKind, Fingerprint};
use tightrope_script::{Folder, Migration, MigrationKind};
use tightrope_store::{AppliedMigration, Holder, OpenRun, Store, StoreError};

/// The error of finding out where a database stands.
#[derive(Debug, thiserror::Error)]
pub enum SituationError {
    /// The schema cannot be read.
    #[error("cannot read the schema")]
    Engine(#[from] EngineError),
    /// tightrope's own tables cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a database stands.
pub struct Situation {
    /// Which server and database.
    pub server: Server,
    /// What the server can do.
    pub capabilities: Capabilities,
    /// Whether tightrope has been here.
    pub has_store: bool,
    /// The applied migrations, in the order in which they were applied.
    pub applied: Vec<AppliedMigration>,
    /// A run that was begun and not ended.
    pub open_run: Option<OpenRun>,
    /// Who holds the lease, since how many seconds, and whether that process lives.
    pub lease: Option<(Holder, i64, Alive)>,
    /// The schema now.
    pub catalog: Catalog,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// What others changed since the last migration.
    pub drift: Option<Drift>,
}

/// The schema is not what the last migration left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// What it was.
    pub expected: Fingerprint,
    /// What it is.
    pub found: Fingerprint,
    /// What is different; none if the old catalog was not kept.
    pub differences: Option<Differences>,
}

impl Situation {
    /// Reads all of it.
    ///
    /// # Errors
    /// When the connection breaks or a table holds what tightrope did not write.
    pub fn read(session: &mut dyn Session) -> Result<Self, SituationError> {
        let catalog = session.catalog()?;
        let fingerprint = catalog.fingerprint();
        let mut situation = Self {
            server: session.server().clone(),
            capabilities: session.capabilities().clone(),
            has_store: session.has_store()?,
            applied: Vec::new(),
            open_run: None,
            lease: None,
            catalog,
            fingerprint,
            drift: None,
        };
        if situation.has_store {
            let mut store = Store::new(session);
            store.check_layout()?;
            situation.applied = store.applied()?;
            situation.open_run = store.open_run()?;
            situation.lease = store.lease_holder()?;
            situation.drift = situation.drift(&mut store)?;
        }
        Ok(situation)
    }

    /// Drift counts only between runs: while one is open, the schema is on its way.
    fn drift(&self, store: &mut Store<'_>) -> Result<Option<Drift>, StoreError> {
        let expected = match store.expected_schema()? {
            Some(expected) if self.open_run.is_none() && !self.applied.is_empty() => expected,
            _ => return Ok(None),
        };
        if expected.strict == self.fingerprint.strict {
            return Ok(None);
        }
        let before = store.snapshot(&expected)?;
        let differences = before.map(|before| before.differences(&self.catalog));
        Ok(Some(Drift {
            expected,
            found: self.fingerprint,
            differences,
        }))
    }
}

/// How a folder compares with what is applied.
pub struct Standing<'f> {
    /// What would be applied, in order.
    pub pending: Vec<&'f Migration>,
    /// Applied migrations whose forward script was changed since, beyond comments and white space.
    pub changed: Vec<&'f Migration>,
    /// Applied migrations that the folder does not have.
    pub missing: Vec<AppliedMigration>,
    /// Pending migrations that are older than the newest applied one.
    pub out_of_order: Vec<&'f Migration>,
}

impl<'f> Standing<'f> {
    /// Compares a folder with the applied migrations.
    pub fn of(folder: &'f Folder, applied: &[AppliedMigration], dialect: EngineKind) -> Self {
        let find = |migration: &Migration| {
            let key = version_key(migration);
            applied
                .iter()
                .find(move |applied| applied.version_key == key)
        };
        let baseline = applicable_baseline(folder, applied);
        let newest = folder
            .migrations
            .iter()
            .filter(|migration| {
                migration.kind != MigrationKind::Repeatable && find(migration).is_some()
            })
            .map(|migration| &migration.version)
            .max();
        let mut standing = Self {
            pending: Vec::new(),
            changed: Vec::new(),
            missing: Vec::new(),
            out_of_order: Vec::new(),
        };
        for migration in &folder.migrations {
            let known = find(migration);
            let is_same = known.is_some_and(|known| {
                known.forward_meaning == migration.forward.meaning_digest(dialect)
            });
            match migration.kind {
                MigrationKind::Repeatable if !is_same => standing.pending.push(migration),
                MigrationKind::Repeatable => {}
                MigrationKind::Baseline if known.is_none() => {
                    if baseline.is_some_and(|baseline| baseline.version == migration.version) {
                        standing.pending.push(migration);
                    }
                }
                MigrationKind::Versioned | MigrationKind::Baseline if known.is_some() => {
                    if !is_same {
                        standing.changed.push(migration);
                    }
                }
                MigrationKind::Versioned | MigrationKind::Baseline => {
                    if baseline.is_some_and(|baseline| migration.version <= baseline.version)
                        || is_covered_by_applied_baseline(folder, applied, migration)
                    {
                        continue;
                    }
                    if newest.is_some_and(|newest| &migration.version < newest) {
                        standing.out_of_order.push(migration);
                    }
                    standing.pending.push(migration);
                }
            }
        }
        let keys: Vec<String> = folder.migrations.iter().map(version_key).collect();
        standing.missing = applied
            .iter()
            .filter(|applied| !keys.contains(&applied.version_key))
            .cloned()
            .collect();
        standing
    }
}

/// What identifies a migration in the database: the version's key; a repeatable one is known by its name.
pub fn version_key(migration: &Migration) -> String {
    match migration.kind {
        MigrationKind::Repeatable => format!("repeatable {}", migration.name),
        MigrationKind::Versioned | MigrationKind::Baseline => migration.version.key(),
    }
}

/// Flyway's rule: on a database where nothing is applied, the newest baseline replaces everything up to its version.
fn applicable_baseline<'f>(
    folder: &'f Folder,
    applied: &[AppliedMigration],
) -> Option<&'f Migration> {
    let baselines = folder
        .migrations
        .iter()
        .filter(|migration| migration.kind == MigrationKind::Baseline);
    if applied.is_empty() {
        baselines.max_by(|a, b| a.version.cmp(&b.version))
    } else {
        None
    }
}

fn is_covered_by_applied_baseline(
    folder: &Folder,
    applied: &[AppliedMigration],
    migration: &Migration,
) -> bool {
    folder.migrations.iter().any(|baseline| {
        baseline.kind == MigrationKind::Baseline
            && migration.version <= baseline.version
            && applied.iter().any(|applied| {
                applied.version_key == baseline.version.key() && applied.name == baseline.name
            })
    })
}
