//! What `new --derive` and `plan --derived` have in common: rollbacks that are derived on a copy.

use std::path::{Path, PathBuf};

use tightrope_lifecycle::{DeriveWhich, DerivedRollback};
use tightrope_model::Version;
use tightrope_report::WrittenRollback;
use tightrope_script::Format;

use super::new::existing;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching::Progress;

/// Shows one as it would be written.
pub(super) fn show(context: &Context, version: &Version) -> Result<Exit, CommandError> {
    let (_, derived) = derive(context, "plan", Some(version))?;
    for one in &derived {
        refuse_failed(one)?;
        context
            .terminal
            .show(|_| one.text.clone(), || tightrope_report::derived_json(one));
    }
    Ok(Exit::Done)
}

/// Writes one, or all that are missing, into the folder; what is written by hand stays unless that is forced.
pub(super) fn write(
    context: &Context,
    version: Option<&Version>,
    force: bool,
) -> Result<Exit, CommandError> {
    let (format, derived) = derive(context, "new", version)?;
    let mut written = Vec::new();
    for one in derived {
        if version.is_some() {
            refuse_failed(&one)?;
            refuse_written(&one, force)?;
        }
        let file = match one.failure.is_none() && one.has_statements {
            true => Some(write_one(format, &one)?),
            false => None,
        };
        written.push(WrittenRollback { derived: one, file });
    }
    let failed = written.iter().any(|one| one.derived.failure.is_some());
    let exit = if failed { Exit::NotProven } else { Exit::Done };
    context.terminal.show(
        |style| tightrope_report::derived_written(&written, exit.code(), style),
        || tightrope_report::derived_written_json(&written),
    );
    Ok(exit)
}

fn derive(
    context: &Context,
    command: &str,
    version: Option<&Version>,
) -> Result<(Format, Vec<DerivedRollback>), CommandError> {
    let project = context.project(command)?;
    let (format, _) = existing(&project)?;
    let which = match version {
        Some(version) => DeriveWhich::Version(version.clone()),
        None => DeriveWhich::Missing,
    };
    let progress = Progress::new(context.terminal);
    let derived = tightrope_lifecycle::derive_rollbacks(&project, &which, &progress)?;
    Ok((format, derived))
}

fn refuse_failed(one: &DerivedRollback) -> Result<(), CommandError> {
    let Some(failure) = &one.failure else {
        return Ok(());
    };
    let label = one.migration.label();
    let what = format!(
        "`{label}` cannot be derived: forward it fails: {}",
        failure.message
    );
    Err(CommandError::new(Exit::Error, what)
        .failed_at(failure)
        .hint("mend the forward script at the marked place, then run the same command again"))
}

fn refuse_written(one: &DerivedRollback, force: bool) -> Result<(), CommandError> {
    if one.replaces_nothing || force {
        return Ok(());
    }
    let label = one.migration.label();
    Err(CommandError::new(
        Exit::Refused,
        format!("`{label}` has a rollback script, which is not overwritten"),
    )
    .hint(format!(
        "see the derived one with `tightrope plan {} --derived`",
        one.migration.version
    ))
    .hint("overwrite the written one with `--force`"))
}

fn write_one(format: Format, one: &DerivedRollback) -> Result<PathBuf, CommandError> {
    let file = format
        .rollback_file(&one.migration)
        .map_err(|error| CommandError::of(Exit::Error, error))?;
    let now = read(&file)?;
    let text = format
        .with_rollback(&now, &one.text)
        .map_err(|error| CommandError::of(Exit::Error, error))?;
    let failed = |error: std::io::Error| {
        let what = format!("cannot write {}: {error}", file.display());
        CommandError::new(Exit::Error, what)
    };
    let mut draft = file.clone().into_os_string();
    draft.push(format!(".{}", std::process::id()));
    std::fs::write(&draft, text).map_err(failed)?;
    std::fs::rename(&draft, &file).map_err(failed)?;
    Ok(file)
}

/// The file's text; none if it is not there.
fn read(file: &Path) -> Result<String, CommandError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => {
            let what = format!("cannot read {}: {error}", file.display());
            Err(CommandError::new(Exit::Error, what))
        }
    }
}
