use tightrope_engine::{
    CopyReport, Engine, EngineError, ErrorKind, Scratch, Server, UnknownScheme,
};
use tightrope_model::{Differences, Likeness, Verdict, Version};
use tightrope_script::{Folder, Migration};
use tightrope_store::{Certificate, Stale};

use super::base::free_nets;
use super::cluster::{self, ClusterRefusal};
use super::extrapolate::{Hollow, extrapolate};
use super::one::{Derive, Rehearsal, connect_to};
use super::report::MigrationRehearsal;
use super::source::{Base, Source, SourceError};
use super::versions::{UnknownVersion, up_to};
use crate::project::{Access, FolderError, Project};
use crate::situation::{Situation, SituationError, Standing};
use crate::workload::{Witness, WorkloadFailure};
use crate::{Event, Listener};

/// What to rehearse.
#[derive(Clone, Debug, Default)]
pub struct RehearseOptions {
    /// Only up to this version.
    pub to: Option<Version>,
    /// Rehearse the derived rollback also where the written one passes, and certify it where it does better.
    pub derived: bool,
}

/// What a rehearsal of the pending migrations found.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Rehearsed {
    /// The server of the target.
    pub server: Server,
    /// How the copy was made; none if there was nothing to rehearse.
    pub copy: Option<CopyReport>,
    /// How the copy's schema differs from the target's; a certificate earned on a different schema does not count there.
    pub unlike: Differences,
    /// Each migration's result, in order. After a migration whose forward script fails, the rest is not rehearsed.
    pub migrations: Vec<MigrationRehearsal>,
    /// How many migrations are pending.
    pub pending: usize,
    /// Whether the target's schema is not what its last migration left: `apply` will not go on until that is settled.
    pub drifted: bool,
    /// Certificates that could not be written beside their migrations, with the reason.
    pub unwritten: Vec<(String, String)>,
    /// The queries of the application that were tried; none if no workload is configured.
    pub workload: Option<WorkloadNamed>,
    /// Why the certificates do not count for `apply` although they were earned; none if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub does_not_count: Option<String>,
}

/// A workload as it is named in reports.
#[derive(Clone, Debug, serde::Serialize)]
pub struct WorkloadNamed {
    /// Its file.
    pub file: std::path::PathBuf,
    /// The file's digest.
    pub digest: tightrope_model::Digest,
    /// How many queries it holds.
    pub queries: usize,
}

impl Rehearsed {
    /// Whether every pending migration earned its certificate.
    pub fn passed(&self) -> bool {
        self.migrations.len() == self.pending
            && self.migrations.iter().all(|one| one.certificate.is_some())
    }

    /// The certificates that were earned.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.migrations
            .iter()
            .filter_map(|migration| migration.certificate.as_ref())
    }
}

