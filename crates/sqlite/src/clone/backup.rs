use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tightrope_engine::{EngineError, ErrorKind};

use crate::connect;
use crate::error::from_sqlite;
use crate::process;
use crate::url::FileUrl;
use crate::waiting::LockTimeout;

/// Pages copied in one go while a writer without a write-ahead log may want to get in between.
const PAGES: i32 = 4_096;

/// How often such a writer may make the copy start over before it is made in one go, with the writer waiting.
const RESTARTS: u32 = 3;

/// How long the copy waits for a writer who holds the file.
const PATIENCE: Duration = Duration::from_secs(30);

/// The method in words.
pub(super) const METHOD: &str = "backup API";

/// How a copy was made.
pub(super) struct Copied {
    /// The method in words.
    pub(super) method: &'static str,
    /// What a person should know about it.
    pub(super) remarks: Vec<String>,
}

/// An empty database at the target.
pub(super) fn empty(source: &FileUrl, target: &Path) -> Result<Copied, EngineError> {
    let target = FileUrl {
        path: target.to_owned(),
        foreign_keys: source.foreign_keys,
    };
    drop(connect::open(&target, false, false, &LockTimeout::new())?);
    Ok(Copied {
        method: "empty database",
        remarks: Vec::new(),
    })
}

/// A copy of the source at the target, as of one instant, whoever writes meanwhile.
pub(super) fn copy(source: &FileUrl, target: &Path) -> Result<Copied, EngineError> {
    let from = connect::open(source, true, true, &LockTimeout::new())?;
    let mut to = Connection::open(target).map_err(from_sqlite)?;
    // The copy is thrown away after a crash, so nothing of it has to reach the disk.
    to.execute_batch("pragma synchronous = off; pragma journal_mode = off")
        .map_err(from_sqlite)?;
    let write_ahead = has_write_ahead(&from);
    let restarts = {
        let backup = Backup::new(&from, &mut to).map_err(from_sqlite)?;
        all_pages(&backup, write_ahead, source)?
    };
    to.close().map_err(|(_, error)| from_sqlite(error))?;
    let mut remarks = Vec::new();
    if restarts > RESTARTS {
        remarks.push(format!(
            "writers changed the source {restarts} times meanwhile, so they had to wait for the last try"
        ));
    }
    Ok(Copied {
        method: METHOD,
        remarks,
    })
}

fn has_write_ahead(connection: &Connection) -> bool {
    let mode = connection.query_row("pragma main.journal_mode", [], |row| {
        row.get::<_, String>(0)
    });
    mode.is_ok_and(|mode| mode == "wal")
}

/// What those who use a file notice while it is copied.
pub(super) fn noticed(source: &FileUrl) -> Result<Vec<String>, EngineError> {
    let from = connect::open(source, true, true, &LockTimeout::new())?;
    Ok(vec![match has_write_ahead(&from) {
        true => {
            "reads and writes go on; the write-ahead log is not begun anew before the copy is done"
                .to_owned()
        }
        false => format!(
            "writers get in between every {PAGES} pages; if they change the file more than {RESTARTS} times meanwhile, they wait while it is copied in one go"
        ),
    }])
}

/// Copies page by page; with a write-ahead log in one go, since a reader is in no writer's way then. Gives the restarts.
fn all_pages(
    backup: &Backup<'_, '_>,
    write_ahead: bool,
    source: &FileUrl,
) -> Result<u32, EngineError> {
    let mut restarts = 0;
    let mut remaining = i32::MAX;
    let mut waited_since: Option<Instant> = None;
    loop {
        let pages = if write_ahead || restarts > RESTARTS {
            -1
        } else {
            PAGES
        };
        match backup.step(pages).map_err(from_sqlite)? {
            StepResult::Done => return Ok(restarts),
            StepResult::Busy | StepResult::Locked => {
                let since = *waited_since.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    return Err(in_the_way(source));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            // The library knows more results than it gives here; each means that there is more to copy.
            _ => {
                waited_since = None;
                let now = backup.progress().remaining;
                if now >= remaining {
                    restarts += 1;
                }
                remaining = now;
            }
        }
    }
}

fn in_the_way(source: &FileUrl) -> EngineError {
    let mut error = EngineError::new(
        ErrorKind::LockNotGranted,
        format!(
            "{} was held by a writer for {} s, so that no copy could be made",
            source.path.display(),
            PATIENCE.as_secs()
        ),
    )
    .hint("let the writer finish, then run again");
    error.blockers = process::holders(&source.path);
    error
}
