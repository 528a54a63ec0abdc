use std::fs;
use std::time::Instant;

use tightrope_engine::{CopyReport, DatabaseUrl, EngineError, ErrorKind, Scratch};

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
