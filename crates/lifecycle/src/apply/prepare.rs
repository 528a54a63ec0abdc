use std::sync::Arc;
use std::time::Instant;

use tightrope_engine::{CopyPlace, Engine, Session};
use tightrope_model::{Fingerprint, Version};
use tightrope_script::{Folder, Migration};
use tightrope_store::{Certificate, CertificateTarget};

use super::report::{Applied, ApplyError};
use crate::companion::Alarm;
use crate::plan::label_of;
use crate::project::{Access, Project};
use crate::recover;
use crate::rehearse::{
    RehearseOptions, Rehearsed, makes_roles, read_certificate, refuse_busy, rehearse_pending,
    sweep, up_to,
};
use crate::run::Watchers;
use crate::situation::{Situation, Standing};
use crate::watch::Held;

/// What to apply, and what was decided about it.
#[derive(Clone, Debug, Default)]
pub struct ApplyOptions {
    /// Only up to this version.
    pub to: Option<Version>,
    /// Apply without a certificate where there is none, for this reason; it goes on the record.
    pub unrehearsed: Option<String>,
    /// Go on although others changed the schema, for this reason; it goes on the record.
    pub accept_drift: Option<String>,
}

/// Why a migration may run: proven by a certificate that fits here and now, or decided by a person.
///
/// It cannot be made outside this module: applying takes it, and only [`prepare_apply`] gives it.
#[derive(Clone, Debug)]
pub struct Proof(pub(super) ProofKind);

#[derive(Clone, Debug)]
pub(super) enum ProofKind {
    Certificate(Box<Certificate>),
    Unrehearsed(String),
}

impl Proof {
    /// The certificate, if that is the proof.
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.0 {
            ProofKind::Certificate(certificate) => Some(certificate),
            ProofKind::Unrehearsed(_) => None,
        }
    }

    /// The reason that a person gave for going without.
    pub fn unrehearsed(&self) -> Option<&str> {
        match &self.0 {
            ProofKind::Certificate(_) => None,
            ProofKind::Unrehearsed(reason) => Some(reason),
        }
    }
}

/// Migrations that may run: the folder was read, the database looked at, every way back proven or decided.
pub struct Prepared<'p> {
    pub(crate) project: &'p Project,
    pub(super) engine: Arc<dyn Engine>,
    pub(crate) session: Box<dyn Session>,
    pub(super) folder: Folder,
    pub(crate) situation: Situation,
    /// Which migrations of the folder, with their proofs.
    pub(super) migrations: Vec<(usize, Proof)>,
    pub(super) accept_drift: Option<String>,
    pub(super) recovered: Option<String>,
    pub(super) read_at: Instant,
    /// What is measured around each forward script, where the migrations are watched.
    pub(crate) held: Option<Held>,
    /// What cancels a forward script, where the migrations are watched.
    pub(crate) alarm: Option<Alarm>,
    rehearsed: Option<Rehearsed>,
}

impl Prepared<'_> {
    /// The migrations that would run, with what allows each to.
    pub fn migrations(&self) -> impl Iterator<Item = (&Migration, &Proof)> {
        self.migrations
            .iter()
            .map(|(index, proof)| (&self.folder.migrations[*index], proof))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }

    /// Where the database stands.
    pub fn situation(&self) -> &Situation {
        &self.situation
    }

    /// The rehearsal that was made because certificates were missing.
    pub fn rehearsed(&self) -> Option<&Rehearsed> {
        self.rehearsed.as_ref()
    }

    /// What an interrupted run had left, and what was done about it.
    pub fn recovered(&self) -> Option<&str> {
        self.recovered.as_deref()
    }

    /// Applies the migrations.
    ///
    /// # Errors
    /// See [`ApplyError`]; whatever happens, each migration is either applied whole or not at all, or the journal knows
    /// where it stands.
    pub fn run(self, watchers: Watchers<'_>) -> Result<Applied, ApplyError> {
        super::run::run(self, watchers)
    }
}

