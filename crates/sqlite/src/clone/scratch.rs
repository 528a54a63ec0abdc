use std::fs;
use std::path::Path;
use std::time::Instant;

use tightrope_engine::{BackupWatch, CopyReport, DatabaseUrl, EngineError, ErrorKind, Scratch};

use super::milliseconds;
use super::tag::{PARTS, Tag};
use crate::process::beside;
use crate::url::FileUrl;

/// A scratch database file.
pub(super) struct FileScratch {
    source: FileUrl,
    tag: Tag,
    url: DatabaseUrl,
    name: String,
    report: CopyReport,
}

impl FileScratch {
    /// The scratch database of that tag; its sessions get the settings of the source's.
    pub(super) fn new(source: &FileUrl, tag: Tag, report: CopyReport) -> Self {
        let name = tag.database().file_name().unwrap_or_default();
        Self {
            source: source.clone(),
            url: source.url_of(tag.database()),
            name: name.to_string_lossy().into_owned(),
            tag,
            report,
        }
    }
}

/// Refuses a name at which there is something, a file of a database that is gone included: it would be taken for one of the new one.
pub(super) fn require_free(path: &Path) -> Result<(), EngineError> {
    let there = PARTS.into_iter().map(|part| beside(path, part));
    match there
        .into_iter()
        .find(|path| path.symlink_metadata().is_ok())
    {
        None => Ok(()),
        Some(there) => Err(taken(&there)),
    }
}

fn taken(path: &Path) -> EngineError {
    EngineError::new(
        ErrorKind::AlreadyExists,
        format!("{} is there already", path.display()),
    )
    .hint("name another file, or move that one away: nothing is ever copied over a file")
}

fn unkept(path: &Path, error: &std::io::Error) -> EngineError {
    let kind = match error.kind() {
        std::io::ErrorKind::AlreadyExists => return taken(path),
        std::io::ErrorKind::StorageFull => ErrorKind::OutOfSpace,
        _ => ErrorKind::Other,
    };
    EngineError::new(
        kind,
        format!("the copy cannot get the name {}", path.display()),
    )
    .detail(error.to_string())
}

impl Scratch for FileScratch {
    fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn report(&self) -> &CopyReport {
        &self.report
    }

    fn keep_as(
        self: Box<Self>,
        url: &DatabaseUrl,
        watch: &dyn BackupWatch,
    ) -> Result<(), EngineError> {
        let to = FileUrl::parse(url)?;
        require_free(&to.path)?;
        let unkept = |error: std::io::Error| unkept(&to.path, &error);
        let whole = self.tag.database();
        fs::File::open(whole)
            .and_then(|file| file.sync_all())
            .map_err(unkept)?;
        watch.reached("before the name");
        // A second name for the same file: unlike a rename it never replaces anything. The first one goes with this value.
        fs::hard_link(whole, &to.path).map_err(unkept)?;
        fs::File::open(to.folder())
            .and_then(|folder| folder.sync_all())
            .map_err(unkept)?;
        watch.reached("name given");
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Scratch>, EngineError> {
        let began = Instant::now();
        let folder = self.tag.database().parent().unwrap_or(self.source.folder());
        let tag = Tag::make(folder)?;
        let mut bytes = 0;
        // The shared memory is made anew from the log. The database goes first: without it there is nothing to copy.
        for part in PARTS.into_iter().filter(|part| *part != "-shm") {
            let from = beside(self.tag.database(), part);
            if part.is_empty() || from.exists() {
                bytes += fs::copy(&from, beside(tag.database(), part)).map_err(|error| {
                    let kind = match error.kind() {
                        std::io::ErrorKind::StorageFull => ErrorKind::OutOfSpace,
                        _ => ErrorKind::Other,
                    };
                    EngineError::new(kind, format!("{} cannot be copied", from.display()))
                        .detail(error.to_string())
                })?;
            }
        }
        let report = CopyReport {
            method: "file copy".to_owned(),
            bytes: Some(bytes),
            milliseconds: milliseconds(began),
            remarks: Vec::new(),
            likeness: None,
            selection: None,
        };
        Ok(Box::new(FileScratch::new(&self.source, tag, report)))
    }
}
