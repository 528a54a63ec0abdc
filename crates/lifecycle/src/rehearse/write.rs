//! Derived rollbacks to be written into the folder: forward on a copy, derive, next.

use tightrope_engine::{Engine, ErrorKind};
use tightrope_inverse::Loss;
use tightrope_model::{EngineKind, Version};
use tightrope_script::{Migration, MigrationKind};
use tightrope_store::AppliedMigration;

use super::base::free_nets;
use super::cluster;
use super::one::{Derive, Rehearsal, RehearsalStop};
use super::run::RehearseError;
use super::source::{Base, Source};
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
/// history runs forward. So it does if nothing is applied and a script fails on the copy: the target may have been made of the
/// same scripts by something else.
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
    let wanted = |migration: &Migration| match which {
        DeriveWhich::Version(version) => &migration.version == version,
        DeriveWhich::Missing => is_missing(migration, engine.kind()),
    };
    let versioned = |migration: &&Migration| migration.kind != MigrationKind::Baseline;
    let history: Vec<&Migration> = folder.migrations.iter().filter(versioned).collect();
    let Some(last) = history.iter().rposition(|migration| wanted(migration)) else {
        return match which {
            DeriveWhich::Version(version) => {
                // Without the target nobody knows what is applied; the folder does not have it in any case.
                let applied = applied(project, engine.as_ref())
                    .ok()
                    .flatten()
                    .unwrap_or_default();
                Err(UnknownVersion::not_in(&folder, &applied, version).into())
            }
            DeriveWhich::Missing => Ok(Vec::new()),
        };
    };
    let applied = applied(project, engine.as_ref())?;
    let is_there = applied.is_some();
    let applied = applied.unwrap_or_default();
    let pending = Standing::of(&folder, &applied, engine.kind()).pending;
    let is_pending = |migration: &&Migration| {
        pending
            .iter()
            .any(|pending| std::ptr::eq(*pending, *migration))
    };
    let all = &history[..=last];
    let mut all_wanted = all.iter().filter(|migration| wanted(migration));
    let from_target = is_there && all_wanted.all(&is_pending);
    let from_nothing = || derive(project, engine.as_ref(), all, false, &wanted, listener);
    if !from_target {
        return from_nothing();
    }
    let path: Vec<&Migration> = all.iter().filter(|one| is_pending(one)).copied().collect();
    let derived = derive(project, engine.as_ref(), &path, true, &wanted, listener)?;
    let fails = |derived: &[DerivedRollback]| derived.iter().any(|one| one.failure.is_some());
    if applied.is_empty() && fails(&derived) {
        let otherwise = from_nothing()?;
        if !fails(&otherwise) {
            return Ok(otherwise);
        }
    }
    Ok(derived)
}

/// Runs the path forward on a copy of the target or in an empty database, and derives on the way.
fn derive(
    project: &Project,
    engine: &dyn Engine,
    path: &[&Migration],
    from_target: bool,
    wanted: &dyn Fn(&Migration) -> bool,
    listener: &dyn Listener,
) -> Result<Vec<DerivedRollback>, RehearseError> {
    let cloner = engine.cloner().ok_or(RehearseError::NoCopies)?;
    let base = match from_target {
        true => Source::open(project, engine, listener)?.into_base(project, cloner, listener)?,
        false => Base::of_target(project, true, cloner, listener)?,
    };
    let never = Derive::Never;
    let rehearsal = Rehearsal::on(&base, project, engine, path, never, listener)?;
    if base.beside_target {
        cluster::refuse(path, engine.kind(), &rehearsal.roles)?;
    }
    free_nets(rehearsal.connect(base.scratch.as_ref())?.as_mut()).map_err(SituationError::from)?;
    let mut stage = rehearsal.begin(base.scratch)?;
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
                replaces_nothing: is_missing(migration, engine.kind()),
                losses: inverse.losses,
                failure,
            });
        }
    }
    Ok(derived)
}

/// Whether a migration has no rollback script, or one in which nothing stands.
fn is_missing(migration: &Migration, engine: EngineKind) -> bool {
    let written = migration.rollback.as_ref();
    written.is_none_or(|script| script.is_empty(engine))
}

/// What is applied to the target; none if it is not there.
fn applied(
    project: &Project,
    engine: &dyn Engine,
) -> Result<Option<Vec<AppliedMigration>>, RehearseError> {
    match project.connect(engine, Access::Read) {
        Ok(mut session) => Ok(Some(Situation::read(session.as_mut())?.applied)),
        Err(error) if error.kind == ErrorKind::DatabaseMissing => Ok(None),
        Err(error) => Err(error.into()),
    }
}
