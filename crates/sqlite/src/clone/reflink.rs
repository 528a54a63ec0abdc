//! Copies that share their blocks with the source until one of them is written: where the file system can do that, a file of any size
//! is copied at once.
//!
//! A transaction that reads keeps the source as it is meanwhile. Without a write-ahead log nobody writes into the file then. With one, the
//! log is not begun anew while its frames are read, and pages that a checkpoint writes back are in its frames, too: so the
//! file first and the log after it are together the database as of the log's last commit. (If nothing of the log is read, it may be begun anew, and
//! then nobody writes into the file.)
//!
//! The files are copied by a process of its own: closing one in this process would give up the locks that the library has on it.

use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use tightrope_engine::EngineError;

use super::backup::Copied;
use crate::connect;
use crate::error::from_sqlite;
use crate::process::{beside, shares_blocks};
use crate::url::FileUrl;
use crate::waiting::LockTimeout;

/// The method in words.
pub(super) const METHOD: &str = "reflink";

/// Whether a copy of the source in that folder can share its blocks, as far as can be told beforehand.
pub(super) fn is_open(source: &FileUrl, folder: &Path) -> bool {
    shares_blocks(source.folder(), folder)
}

/// A copy of the source at the target; none if it cannot be made this way, and nothing is there then.
pub(super) fn copy(source: &FileUrl, target: &Path) -> Result<Option<Copied>, EngineError> {
    let folder = target.parent().unwrap_or(target);
    if !is_open(source, folder) {
        return Ok(None);
    }
    let from = connect::open(source, true, true, &LockTimeout::new())?;
    let reads = from.execute_batch("begin; select count(*) from sqlite_schema");
    if reads.is_err() {
        return Ok(None);
    }
    let log = beside(target, "-wal");
    let copied = clone(&source.path, target) && {
        let from = beside(&source.path, "-wal");
        !from.exists() || clone(&from, &log)
    };
    drop(from);
    if !copied {
        for file in [target, &log] {
            // What is not there need not go; what cannot go is in the way of the next method, which says so.
            let _ = std::fs::remove_file(file);
        }
        return Ok(None);
    }
    let to = Connection::open(target).map_err(from_sqlite)?;
    to.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
        .map_err(from_sqlite)?;
    to.close().map_err(|(_, error)| from_sqlite(error))?;
    Ok(Some(Copied {
        method: METHOD,
        remarks: Vec::new(),
    }))
}

/// Whether a file was copied so.
fn clone(from: &Path, to: &Path) -> bool {
    let mut command = Command::new("cp");
    command
        .args(["--reflink=always", "--"])
        .args([from, to])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
