use std::path::{Path, PathBuf};

use tightrope_engine::EngineError;
use tightrope_model::{Digest, EngineKind, Place};
use tightrope_workload::{Workload, WorkloadError};

use super::settings::WorkloadSettings;
use crate::project::Project;

/// The error of reading, capturing or writing a workload.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadFailure {
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] tightrope_engine::UnknownScheme),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is captured from cannot be read.
    #[error("cannot read {what} {}", path.display())]
    NoSource {
        /// What it should be.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What to name instead.
        hint: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no workload, or none for this database.
    #[error("{} is no workload for this rehearsal", place.file.display())]
    Unfit {
        /// Where in it.
        place: Place,
        /// Why.
        source: WorkloadError,
    },
    /// The source does not give anything.
    #[error("{what} holds no query of an application")]
    Nothing {
        /// What was read, and how.
        what: String,
        /// What may be the reason.
        hint: String,
    },
    /// The target.
    #[error("cannot read what the server remembers of its statements")]
    Engine(#[from] EngineError),
}

/// A workload that is ready to be tried.
pub(crate) struct Witness {
    pub(crate) workload: Workload,
    pub(crate) settings: WorkloadSettings,
    pub(crate) file: PathBuf,
    pub(crate) digest: Digest,
}

impl Witness {
    /// Reads the workload that the project names, if it names one.
    pub(crate) fn of(
        project: &Project,
        engine: EngineKind,
    ) -> Result<Option<Self>, WorkloadFailure> {
        let Some(file) = &project.workload.file else {
            return Ok(None);
        };
        let (workload, digest) = load_workload(file, engine)?;
        Ok(Some(Self {
            workload,
            settings: project.workload.clone(),
            file: file.clone(),
            digest,
        }))
    }
}

/// Reads a file of captured queries for a database of that engine; gives the file's digest along.
///
/// # Errors
/// When it cannot be read, is damaged, or is for another engine.
pub fn load_workload(
    path: &Path,
    engine: EngineKind,
) -> Result<(Workload, Digest), WorkloadFailure> {
    let text = std::fs::read_to_string(path).map_err(|source| WorkloadFailure::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let workload = Workload::parse(&text)
        .and_then(|workload| workload.for_engine(engine))
        .map_err(|source| {
            let offset = match &source {
                WorkloadError::Damaged { offset, .. } => *offset,
                WorkloadError::Changed { number, .. }
                | WorkloadError::NotAQuery { number, .. }
                | WorkloadError::Sample { number } => nth_query(&text, *number),
                WorkloadError::Cut => text.len(),
                WorkloadError::Layout { .. } | WorkloadError::Engine { .. } => 0,
            };
            WorkloadFailure::Unfit {
                place: Place::at(path, &text, offset),
                source,
            }
        })?;
    Ok((workload, Digest::of(&text)))
}

/// Where the table of a query begins.
fn nth_query(text: &str, number: usize) -> usize {
    let tables = text.match_indices("\n[[query]]").map(|(at, _)| at + 1);
    tables.take(number).last().unwrap_or(0)
}