/// Finds out what would be applied and whether it may be; finishes an interrupted run first, and rehearses by itself where
/// certificates are missing and a copy is at hand.
///
/// # Errors
/// When anything stands against applying.
pub fn prepare_apply<'p>(
    project: &'p Project,
    options: &ApplyOptions,
    watchers: Watchers<'_>,
) -> Result<Prepared<'p>, ApplyError> {
    let engine = project.engine()?;
    let (folder, _) = project.read_folder(engine.kind())?;
    let mut session = project.connect(engine.as_ref(), Access::Make)?;
    let mut situation = Situation::read(session.as_mut())?;
    let mut recovered = None;
    if situation.open_run.is_some() {
        (session, recovered) = recover::finish(project, &engine, session, &folder, watchers)?;
        situation = Situation::read(session.as_mut())?;
    }
    let indices = pending_indices(&folder, &situation, engine.as_ref(), options)?;
    let pending: Vec<&Migration> = indices
        .iter()
        .map(|&index| &folder.migrations[index])
        .collect();
    if let Some(first) = pending.first() {
        project.know_fill(first, &situation.catalog)?;
        crate::backup::require(project, &situation, watchers)?;
    }
    if pending
        .iter()
        .any(|migration| makes_roles(migration, engine.kind()))
    {
        // A rehearsal that was killed beside the target may have left them there.
        if let Some(cloner) = engine.cloner() {
            // What cannot be removed is no reason not to apply.
            let _ = sweep(
                &project.url,
                cloner,
                &CopyPlace::default(),
                watchers.listener,
            );
        }
        refuse_busy(&pending, engine.kind(), &session.roles()?)?;
    }
    let (mut proofs, reasons) = proofs(project, &situation, &pending, engine.as_ref());
    let mut rehearsed = None;
    if proofs.len() < pending.len() {
        if let Some(reason) = &options.unrehearsed {
            let decided = Proof(ProofKind::Unrehearsed(reason.clone()));
            proofs.resize(pending.len(), decided);
        } else {
            drop(session);
            let rehearsal = rehearse_for(project, &folder, &situation, options, watchers, reasons)?;
            proofs = rehearsal
                .certificates()
                .map(|certificate| Proof(ProofKind::Certificate(Box::new(certificate.clone()))))
                .collect();
            rehearsed = Some(rehearsal);
            session = project.connect(engine.as_ref(), Access::Make)?;
            let now = Situation::read(session.as_mut())?;
            if now.fingerprint != situation.fingerprint
                || now.applied.len() != situation.applied.len()
            {
                return Err(ApplyError::MovedOn);
            }
            situation = now;
        }
    }
    Ok(Prepared {
        project,
        engine,
        session,
        migrations: indices.into_iter().zip(proofs).collect(),
        folder,
        situation,
        accept_drift: options.accept_drift.clone(),
        recovered,
        read_at: Instant::now(),
        held: None,
        alarm: None,
        rehearsed,
    })
}

fn pending_indices(
    folder: &Folder,
    situation: &Situation,
    engine: &dyn Engine,
    options: &ApplyOptions,
) -> Result<Vec<usize>, ApplyError> {
    let standing = Standing::of(folder, &situation.applied, engine.kind());
    if !standing.changed.is_empty() {
        return Err(ApplyError::Changed {
            labels: standing
                .changed
                .iter()
                .map(|migration| migration.label())
                .collect(),
        });
    }
    let pending =
        up_to(standing.pending, options.to.as_ref(), folder).map_err(crate::RehearseError::from)?;
    if let Some(drift) = &situation.drift
        && options.accept_drift.is_none()
        && !pending.is_empty()
    {
        return Err(ApplyError::Drifted(Box::new(drift.clone())));
    }
    Ok(folder
        .migrations
        .iter()
        .enumerate()
        .filter(|(_, migration)| {
            pending
                .iter()
                .any(|pending| std::ptr::eq(*pending, *migration))
        })
        .map(|(index, _)| index)
        .collect())
}

/// The proofs of the first migrations, as far as they reach without a gap, and why they reach no further.
fn proofs(
    project: &Project,
    situation: &Situation,
    pending: &[&Migration],
    engine: &dyn Engine,
) -> (Vec<Proof>, Vec<(String, String)>) {
    let mut proofs = Vec::new();
    let mut before = situation.fingerprint;
    for migration in pending {
        match fresh_certificate(project, Some(situation), migration, engine, Some(before)) {
            Ok(certificate) => {
                before = certificate.after;
                proofs.push(Proof(ProofKind::Certificate(Box::new(certificate))));
            }
            Err(why) => return (proofs, vec![(migration.label(), why)]),
        }
    }
    (proofs, Vec::new())
}

