//! Sealing: the window of applied migrations ends, and what the net keeps of them is freed.
//!
//! It is the only command that frees the net. The oldest migrations go first: a newer net hands its touch log down to the
//! older ones when it is rolled back, so an older net must not be kept where a newer one is gone.

use serde::Serialize;
use tightrope_engine::{EngineError, Session, UnknownScheme};
use tightrope_model::Version;
use tightrope_store::{AppliedMigration, KeptImage, Store, StoreError};

use crate::plan::label_of;
use crate::project::{Access, Project};
use crate::rollback::drop_kept_files;
use crate::run::{Run, RunError, Watchers};
use crate::situation::{Situation, SituationError};

/// What to seal.
#[derive(Clone, Debug, Default)]
pub struct SealOptions {
    /// Up to and with this version; none means all that is applied.
    pub to: Option<Version>,
}

/// The error of sealing; nothing was freed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The target.
    #[error(transparent)]
    Situation(#[from] SituationError),
    /// The engine.
    #[error("cannot free the net")]
    Engine(#[from] EngineError),
    /// tightrope's own tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Getting the run going.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The version is not applied.
    #[error("the version {0} is not applied")]
    UnknownVersion(Version),
    /// A run is open.
    #[error("a run was interrupted and must be finished or undone first")]
    OpenRun,
    /// The database changed between the look and the run.
    #[error("the database changed while sealing was being prepared")]
    MovedOn,
}

/// What the net keeps of one migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sealable {
    /// The version as written.
    pub version: String,
    /// Version and name.
    pub label: String,
    /// When it was applied.
    pub applied_at: String,
    /// What is freed, in words, with its size in bytes.
    pub frees: Vec<(String, u64)>,
}

impl Sealable {
    /// The bytes of all of it.
    pub fn bytes(&self) -> u64 {
        self.frees.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// What was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// The migrations, oldest first; what rollbacks had kept for the way forward again comes last.
    pub migrations: Vec<Sealable>,
}

/// Windows that may be ended: a dry run shows this value, the run carries it out.
pub struct PreparedSeal<'p> {
    project: &'p Project,
    session: Box<dyn Session>,
    applied: usize,
    migrations: Vec<(AppliedMigration, Sealable)>,
    /// What rollbacks have kept for the way forward again; it goes with everything else.
    images: Vec<(KeptImage, Sealable)>,
}

/// Looks at what would be sealed, and how much it frees.
///
/// # Errors
/// When the database cannot be read, or the version is not applied.
pub fn prepare_seal<'p>(
    project: &'p Project,
    options: &SealOptions,
) -> Result<PreparedSeal<'p>, SealError> {
    let engine = project.engine()?;
    let mut session = project.connect(engine.as_ref(), Access::Write)?;
    let situation = Situation::read(session.as_mut())?;
    if situation.open_run.is_some() {
        return Err(SealError::OpenRun);
    }
    let last = match &options.to {
        None => situation.applied.len(),
        Some(to) => {
            let found = situation
                .applied
                .iter()
                .position(|one| one.version_key == to.key());
            found.ok_or_else(|| SealError::UnknownVersion(to.clone()))? + 1
        }
    };
    let mut migrations = Vec::new();
    for migration in situation.applied[..last].iter().filter(|one| one.is_open()) {
        let frees = match (&migration.net, session.net()) {
            (Some(kept), Some(net)) => net.size(kept)?,
            _ => Vec::new(),
        };
        let sealable = Sealable {
            version: migration.version.clone(),
            label: label_of(&migration.version, &migration.name),
            applied_at: migration.applied_at.clone(),
            frees,
        };
        migrations.push((migration.clone(), sealable));
    }
    let images = match (&options.to, situation.has_store) {
        (None, true) => Store::new(session.as_mut()).images()?,
        _ => Vec::new(),
    };
    let images = images.into_iter().map(|kept| {
        let bytes = match session.net() {
            Some(net) => net.forward_size(&kept.image.own)?,
            None => 0,
        };
        let sealable = Sealable {
            version: kept.version_key.clone(),
            label: format!("{}, rolled back", kept.migration),
            applied_at: kept.at.clone(),
            frees: vec![(
                format!(
                    "{} {} of {}, kept for applying it again",
                    kept.image.rows,
                    if kept.image.rows == 1 { "row" } else { "rows" },
                    kept.image.table
                ),
                bytes,
            )],
        };
        Ok((kept, sealable))
    });
    let images = images.collect::<Result<_, EngineError>>()?;
    Ok(PreparedSeal {
        project,
        session,
        applied: situation.applied.len(),
        migrations,
        images,
    })
}

