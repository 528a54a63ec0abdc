use std::collections::BTreeMap;

use serde::Serialize;
use tightrope_engine::{Engine, ErrorKind, Server};
use tightrope_model::{ObjectKind, Verdict, Version};
use tightrope_script::{Migration, MigrationKind};

use super::generated::{GeneratedRows, Generator};
use super::one::{Derive, Rehearsal, RehearsalStop};
use super::report::MigrationRehearsal;
use super::run::RehearseError;
use super::source::Base;
use super::versions::up_to;
use crate::execute::FailureReport;
use crate::project::{Access, Project};
use crate::{Event, Listener};

/// What to review.
#[derive(Clone, Debug, Default)]
pub struct ReviewOptions {
    /// Only the last so many; those before run forward without proof.
    pub last: Option<usize>,
    /// Only up to this version.
    pub to: Option<Version>,
    /// Rehearse the derived rollback of each, too.
    pub derived: bool,
    /// Before each rehearsal every table gets at least so many generated rows.
    pub rows: Option<usize>,
    /// What the generated rows depend on.
    pub seed: u64,
}

/// A history of migrations, each rehearsed on a copy of the state before it.
#[derive(Clone, Debug, Serialize)]
pub struct Review {
    /// The server that it ran on.
    pub server: Server,
    /// Each migration's result, in order.
    pub migrations: Vec<MigrationRehearsal>,
    /// Migrations before the reviewed ones whose forward script failed.
    pub skipped_failures: Vec<(String, FailureReport)>,
    /// How many migrations got each verdict.
    pub summary: BTreeMap<&'static str, usize>,
    /// How many derived rollbacks got each verdict, if they were rehearsed.
    pub derived: BTreeMap<&'static str, usize>,
    /// The rows that were generated, if any were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedRows>,
    /// How long it all took, in milliseconds.
    pub milliseconds: u64,
}

impl Review {
    /// Whether every way back is proven.
    pub fn passed(&self) -> bool {
        self.migrations
            .iter()
            .all(|migration| migration.verdict.passes())
            && self.skipped_failures.is_empty()
    }
}

/// Rehearses a whole history from an empty database on, and goes on after a bad migration.
///
/// It needs a server, not a database: the target is never written. One without tables, made ready with extensions or schemas,
/// is what the history begins with.
///
/// # Errors
/// When the folder or the server cannot be used.
pub fn review(
    project: &Project,
    options: &ReviewOptions,
    listener: &dyn Listener,
) -> Result<Review, RehearseError> {
    let begun = std::time::Instant::now();
    let engine = project.engine()?;
    let (folder, _) = project.read_folder(engine.kind())?;
    let cloner = engine.cloner().ok_or(RehearseError::NoCopies)?;
    let empty = !is_prepared(project, engine.as_ref())?;
    let base = Base::of_target(project, empty, cloner, listener)?;
    let history: Vec<&Migration> = folder
        .migrations
        .iter()
        .filter(|migration| migration.kind != MigrationKind::Baseline)
        .collect();
    let history = up_to(history, options.to.as_ref(), &folder)?;
    let derived = match options.derived {
        true => Derive::Always,
        false => Derive::Never,
    };
    let engine = engine.as_ref();
    let rehearsal = Rehearsal::on(&base, project, engine, &history, derived, listener)?;
    let mut stage = rehearsal.begin(base.scratch)?;
    let server = rehearsal.connect(stage.base.as_ref())?.server().clone();
    let first = options
        .last
        .map_or(0, |last| history.len().saturating_sub(last));
    let mut review = Review {
        server,
        migrations: Vec::new(),
        skipped_failures: Vec::new(),
        summary: BTreeMap::new(),
        derived: BTreeMap::new(),
        generated: None,
        milliseconds: 0,
    };
    let mut generator = None;
    for (index, migration) in history.iter().enumerate() {
        let label = migration.label();
        if index < first {
            match rehearsal.skip(&mut stage, migration) {
                Ok(()) => {}
                Err(RehearsalStop::Engine(error)) => return Err(error.into()),
                Err(RehearsalStop::Script(failure)) => {
                    review
                        .skipped_failures
                        .push((label, FailureReport::from(&failure)));
                }
            }
            continue;
        }
        listener.event(&Event::RehearsalBegun {
            migration: label.clone(),
            number: index - first + 1,
            of: history.len() - first,
        });
        if let (None, Some(rows)) = (&generator, options.rows) {
            generator = Some(Generator::new(&stage, rows, options.seed)?);
        }
        let one = match &mut generator {
            Some(generator) => generator.rehearse(&rehearsal, &mut stage, migration)?,
            None => rehearsal.rehearse(&mut stage, migration)?,
        };
        listener.event(&Event::Rehearsed {
            migration: label,
            verdict: one.verdict,
            forward_ms: one.forward_ms,
            rollback_ms: one.rollback_ms,
        });
        review.migrations.push(one);
    }
    for verdict in Verdict::ALL {
        let count = review
            .migrations
            .iter()
            .filter(|migration| migration.verdict == verdict)
            .count();
        if count > 0 {
            review.summary.insert(verdict.name(), count);
        }
    }
    for derived in review
        .migrations
        .iter()
        .filter_map(|one| one.derived.as_ref())
    {
        *review.derived.entry(derived.verdict.name()).or_default() += 1;
    }
    review.generated = generator.map(|generator| generator.report);
    review.milliseconds = crate::execute::elapsed_ms(begun);
    Ok(review)
}

/// Whether the target is an empty database that somebody has made ready for the history, with extensions or schemas: then the
/// review begins with a copy of it. Anything else (a database with tables, or none at all) is not touched, and the review
/// begins with a new one.
fn is_prepared(project: &Project, engine: &dyn Engine) -> Result<bool, RehearseError> {
    let mut session = match project.connect(engine, Access::Read) {
        Ok(session) => session,
        Err(error) if error.kind == ErrorKind::DatabaseMissing => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let catalog = session.catalog()?;
    let is_bare = |kind| {
        matches!(
            kind,
            ObjectKind::Schema
                | ObjectKind::Extension
                | ObjectKind::Language
                | ObjectKind::Setting
                | ObjectKind::DefaultPrivileges
        )
    };
    Ok(catalog.objects().all(|object| is_bare(object.id.kind)))
}
