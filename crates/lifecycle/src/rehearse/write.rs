//! Derived rollbacks to be written into the folder: forward on a copy, derive, next.

use tightrope_engine::{CopyPlace, Engine, ErrorKind};
use tightrope_inverse::Loss;
use tightrope_model::Version;
use tightrope_script::{Migration, MigrationKind};
use tightrope_store::AppliedMigration;

use super::base::{free_nets, sweep};
use super::cluster;
use super::one::{Derive, Rehearsal, RehearsalStop};
use super::run::RehearseError;
use super::versions::UnknownVersion;
use crate::execute::FailureReport;
use crate::net;
use crate::project::{Access, Project};
use crate::situation::{Situation, SituationError, Standing};
use crate::{Event, Listener};

/// For which migrations rollbacks are derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeriveWhich {
    /// For one.
    Version(Version),
    /// For each that has no rollback script, or an empty one.
    Missing,
}

/// A rollback that was derived to be written.
#[derive(Clone, Debug)]
pub struct DerivedRollback {
    /// The migration.
    pub migration: Migration,
    /// The script.
    pub text: String,
    /// Whether it holds a statement: it does not where only rows change, which come back from the net.
    pub has_statements: bool,
    /// Whether the migration has no rollback script, or an empty one.
    pub replaces_nothing: bool,
    /// What it cannot bring back exactly.
    pub losses: Vec<Loss>,
    /// Why there is none, if the forward script fails on the copy.
    pub failure: Option<FailureReport>,
}

/// Derives rollbacks, to be read, changed and kept as any other.
///
/// If all that is asked for is pending, a copy of the target is what it begins with; otherwise an empty database, and the whole
/// history runs forward.
///
/// # Errors
/// When the folder, the target or the copy cannot be used, or the version is not in the folder.
pub fn derive_rollbacks(
    project: &Project,
    which: &DeriveWhich,
    listener: &dyn Listener,
) -> Result<Vec<DerivedRollback>, RehearseError> {
    let engine = project.engine()?;
    let (folder, _) = project.read_folder(engine.kind())?;
    let is_missing = |migration: &Migration| {
        let written = migration.rollback.as_ref();
        written.is_none_or(|script| script.is_empty(engine.kind()))
    };
    let wanted = |migration: &Migration| match which {
        DeriveWhich::Version(version) => &migration.version == version,
        DeriveWhich::Missing => is_missing(migration),
    };
    let versioned = |migration: &&Migration| migration.kind != MigrationKind::Baseline;
    let history: Vec<&Migration> = folder.migrations.iter().filter(versioned).collect();
    let Some(last) = history.iter().rposition(|migration| wanted(migration)) else {
        return match which {
            DeriveWhich::Version(version) => {
                // Without the target nobody knows what is applied; the folder does not have it in any case.
                let applied = applied(project, engine.as_ref()).unwrap_or_default();
                Err(UnknownVersion::not_in(&folder, &applied, version).into())
            }
            DeriveWhich::Missing => Ok(Vec::new()),
        };
    };
    let applied = applied(project, engine.as_ref())?;
    let pending = Standing::of(&folder, &applied, engine.kind()).pending;
    let is_pending = |migration: &&Migration| {
        pending
            .iter()
            .any(|pending| std::ptr::eq(*pending, *migration))
    };
    let all = &history[..=last];
    let from_target = !applied.is_empty()
        && all
            .iter()
            .filter(|migration| wanted(migration))
            .all(&is_pending);
    let path: Vec<&Migration> = all
        .iter()
        .filter(|migration| !from_target || is_pending(migration))
        .copied()
        .collect();
    let cloner = engine.cloner().ok_or(RehearseError::NoCopies)?;
    let place = CopyPlace {
        url: project.rehearse_url.clone(),
        empty: !from_target,
    };
    sweep(project, cloner, &place, listener)?;
    let base = cloner.copy(&project.url, &place)?;
    let (engine, never) = (engine.as_ref(), Derive::Never);
    let rehearsal = Rehearsal::on(base.as_ref(), project, engine, &path, never, listener)?;
    if base.is_beside_source() {
        cluster::refuse(&path, engine.kind(), &rehearsal.roles)?;
    }
    free_nets(rehearsal.connect(base.as_ref())?.as_mut()).map_err(SituationError::from)?;
    let mut stage = rehearsal.begin(base)?;
    let mut derived = Vec::new();
    for (number, migration) in path.iter().enumerate() {
        listener.event(&Event::RehearsalBegun {
            migration: migration.label(),
            number: number + 1,
            of: path.len(),
        });
        let before = stage.state.catalog.clone();
        let failure = match rehearsal.skip(&mut stage, migration) {
            Ok(()) => None,
            Err(RehearsalStop::Engine(error)) => return Err(error.into()),
            Err(RehearsalStop::Script(failure)) => Some(FailureReport::from(&failure)),
        };
        if wanted(migration) {
            let renames = net::renames_of(&migration.forward.parse(engine.kind()));
            let after = &stage.state.catalog;
            let inverse = net::derived_script(engine.kind(), &before, after, &renames);
            derived.push(DerivedRollback {
                migration: (*migration).clone(),
                text: inverse.script(),
                has_statements: !inverse.steps.is_empty(),
                replaces_nothing: is_missing(migration),
                losses: inverse.losses,
                failure,
            });
        }
    }
    Ok(derived)
}

/// What is applied to the target, if it is there.
fn applied(project: &Project, engine: &dyn Engine) -> Result<Vec<AppliedMigration>, RehearseError> {
    match project.connect(engine, Access::Read) {
        Ok(mut session) => Ok(Situation::read(session.as_mut())?.applied),
        Err(error) if error.kind == ErrorKind::DatabaseMissing => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
