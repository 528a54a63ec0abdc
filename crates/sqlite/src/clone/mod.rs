//! Copies of a database file to rehearse on.

mod backup;
mod reflink;
mod scratch;
mod selective;
mod tag;

use std::path::PathBuf;
use std::time::Instant;

use tightrope_engine::{
    BackupWatch, Cloner, CopyOutlook, CopyPlace, CopyReport, DatabaseUrl, EngineError, ErrorKind,
    Scratch,
};

use tightrope_selection::Selection;

use crate::process::{beside, free_bytes};
use crate::url::FileUrl;
use scratch::FileScratch;

pub(crate) use tag::{Tag, sweep};

/// What a disk writes at the least while a file is copied.
const BYTES_PER_SECOND: u64 = 200 << 20;

/// Copies database files by the library's backup interface.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileCloner;

impl Cloner for FileCloner {
    fn copy(
        &self,
        source: &DatabaseUrl,
        place: &CopyPlace,
    ) -> Result<Box<dyn Scratch>, EngineError> {
        let source = FileUrl::parse(source)?;
        let began = Instant::now();
        let tag = Tag::make(&folder(&source, place)?)?;
        let copied = if place.empty {
            backup::empty(&source, tag.database())?
        } else {
            match reflink::copy(&source, tag.database())? {
                Some(copied) => copied,
                None => backup::copy(&source, tag.database())?,
            }
        };
        let report = CopyReport {
            method: copied.method.to_owned(),
            bytes: std::fs::metadata(tag.database())
                .ok()
                .map(|file| file.len()),
            milliseconds: milliseconds(began),
            remarks: copied.remarks,
            likeness: None,
            selection: None,
        };
        Ok(Box::new(FileScratch::new(&source, tag, report)))
    }

    fn outlook(&self, source: &DatabaseUrl, place: &CopyPlace) -> Result<CopyOutlook, EngineError> {
        let file = FileUrl::parse(source)?;
        let folder = folder(&file, place)?;
        let there = folder.ancestors().find(|folder| folder.is_dir());
        let is_shared = there.is_some_and(|there| reflink::is_open(&file, there));
        Ok(CopyOutlook {
            method: if is_shared {
                reflink::METHOD
            } else {
                backup::METHOD
            },
            because: None,
            at: folder.display().to_string(),
            bytes: self.size(source)?,
            free_bytes: there.and_then(free_bytes),
            bytes_per_second: if is_shared {
                u64::MAX
            } else {
                BYTES_PER_SECOND
            },
            on_source: match is_shared {
                true => vec![
                    "it is read for an instant, and shares its blocks with the copy".to_owned(),
                ],
                false => backup::noticed(&file)?,
            },
        })
    }

    fn copy_selected(
        &self,
        source: &DatabaseUrl,
        place: &CopyPlace,
        selection: &Selection,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Scratch>, EngineError> {
        let source = FileUrl::parse(source)?;
        let began = Instant::now();
        let tag = Tag::make(&folder(&source, place)?)?;
        let selected = selective::copy(&source, tag.database(), selection, watch)?;
        let report = CopyReport {
            method: "selective copy".to_owned(),
            bytes: std::fs::metadata(tag.database())
                .ok()
                .map(|file| file.len()),
            milliseconds: milliseconds(began),
            remarks: selected.remarks,
            likeness: None,
            selection: Some(selected.report),
        };
        Ok(Box::new(FileScratch::new(&source, tag, report)))
    }

    fn place_of_new(&self, url: &DatabaseUrl) -> Result<CopyPlace, EngineError> {
        let file = FileUrl::parse(url)?;
        scratch::require_free(&file.path)?;
        Ok(CopyPlace {
            url: Some(file.url_of(file.folder())),
            empty: false,
        })
    }

    fn size(&self, source: &DatabaseUrl) -> Result<u64, EngineError> {
        let path = FileUrl::parse(source)?.path;
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        let file = std::fs::metadata(&path).map_err(|error| {
            EngineError::new(
                ErrorKind::DatabaseMissing,
                format!("the database file {} cannot be read", path.display()),
            )
            .detail(error.to_string())
            .hint("correct the path in the URL")
        })?;
        let log = std::fs::metadata(beside(&path, "-wal")).map_or(0, |log| log.len());
        Ok(file.len() + log)
    }

    fn sweep(&self, source: &DatabaseUrl, place: &CopyPlace) -> Result<Vec<String>, EngineError> {
        tag::sweep(&folder(&FileUrl::parse(source)?, place)?)
    }
}

/// The folder that copies are made in: the one that the place names, else the one that the source lies in.
fn folder(source: &FileUrl, place: &CopyPlace) -> Result<PathBuf, EngineError> {
    let Some(url) = &place.url else {
        return Ok(source.folder().to_owned());
    };
    let place = FileUrl::parse(url)?;
    if place.path.is_file() {
        return Ok(place.folder().to_owned());
    }
    Ok(place.path)
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
