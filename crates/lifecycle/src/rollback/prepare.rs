use std::collections::BTreeMap;
use std::sync::Arc;

use tightrope_engine::{Engine, Session};
use tightrope_model::Version;
use tightrope_store::AppliedMigration;

use super::report::{RollbackError, RolledBack};
use crate::project::{Access, Project};
use crate::run::Watchers;
use crate::situation::Situation;
use crate::status::{Readiness, StatusError, readiness};

/// What to roll back.
#[derive(Clone, Debug, Default)]
pub struct RollbackOptions {
    /// Down to this version, which stays applied; none means the last migration only.
    pub to: Option<Version>,
    /// Everything, down to the schema before the first migration.
    pub all: bool,
    /// Go on although the schema does not come back, for this reason; it goes on the record.
    pub unproven: Option<String>,
    /// What becomes of rows that the old schema cannot hold.
    pub conflicts: Conflicts,
    /// Go on although others changed the schema, for this reason; it goes on the record.
    pub accept_drift: Option<String>,
}

/// What becomes of rows written in the window that the old schema cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflicts {
    /// They go whole into quarantine.
    #[default]
    Quarantine,
    /// They stop the rollback before anything is changed.
    Stop,
}

/// Migrations that may be rolled back, with all that it takes: a dry run shows this value, the run carries it out.
pub struct PreparedRollback<'p> {
    pub(super) project: &'p Project,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) session: Box<dyn Session>,
    pub(super) situation: Situation,
    pub(super) migrations: Vec<AppliedMigration>,
    pub(super) options: RollbackOptions,
}

impl PreparedRollback<'_> {
    /// The migrations that would be rolled back, in order.
    pub fn migrations(&self) -> &[AppliedMigration] {
        &self.migrations
    }

    /// The label of an interrupted migration that would be undone (or whose rollback would be finished) instead.
    pub fn interrupted(&self) -> Option<String> {
        let open = self.situation.open_run.as_ref()?;
        open.open_migration()
            .map(|open| crate::recover::label(open.begun))
    }

    /// The readiness gauge of every migration whose window is open, by its version's key.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn readiness(&mut self) -> Result<BTreeMap<String, Readiness>, StatusError> {
        readiness(self.session.as_mut(), &self.situation)
    }

    /// Where the database stands.
    pub fn situation(&self) -> &Situation {
        &self.situation
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty() && self.situation.open_run.is_none()
    }

    /// Rolls back.
    ///
    /// # Errors
    /// See [`RollbackError`]; a rollback that fails leaves everything as it was.
    pub fn run(self, watchers: Watchers<'_>) -> Result<RolledBack, RollbackError> {
        let goes_on =
            self.interrupted().is_some() && (self.options.all || self.options.to.is_some());
        let (project, options) = (self.project, self.options.clone());
        let mut done = super::run::run(self, watchers)?;
        if goes_on {
            // What was interrupted is settled; the rest of what was asked for comes after it.
            let rest = super::run::run(prepare_rollback(project, &options)?, watchers)?;
            done.migrations.extend(rest.migrations);
        }
        Ok(done)
    }
}

/// Finds out what would be rolled back and whether it can be; needs no folder.
///
/// # Errors
/// When anything stands against it.
pub fn prepare_rollback<'p>(
    project: &'p Project,
    options: &RollbackOptions,
) -> Result<PreparedRollback<'p>, RollbackError> {
    let engine = project.engine()?;
    let mut session = project.connect(engine.as_ref(), Access::Write)?;
    let situation = Situation::read(session.as_mut())?;
    if let Some(drift) = &situation.drift
        && options.accept_drift.is_none()
    {
        return Err(RollbackError::Drifted(Box::new(drift.clone())));
    }
    let is_half_done = situation
        .open_run
        .as_ref()
        .is_some_and(|open| open.open_migration().is_some());
    let migrations = if is_half_done {
        Vec::new()
    } else {
        select(&situation.applied, options)?
    };
    if let Some(sealed) = migrations
        .iter()
        .find(|migration| migration.sealed_at.is_some())
    {
        return Err(RollbackError::Sealed {
            migration: super::run::label(sealed),
            at: sealed.sealed_at.clone().unwrap_or_default(),
        });
    }
    if let Some(without) = migrations
        .iter()
        .find(|migration| migration.rollback.is_none())
    {
        return Err(RollbackError::NoScript {
            migration: super::run::label(without),
        });
    }
    Ok(PreparedRollback {
        project,
        engine,
        session,
        situation,
        migrations,
        options: options.clone(),
    })
}

fn select(
    applied: &[AppliedMigration],
    options: &RollbackOptions,
) -> Result<Vec<AppliedMigration>, RollbackError> {
    // A repeatable migration has no way back of its own: it goes with the versioned one before it.
    let mut newest_first: Vec<AppliedMigration> = applied
        .iter()
        .filter(|one| !one.repeatable)
        .cloned()
        .collect();
    newest_first.reverse();
    if options.all {
        return Ok(newest_first);
    }
    let Some(to) = &options.to else {
        newest_first.truncate(1);
        return Ok(newest_first);
    };
    let stays = newest_first
        .iter()
        .position(|one| one.version_key == to.key());
    let stays = stays.ok_or_else(|| RollbackError::UnknownVersion(to.clone()))?;
    newest_first.truncate(stays);
    Ok(newest_first)
}
