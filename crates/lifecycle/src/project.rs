use std::path::{Path, PathBuf};
use std::sync::Arc;

use std::collections::BTreeMap;
use tightrope_engine::{
    ConnectOptions, DatabaseUrl, Engine, EngineError, Registry, Session, UnknownScheme,
};
use tightrope_model::{Catalog, EngineKind, Finding, Severity};
use tightrope_script::{Folder, Format, Migration, ReadSettings, SourceFile, read_folder};
use tightrope_store::Holder;

use crate::backup::BackupSettings;
use crate::net;
use crate::rehearse::CopiesOf;
use crate::selecting::Selecting;
use crate::workload::WorkloadSettings;

/// What every command works on: a folder of migrations, a database, and the policies between them.
#[derive(Clone)]
pub struct Project {
    /// The engines that are known.
    pub registry: Registry,
    /// The folder of migrations.
    pub folder: PathBuf,
    /// The folder's format, where it should not be guessed.
    pub format: Option<Format>,
    /// Values for placeholders in scripts.
    pub placeholders: BTreeMap<String, String>,
    /// The target database.
    pub url: DatabaseUrl,
    /// Where copies are made for rehearsal; none means beside the target.
    pub rehearse_url: Option<DatabaseUrl>,
    /// What copies for rehearsal are made of.
    pub copies_of: CopiesOf,
    /// Which rows copies for rehearsal hold, and what of them is masked.
    pub selecting: Selecting,
    /// What is allowed and how patient we are.
    pub policy: Policy,
    /// The queries of the application that are tried in rehearsals.
    pub workload: WorkloadSettings,
    /// Where backups are kept, and what is asked of them.
    pub backup: BackupSettings,
    /// This tool's version.
    pub tool_version: String,
    /// Who we are.
    pub holder: Holder,
    /// Gives an environment variable's value: criteria name those that hold their secrets.
    pub variables: fn(&str) -> Option<String>,
}

/// What is allowed and how patient we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long one statement waits for a lock before everything is undone and tried again, in milliseconds.
    pub lock_timeout_ms: u64,
    /// How often a migration is tried when locks are not granted.
    pub lock_tries: u32,
    /// How long others may wait for what a forward script has locked, in milliseconds, until it is cancelled and undone; none means as
    /// long as it takes.
    pub stall_budget_ms: Option<u64>,
    /// How long a forward script may take, in milliseconds, until it is cancelled and undone; none means as long as it takes.
    pub script_budget_ms: Option<u64>,
    /// How long one statement of a forward script may take, in milliseconds, until the script is cancelled and undone; none means as long
    /// as it takes.
    pub statement_budget_ms: Option<u64>,
    /// How long another holder of the lease is waited for, in seconds.
    pub lease_wait_s: u64,
    /// Up to what size a database is copied beside itself without being asked, in bytes, when `apply` finds no certificate.
    pub copy_limit_bytes: u64,
    /// Only the verdict `exact` passes.
    pub strict: bool,
    /// How like the target a copy has to be, in percent, so that a rehearsal on it counts; none asks for nothing.
    pub least_likeness: Option<u8>,
    /// Whether a rehearsal on a sample counts: what breaks a rule only in rows that were not picked is not seen there.
    pub samples: bool,
    /// What becomes of dropped columns.
    pub dropped_columns: DroppedColumns,
    /// How much the nets of all migrations may occupy, in bytes; none means as much as there is room for.
    pub net_max_bytes: Option<u64>,
    /// Whether the net is spread although a publication of all tables would publish it.
    pub net_published: bool,
}

/// How the values of dropped columns are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DroppedColumns {
    /// Archived, unless giving them back would take longer than the migration's rollback budget: hidden then, where that can be
    /// done.
    #[default]
    Auto,
    /// Copied, key and value, while the column really goes.
    Archive,
    /// Renamed out of sight where that can be done: costs nothing both ways, and `select *` still shows the column.
    Hide,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lock_timeout_ms: 500,
            lock_tries: 12,
            stall_budget_ms: None,
            script_budget_ms: None,
            statement_budget_ms: None,
            lease_wait_s: 5,
            copy_limit_bytes: 1 << 30,
            strict: false,
            least_likeness: None,
            samples: false,
            dropped_columns: DroppedColumns::Auto,
            net_max_bytes: None,
            net_published: false,
        }
    }
}

/// What a session on the target is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Looking: nothing can be changed through it.
    Read,
    /// Changing a database that is there.
    Write,
    /// Changing a database; a file that is not there is made.
    Make,
}

