//! Copies of what a selection says: the schema by its own statements, the rows one by one through masks.
//!
//! Everything is read in one transaction. First come the tables, then the rows, and then what needs them: indexes, views, triggers. So no
//! trigger fires, and a value that is masked is never written, not even to a page that is free again.

mod rows;
mod survey;
mod values;

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use tightrope_engine::{BackupWatch, EngineError, ErrorKind};
use tightrope_selection::{Masking, Selection, SelectionReport, Unmaskable, hint_at};

use crate::connect;
use crate::error::from_sqlite;
use crate::url::FileUrl;
use crate::waiting::LockTimeout;
use rows::Rows;
use survey::FileSurvey;

/// What was copied.
pub(super) struct Selected {
    pub(super) report: SelectionReport,
    pub(super) remarks: Vec<String>,
}

/// Copies what is selected into a file that is not there.
pub(super) fn copy(
    source: &FileUrl,
    target: &Path,
    selection: &Selection,
    watch: &dyn BackupWatch,
) -> Result<Selected, EngineError> {
    let mut from = connect::open(source, true, true, &LockTimeout::new())?;
    rows::register(&from).map_err(from_sqlite)?;
    let reading = from
        .transaction_with_behavior(TransactionBehavior::Deferred)
        .map_err(from_sqlite)?;
    let survey = FileSurvey::read(&reading)?;
    let masking = Masking::of(&survey.shape, &selection.masks).map_err(unmaskable)?;
    let wanted = rows::wanted(&reading, &survey, selection)?;
    let mut to = Connection::open(target).map_err(from_sqlite)?;
    begin(&reading, &to).map_err(from_sqlite)?;
    let writing = to.transaction().map_err(from_sqlite)?;
    make(&writing, &survey.tables_first)?;
    watch.reached("scratch database made");
    let rows = Rows {
        from: &reading,
        to: &writing,
        survey: &survey,
        masking: &masking,
        wanted: &wanted,
        watch,
    };
    let tables = rows.copy(selection.sample.is_some())?;
    let remarks = rows.virtual_tables()?;
    make(&writing, &survey.then_the_rest)?;
    rows::positions(&reading, &writing)?;
    writing.commit().map_err(from_sqlite)?;
    end(&reading, &to).map_err(from_sqlite)?;
    to.close().map_err(|(_, error)| from_sqlite(error))?;
    watch.reached("scratch database filled");
    let sample = selection.sample.as_ref();
    Ok(Selected {
        report: SelectionReport {
            sample: sample.map(|sample| sample.share.to_string()),
            seed: sample.map(|sample| sample.seed),
            tables,
            masked: masking.names().to_vec(),
        },
        remarks,
    })
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("pragma {pragma}"), [], |row| row.get(0))
}

fn text(connection: &Connection, pragma: &str) -> rusqlite::Result<String> {
    connection.query_row(&format!("pragma {pragma}"), [], |row| row.get(0))
}

/// What has to be said before there is a first page. A copy that is not whole is thrown away, so nothing has to reach the disk.
fn begin(from: &Connection, to: &Connection) -> rusqlite::Result<()> {
    let encoding = text(from, "encoding")?;
    to.execute_batch(&format!(
        "pragma page_size = {}; pragma encoding = '{encoding}'; pragma auto_vacuum = {}; \
         pragma journal_mode = off; pragma synchronous = off; pragma foreign_keys = off; pragma temp_store = memory",
        number(from, "page_size")?,
        number(from, "auto_vacuum")?,
    ))
}

/// What stands in the head of the file, and the statistics where the source has some.
fn end(from: &Connection, to: &Connection) -> rusqlite::Result<()> {
    let analyzed = "select count(*) from sqlite_schema where name = 'sqlite_stat1'";
    if from.query_row(analyzed, [], |row| row.get::<_, i64>(0))? > 0 {
        to.execute_batch("analyze")?;
    }
    to.execute_batch(&format!(
        "pragma user_version = {}; pragma application_id = {}",
        number(from, "user_version")?,
        number(from, "application_id")?
    ))?;
    if text(from, "journal_mode")? == "wal" {
        to.execute_batch("pragma journal_mode = wal")?;
    }
    Ok(())
}

/// Runs the statements of the schema.
fn make(to: &Connection, statements: &[String]) -> Result<(), EngineError> {
    for statement in statements {
        to.execute_batch(statement).map_err(from_sqlite)?;
    }
    Ok(())
}

fn unknown(what: String, near: Option<&str>) -> EngineError {
    EngineError::new(ErrorKind::DoesNotExist, what).hint(hint_at(near))
}

fn unmaskable(error: Unmaskable) -> EngineError {
    let kind = match error.is_unknown {
        true => ErrorKind::DoesNotExist,
        false => ErrorKind::Unsupported,
    };
    EngineError::new(kind, error.message).hint(error.hint)
}
