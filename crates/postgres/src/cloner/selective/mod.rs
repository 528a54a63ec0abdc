//! Copies of what a selection says: the schema by `pg_dump`, the rows by COPY, from the one straight into the other.
//!
//! Everything is read in one snapshot, which also `pg_dump` reads from. First comes what makes the tables, then the rows, and then what needs
//! them: keys, indexes, triggers, materialized views. So no trigger fires, no key is in the way of the order, and whatever is derived from
//! masked rows is derived from the masks.

mod lines;
mod rows;
mod source;
mod survey;

use std::path::Path;

use tightrope_engine::{BackupWatch, EngineError, ErrorKind, Scratch as _};
use tightrope_selection::{Masking, Selection, SelectionReport, Unmaskable, hint_at};

use super::Source;
use super::backup::analyze::analyze;
use super::dump;
use super::scratch::PostgresScratch;
use crate::connect::Target;
use rows::Rows;
use source::Reading;
use survey::PostgresSurvey;

/// Copies what is selected into the scratch database, which is not there yet.
pub(super) fn copy(
    bin_dir: Option<&Path>,
    source: &mut Source,
    scratch: &mut PostgresScratch,
    same_server: bool,
    selection: &Selection,
    watch: &dyn BackupWatch,
) -> Result<SelectionReport, EngineError> {
    let mut reading = Reading::begin(&source.target)?;
    let survey = PostgresSurvey::read(&mut reading.client)?;
    // What cannot be selected is said before anything is made.
    let masking = Masking::of(&survey.shape, &selection.masks).map_err(unmaskable)?;
    let wanted = rows::wanted(&mut reading, &survey, selection)?;
    reading.lock(&survey)?;

    let transfer = dump::prepare(bin_dir, source, scratch, same_server)?;
    watch.reached("scratch database made");
    scratch.remark(transfer.remarks.clone());
    let snapshot = format!("--snapshot={}", reading.snapshot);
    let schema = |section: &str| -> Result<Vec<String>, EngineError> {
        transfer
            .run(source, scratch, &[section, &snapshot], &[])
            .map_err(|error| without_values(error, &masking))
    };
    let before = schema("--section=pre-data")?;
    let place = Target::parse(scratch.url())?;
    let rows = Rows {
        survey: &survey,
        masking: &masking,
        wanted: &wanted,
        watch,
    };
    let copied = rows.copy(&mut reading, &place, selection.sample.is_some())?;
    source::positions(&mut reading, &place)?;
    let after = schema("--section=post-data")?;
    analyze(&place, 1)?;
    watch.reached("scratch database filled");
    scratch.remark(before);
    scratch.remark(after);
    scratch.remark(reading.remarks(&survey)?);
    Ok(SelectionReport {
        sample: selection
            .sample
            .as_ref()
            .map(|sample| sample.share.to_string()),
        seed: selection.sample.as_ref().map(|sample| sample.seed),
        tables: copied,
        masked: masking.names().to_vec(),
    })
}

/// What a program says of masked rows holds values in its details: only what it could not do is told on.
fn without_values(mut error: EngineError, masking: &Masking) -> EngineError {
    if masking.is_empty() {
        return error;
    }
    let detail = error.detail.take().unwrap_or_default();
    let told = detail.lines().filter(|line| line.contains("error:"));
    error.detail = Some(told.collect::<Vec<_>>().join("\n"));
    error.hint("where a mask makes equal what has to be different, mask the column with `keep format` or `hash`")
}

/// What a selection names and the source does not have.
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