/// The error of reading a folder of migrations.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder itself cannot be read.
    #[error("cannot read the folder {}", path.display())]
    Unreadable {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What stands in it does not add up; nothing is run.
    #[error("the folder {} has {} that must be mended first", path.display(), count(findings))]
    Findings {
        /// Which folder.
        path: PathBuf,
        /// All findings, errors among them.
        findings: Vec<Finding>,
    },
}

fn count(findings: &[Finding]) -> String {
    match findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count()
    {
        1 => "1 error".to_owned(),
        errors => format!("{errors} errors"),
    }
}

impl Project {
    /// The engine of the target.
    ///
    /// # Errors
    /// When no engine answers to the URL's scheme.
    pub fn engine(&self) -> Result<Arc<dyn Engine>, UnknownScheme> {
        self.registry.engine(&self.url)
    }

    /// The dialect of the scripts: that of the target's engine.
    ///
    /// # Errors
    /// When no engine answers to the URL's scheme.
    pub fn dialect(&self) -> Result<EngineKind, UnknownScheme> {
        Ok(self.engine()?.kind())
    }

    /// Whether copies for rehearsal are made on the target's own server, or in its folder: they take room and time there.
    pub(crate) fn copies_are_beside_target(&self) -> bool {
        self.rehearse_url.is_none()
            && !matches!(self.copies_of, CopiesOf::Command(_) | CopiesOf::Physical(_))
    }

    /// Opens a session on the target.
    ///
    /// # Errors
    /// As the engine says.
    pub fn connect(
        &self,
        engine: &dyn Engine,
        access: Access,
    ) -> Result<Box<dyn Session>, EngineError> {
        let options = ConnectOptions {
            application_name: Some(format!("tightrope {}", self.holder.command)),
            read_only: access == Access::Read,
            must_exist: access != Access::Make,
        };
        engine.connect(&self.url, &options)
    }

    /// Reads the folder for a dialect; errors in it stop everything, other findings come along.
    ///
    /// # Errors
    /// When the folder cannot be read or holds errors.
    pub fn read_folder(&self, dialect: EngineKind) -> Result<(Folder, Vec<Finding>), FolderError> {
        let (folder, findings) = self.look_at_folder(dialect)?;
        match folder {
            Some(folder)
                if findings
                    .iter()
                    .all(|finding| finding.severity < Severity::Error) =>
            {
                Ok((folder, findings))
            }
            _ => Err(FolderError::Findings {
                path: self.folder.clone(),
                findings,
            }),
        }
    }

    /// Refuses names under `[fill]` that the schema before a migration does not have.
    pub(crate) fn know_fill(
        &self,
        migration: &Migration,
        before: &Catalog,
    ) -> Result<(), FolderError> {
        match net::unknown_fill(migration, before) {
            findings if findings.is_empty() => Ok(()),
            findings => Err(FolderError::Findings {
                path: self.folder.clone(),
                findings,
            }),
        }
    }

    /// Reads the folder as far as it goes, for those who want to see what is wrong with it.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn look_at_folder(
        &self,
        dialect: EngineKind,
    ) -> Result<(Option<Folder>, Vec<Finding>), FolderError> {
        let files = read_files(&self.folder).map_err(|source| FolderError::Unreadable {
            path: self.folder.clone(),
            source,
        })?;
        let settings = ReadSettings {
            dialect,
            format: self.format,
            placeholders: self.placeholders.clone(),
        };
        Ok(read_folder(&self.folder, &files, &settings))
    }
}

/// How deep a folder is searched: Flyway nests by year or module; nobody nests deeper than this.
const DEEPEST: usize = 8;

fn read_files(folder: &Path) -> std::io::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    collect(folder, Path::new(""), DEEPEST, &mut files)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn collect(
    folder: &Path,
    below: &Path,
    depth: usize,
    files: &mut Vec<SourceFile>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = std::fs::metadata(entry.path()).map(|metadata| metadata.is_dir());
        match kind {
            Ok(true) if depth > 0 => collect(folder, &path, depth - 1, files)?,
            Ok(true) => {}
            Ok(false) => {
                let content = std::fs::read(entry.path()).map_err(|error| error.to_string());
                files.push(SourceFile { path, content });
            }
            Err(error) => files.push(SourceFile {
                path,
                content: Err(error.to_string()),
            }),
        }
    }
    Ok(())
}
