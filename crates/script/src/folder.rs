//! A folder of migrations, in whichever format it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tightrope_model::{EngineKind, Finding};

use crate::Migration;
use crate::formats::{self, Format};

/// One file of a folder: its path relative to the folder, and its content or why it could not be read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path, relative to the folder.
    pub path: PathBuf,
    /// The bytes, or the reason.
    pub content: Result<Vec<u8>, String>,
}

/// What has to be known to read a folder.
#[derive(Clone, Debug)]
pub struct ReadSettings {
    /// The dialect of the scripts.
    pub dialect: EngineKind,
    /// The format, if it is given; else it is found out from the files.
    pub format: Option<Format>,
    /// The values of Flyway's placeholders.
    pub placeholders: BTreeMap<String, String>,
}

impl ReadSettings {
    /// Settings that leave everything to be found out.
    pub fn new(dialect: EngineKind) -> Self {
        Self {
            dialect,
            format: None,
            placeholders: BTreeMap::new(),
        }
    }
}

/// The migrations of a folder.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder, as the user named it.
    pub path: PathBuf,
    /// The format that it is written in.
    pub format: Format,
    /// The migrations by version; repeatable ones last, by name.
    pub migrations: Vec<Migration>,
}

/// Reads a folder of migrations from its files, which are all files below it.
///
/// The folder is none if its format cannot be told. Nothing may be run while an error finding stands.
pub fn read_folder(
    folder: &Path,
    files: &[SourceFile],
    settings: &ReadSettings,
) -> (Option<Folder>, Vec<Finding>) {
    formats::read(folder, files, settings)
}