impl PreparedSeal<'_> {
    /// What would be sealed.
    pub fn migrations(&self) -> impl Iterator<Item = &Sealable> {
        let migrations = self.migrations.iter().map(|(_, sealable)| sealable);
        migrations.chain(self.images.iter().map(|(_, sealable)| sealable))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty() && self.images.is_empty()
    }

    /// Seals, all in one transaction.
    ///
    /// # Errors
    /// See [`SealError`]; whatever it is, nothing was freed.
    pub fn run(self, watchers: Watchers<'_>) -> Result<Sealed, SealError> {
        let Self {
            project,
            session,
            applied,
            migrations,
            images,
        } = self;
        let engine = project.engine()?;
        let mut run = Run::take(project, &engine, session, watchers)?;
        if run.left_open()?.is_some() || run.store().applied()?.len() != applied {
            run.leave()?;
            return Err(SealError::MovedOn);
        }
        let mut attempt = 1;
        loop {
            run.watchers.edges.reached("before the transaction");
            match run.in_transaction(|run| seal_all(run, &migrations, &images)) {
                Ok(()) => break,
                Err(RunError::Engine(error))
                    if error.kind.may_pass() && attempt < run.lock_tries =>
                {
                    run.pause_before_retry(attempt, &error);
                    attempt += 1;
                }
                Err(error) => {
                    // The lease is given back if the connection still stands; the error is what matters.
                    let _ = run.leave();
                    return Err(error.into());
                }
            }
        }
        run.watchers.edges.reached("committed");
        run.leave()?;
        drop_kept_files(migrations.iter().map(|(migration, _)| migration));
        Ok(Sealed {
            migrations: migrations
                .into_iter()
                .map(|(_, sealable)| sealable)
                .chain(images.into_iter().map(|(_, sealable)| sealable))
                .collect(),
        })
    }
}

fn seal_all(
    run: &mut Run<'_>,
    migrations: &[(AppliedMigration, Sealable)],
    images: &[(KeptImage, Sealable)],
) -> Result<(), RunError> {
    let now = run.now();
    for (migration, sealable) in migrations {
        if let (Some(kept), Some(net)) = (&migration.net, run.session.net()) {
            net.free(kept)?;
        }
        run.watchers.edges.reached("net freed");
        let sealed = AppliedMigration {
            net: None,
            sealed_at: Some(now.clone()),
            kept_file: None,
            ..migration.clone()
        };
        run.store().replace_applied(&sealed)?;
        let detail = serde_json::json!({
            "name": migration.name,
            "freed_bytes": sealable.bytes(),
            "freed": sealable.frees,
        });
        run.record("sealed", Some(&migration.version), detail)?;
    }
    for (kept, sealable) in images {
        if let Some(net) = run.session.net() {
            net.drop_forward(&kept.image.own)?;
        }
        run.store().drop_image(kept.number)?;
        let detail = serde_json::json!({
            "migration": kept.migration,
            "table": kept.image.table.to_string(),
            "rows": kept.image.rows,
            "freed_bytes": sealable.bytes(),
        });
        run.record("forward-image-freed", None, detail)?;
    }
    Ok(())
}