/// The certificate of a migration if it counts for this database now, else why not.
pub(crate) fn fresh_certificate(
    project: &Project,
    situation: Option<&Situation>,
    migration: &Migration,
    engine: &dyn Engine,
    before: Option<Fingerprint>,
) -> Result<Certificate, String> {
    let certificate = match read_certificate(migration) {
        None => return Err("it has no certificate".to_owned()),
        Some(Err(error)) => return Err(error.to_string()),
        Some(Ok(certificate)) => certificate,
    };
    let target = CertificateTarget {
        forward: migration.forward.digest(),
        rollback: migration
            .rollback
            .as_ref()
            .map(tightrope_script::Script::digest),
        verify: migration
            .verify
            .as_ref()
            .map(tightrope_script::Script::digest),
        before,
        engine: engine.kind(),
        // A database that is not there yet has no version to differ in.
        server_major: situation.map_or_else(
            || certificate.server_major.clone(),
            |situation| situation.server.major.clone(),
        ),
        tool_version: project.tool_version.clone(),
        with_queries: project.workload.file.is_some(),
        least_likeness: project.policy.least_likeness,
        samples: project.policy.samples,
    };
    let stale = certificate.stale(&target);
    if project.policy.strict && certificate.verdict != tightrope_model::Verdict::Exact {
        return Err(format!(
            "its certificate says {}, and the policy is strict",
            certificate.verdict
        ));
    }
    match stale.as_slice() {
        [] => Ok(certificate),
        stale => {
            let reasons: Vec<String> = stale.iter().map(ToString::to_string).collect();
            Err(format!(
                "its certificate has expired: {}",
                reasons.join(", ")
            ))
        }
    }
}

/// Why a rehearsal that `apply` would make is not made.
const SAMPLES_DO_NOT_COUNT: &str =
    "copies of this target are samples, and [policy] samples does not let a rehearsal on one count";

fn rehearse_for(
    project: &Project,
    folder: &Folder,
    situation: &Situation,
    options: &ApplyOptions,
    watchers: Watchers<'_>,
    reasons: Vec<(String, String)>,
) -> Result<Rehearsed, ApplyError> {
    let engine = project.engine()?;
    let Some(cloner) = engine.cloner() else {
        return Err(ApplyError::NotProven {
            reasons,
            rehearsed: None,
        });
    };
    if project.selecting.sample.is_some() && !project.policy.samples {
        let mut reasons = reasons;
        reasons.push(("copy".to_owned(), SAMPLES_DO_NOT_COUNT.to_owned()));
        return Err(ApplyError::NotProven {
            reasons,
            rehearsed: None,
        });
    }
    let size = cloner.size(&project.url)?;
    if project.copies_are_beside_target() && size > project.policy.copy_limit_bytes {
        return Err(ApplyError::NotProven {
            reasons,
            rehearsed: None,
        });
    }
    let only = RehearseOptions {
        to: options.to.clone(),
        derived: false,
    };
    let rehearsed = rehearse_pending(project, folder, Some(situation), &only, watchers.listener)?;
    if rehearsed.passed() && rehearsed.unlike.is_empty() {
        return Ok(rehearsed);
    }
    let mut why: Vec<(String, String)> = rehearsed
        .migrations
        .iter()
        .filter(|one| one.certificate.is_none())
        .map(|one| {
            let label = label_of(&one.version, &one.name);
            (label, format!("rehearsed, {}", one.verdict))
        })
        .collect();
    if !rehearsed.unlike.is_empty() {
        why.push((
            "copy".to_owned(),
            "its schema differs from the target's".to_owned(),
        ));
    }
    Err(ApplyError::NotProven {
        reasons: why,
        rehearsed: Some(Box::new(rehearsed)),
    })
}

impl From<crate::recover::RecoverError> for ApplyError {
    fn from(error: crate::recover::RecoverError) -> Self {
        use crate::recover::RecoverError;
        match error {
            RecoverError::Run(error) => Self::Run(error),
            RecoverError::RollbackOpen => Self::RollbackOpen,
            RecoverError::Changed { migration } => Self::ResumeChanged { migration },
            RecoverError::Script {
                migration,
                failure,
                left,
            } => Self::Script {
                migration,
                failure,
                tries: 1,
                tried_ms: 0,
                left,
            },
        }
    }
}