/// The error of rehearsing, as opposed to what a rehearsal finds.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The target.
    #[error(transparent)]
    Situation(#[from] SituationError),
    /// The target or the copy.
    #[error("cannot rehearse on a copy")]
    Engine(#[from] EngineError),
    /// The engine makes no copies.
    #[error("this engine cannot make copies to rehearse on")]
    NoCopies,
    /// A run is open.
    #[error("a run was interrupted and must be finished or undone first")]
    OpenRun,
    /// What the copy is made of.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The copy is not like the target.
    #[error("the copy is {} % like the target, and the policy asks for {least} %: {}", .likeness.percent, .likeness.in_words(5))]
    Unlike {
        /// What the policy asks for.
        least: u8,
        /// How like it is.
        likeness: Likeness,
    },
    /// A migration acts on the whole server, and the copy is on the target's.
    #[error("cannot rehearse on the target's own server")]
    ClusterWide(#[from] ClusterRefusal),
    /// The queries of the application.
    #[error(transparent)]
    Workload(#[from] WorkloadFailure),
    /// The version is not there.
    #[error(transparent)]
    UnknownVersion(#[from] UnknownVersion),
}

/// Rehearses the pending migrations on a copy of the target and writes the certificates that they earn beside them.
///
/// # Errors
/// When the folder, the target or the copy cannot be used; what a migration does wrong is no error but a verdict.
pub fn rehearse(
    project: &Project,
    options: &RehearseOptions,
    listener: &dyn Listener,
) -> Result<Rehearsed, RehearseError> {
    let engine = project.engine()?;
    let (folder, _) = project.read_folder(engine.kind())?;
    let look = match project.connect(engine.as_ref(), Access::Read) {
        Ok(mut session) => Some(Situation::read(session.as_mut())?),
        Err(error) if error.kind == ErrorKind::DatabaseMissing => None,
        Err(error) => return Err(error.into()),
    };
    if look.as_ref().is_some_and(|look| look.open_run.is_some()) {
        return Err(RehearseError::OpenRun);
    }
    rehearse_pending(project, &folder, look.as_ref(), options, listener)
}

/// The same for a folder and a situation that are known; no session may be open on the target.
pub(crate) fn rehearse_pending(
    project: &Project,
    folder: &Folder,
    look: Option<&Situation>,
    options: &RehearseOptions,
    listener: &dyn Listener,
) -> Result<Rehearsed, RehearseError> {
    let engine = project.engine()?;
    let cloner = engine.cloner().ok_or(RehearseError::NoCopies)?;
    let standing = Standing::of(
        folder,
        look.map_or(&[], |look| &look.applied),
        engine.kind(),
    );
    let pending = up_to(standing.pending, options.to.as_ref(), folder)?;
    if let (Some(first), Some(look)) = (pending.first(), look) {
        project.know_fill(first, &look.catalog)?;
    }
    // What cannot be read is said before anything is copied.
    let witness = Witness::of(project, engine.kind())?;
    if project.copies_are_beside_target() {
        // What is refused in any case need not wait for a copy.
        cluster::refuse(&pending, engine.kind(), &[])?;
    }
    let (base, mut hollow) = match look {
        Some(_) => {
            let source = Source::open(project, engine.as_ref(), listener)?;
            let hollow = Hollow::of(&source, project, cloner, listener)?;
            (source.into_base(project, cloner, listener)?, hollow)
        }
        None => (Base::of_target(project, true, cloner, listener)?, None),
    };
    let mut copy = base.report.clone();
    if look.is_some() {
        let masked = copy.selection.as_ref().map_or(&[][..], |one| &one.masked);
        let likeness = likeness(project, engine.as_ref(), base.scratch.as_ref(), &copy)?;
        copy.likeness = Some(likeness.masked(masked));
    }
    if let (Some(least), Some(likeness)) = (project.policy.least_likeness, &copy.likeness)
        && !copy.is_like_enough(Some(least))
    {
        let likeness = likeness.clone();
        return Err(RehearseError::Unlike { least, likeness });
    }
    listener.event(&Event::Copied {
        name: base.scratch.name().to_owned(),
        report: copy.clone(),
    });
    let derived = match options.derived {
        true => Derive::Always,
        false => Derive::WhereNeeded,
    };
    let (engine, beside) = (engine.as_ref(), base.beside_target);
    let rehearsal = Rehearsal {
        strict: project.policy.strict,
        witness: witness.as_ref(),
        copy: copy.clone(),
        ..Rehearsal::on(&base, project, engine, &pending, derived, listener)?
    };
    if beside {
        cluster::refuse(&pending, engine.kind(), &rehearsal.roles)?;
    }
    free_nets(rehearsal.connect(base.scratch.as_ref())?.as_mut()).map_err(SituationError::from)?;
    if let Some(hollow) = &hollow {
        hollow.free_nets(&rehearsal)?;
    }
    let mut stage = rehearsal.begin(base.scratch)?;
    let mut rehearsed = Rehearsed {
        server: match look {
            Some(look) => look.server.clone(),
            None => rehearsal.connect(stage.base.as_ref())?.server().clone(),
        },
        copy: Some(copy),
        unlike: look.map_or_else(Differences::default, |look| {
            look.catalog.differences(&stage.state.catalog)
        }),
        migrations: Vec::new(),
        pending: pending.len(),
        drifted: look.is_some_and(|look| look.drift.is_some()),
        unwritten: Vec::new(),
        workload: witness.as_ref().map(|witness| WorkloadNamed {
            file: witness.file.clone(),
            digest: witness.digest,
            queries: witness.workload.queries.len(),
        }),
        does_not_count: None,
    };
    if !project.policy.samples {
        let certificates = rehearsed
            .copy
            .iter()
            .filter_map(|copy| copy.selection.as_ref());
        let sample = certificates
            .filter_map(|selection| selection.sample.clone())
            .next();
        rehearsed.does_not_count = sample.map(|share| Stale::Sample(share).to_string());
    }
    for (number, migration) in pending.iter().enumerate() {
        project.know_fill(migration, &stage.state.catalog)?;
        let label = migration.label();
        listener.event(&Event::RehearsalBegun {
            migration: label.clone(),
            number: number + 1,
            of: pending.len(),
        });
        let mut one = rehearsal.rehearse(&mut stage, migration)?;
        let times = (one.forward_ms, one.rollback_ms);
        one.extrapolated = extrapolate(&mut hollow, &rehearsal, migration, times, &one.footprint)?;
        if let Some(certificate) = one.certificate.take() {
            one.certificate = Some(match one.extrapolated.clone() {
                None => certificate,
                extrapolated => Certificate {
                    extrapolated,
                    ..certificate
                }
                .sealed(),
            });
        }
        listener.event(&Event::Rehearsed {
            migration: label.clone(),
            verdict: one.verdict,
            forward_ms: one.forward_ms,
            rollback_ms: one.rollback_ms,
        });
        if let Some(certificate) = &one.certificate
            && let Err(error) = write_certificate(migration, certificate)
        {
            rehearsed.unwritten.push((label, error.to_string()));
        }
        let goes_on = one.verdict != Verdict::ForwardFails;
        rehearsed.migrations.push(one);
        if !goes_on {
            break;
        }
    }
    Ok(rehearsed)
}

/// How like the target the copy is; the target may have sessions again.
fn likeness(
    project: &Project,
    engine: &dyn Engine,
    copy: &dyn Scratch,
    report: &CopyReport,
) -> Result<Likeness, RehearseError> {
    let mut source = project.connect(engine, Access::Read)?.surroundings()?;
    let mut copied = connect_to(engine, copy)?.surroundings()?;
    if let Some(sample) = report.selection.as_ref().filter(|one| one.is_sample()) {
        // Better known than by statistics.
        let (rows, of) = sample.rows();
        (source.rows, copied.rows) = (Some(of), Some(rows));
    }
    Ok(Likeness::of(&source, &copied))
}

/// Writes a certificate beside its migration: whole or not at all.
fn write_certificate(migration: &Migration, certificate: &Certificate) -> std::io::Result<()> {
    let path = migration.certificate_path();
    let draft = path.with_extension(format!("json.{}", std::process::id()));
    std::fs::write(&draft, certificate.to_text())?;
    std::fs::rename(&draft, &path)
}

/// Reads the certificate beside a migration, if there is one.
pub(crate) fn read_certificate(
    migration: &Migration,
) -> Option<Result<Certificate, tightrope_store::CertificateError>> {
    let text = std::fs::read_to_string(migration.certificate_path()).ok()?;
    Some(Certificate::parse(&text))
}
