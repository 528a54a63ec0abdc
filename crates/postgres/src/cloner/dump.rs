//! Copies with `pg_dump` and `pg_restore`, the one writing into the other.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use tightrope_engine::{EngineError, ErrorKind, Scratch as _};

use super::programs::{Programs, point_at};
use super::scratch::PostgresScratch;
use super::{Source, roles, template};
use crate::connect::{self, Target};
use crate::error;

/// Copies the source into the scratch database; gives the copy's remarks.
pub(super) fn copy(
    bin_dir: Option<&Path>,
    source: &mut Source,
    scratch: &PostgresScratch,
    same_server: bool,
) -> Result<Vec<String>, EngineError> {
    let transfer = prepare(bin_dir, source, scratch, same_server)?;
    let mut remarks = transfer.remarks.clone();
    remarks.extend(transfer.run(source, scratch, &[], &[])?);
    Ok(remarks)
}

/// What dumps the source and restores it into a scratch database that is made and empty.
pub(super) struct Transfer {
    programs: Programs,
    /// Options of `pg_restore`.
    options: Vec<&'static str>,
    /// What a person should know of the empty database.
    pub(super) remarks: Vec<String>,
}

/// Makes the scratch database, empty, with all that a dump expects to be there.
pub(super) fn prepare(
    bin_dir: Option<&Path>,
    source: &mut Source,
    scratch: &PostgresScratch,
    same_server: bool,
) -> Result<Transfer, EngineError> {
    let database = source.target.database().to_owned();
    let programs = Programs::find(bin_dir, source.maintenance.major)?;
    let mut remarks = Vec::new();
    let mut options = Vec::new();
    if !same_server {
        let roles = roles::named_in(&mut source.maintenance, &database)?;
        remarks.extend(roles::make_missing(&mut *scratch.maintenance()?, &roles)?);
        if lacks_tablespaces(source, scratch)? {
            options.push("--no-tablespaces");
            remarks.push(
                "tablespaces are missing on the copy's server: everything is in the default one"
                    .to_owned(),
            );
        }
    }
    remarks.extend(template::create_empty(source, scratch)?);
    let place = Target::parse(scratch.url())?;
    match_start(&source.target, &place)?;
    Ok(Transfer {
        programs,
        options,
        remarks,
    })
}

impl Transfer {
    /// Dumps and restores, with more options for each; gives what could not be restored and does not matter.
    pub(super) fn run(
        &self,
        source: &Source,
        scratch: &PostgresScratch,
        dump_options: &[&str],
        restore_options: &[&str],
    ) -> Result<Vec<String>, EngineError> {
        let mut dump = self.programs.command("pg_dump");
        dump.args(["--format=custom", "--compress=0", "--no-subscriptions"])
            .args(dump_options);
        point_at(&mut dump, &source.target, source.target.database());
        let mut restore = self.programs.command("pg_restore");
        restore
            .arg(format!("--dbname={}", scratch.name()))
            .args(&self.options)
            .args(restore_options);
        point_at(&mut restore, &Target::parse(scratch.url())?, scratch.name());
        pipe(dump, restore)
    }
}

/// Whether the source's server has tablespaces that the copy's has not.
pub(super) fn lacks_tablespaces(
    source: &mut Source,
    scratch: &PostgresScratch,
) -> Result<bool, EngineError> {
    let sql = "select spcname from pg_tablespace";
    let there = scratch.maintenance()?.column(sql)?;
    Ok(source
        .maintenance
        .column(sql)?
        .iter()
        .any(|name| !there.contains(name)))
}

/// A new database comes with a schema and an extension that a dump never drops: where the source has lost them, so does the
/// copy.
fn match_start(source: &Target, place: &Target) -> Result<(), EngineError> {
    let sql = "select concat_ws('; ', \
               case when not exists (select from pg_namespace where nspname = 'public') then 'drop schema if exists public' end, \
               case when not exists (select from pg_extension where extname = 'plpgsql') then 'drop extension if exists plpgsql' end)";
    let mut there = connect::open(source, "tightrope")?;
    let row = there
        .client
        .query_one(sql, &[])
        .map_err(|error| error::of_own(&error))?;
    let statements: String = row.get(0);
    if statements.is_empty() {
        return Ok(());
    }
    let mut here = connect::open(place, "tightrope")?;
    here.client
        .batch_execute(&statements)
        .map_err(|error| error::of_own(&error))
}

/// Runs one child into the other; gives what the second one could not do and that does not matter.
fn pipe(mut dump: Command, mut restore: Command) -> Result<Vec<String>, EngineError> {
    let mut dumping = start(
        dump.stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    let Some(data) = dumping.stdout.take() else {
        return Err(EngineError::new(ErrorKind::Other, "pg_dump gave no output"));
    };
    let restoring = start(
        restore
            .stdin(Stdio::from(data))
            .stdout(Stdio::null())
            .stderr(Stdio::piped()),
    );
    let listener = dumping.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        })
    });
    let restored = restoring.and_then(|child| {
        child
            .wait_with_output()
            .map_err(|error| not_run("pg_restore", &error))
    });
    let dumped = dumping.wait().map_err(|error| not_run("pg_dump", &error))?;
    let dump_text = listener
        .and_then(|listener| listener.join().ok())
        .unwrap_or_default();
    if !dumped.success() {
        return Err(failed("pg_dump", dumped, &dump_text));
    }
    let restored = restored?;
    let restore_text = String::from_utf8_lossy(&restored.stderr).into_owned();
    if restored.status.success() {
        return Ok(Vec::new());
    }
    harmless(&restore_text).ok_or_else(|| failed("pg_restore", restored.status, &restore_text))
}

pub(super) fn start(command: &mut Command) -> Result<Child, EngineError> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|error| not_run(&name, &error))
}

pub(super) fn not_run(name: &str, error: &std::io::Error) -> EngineError {
    EngineError::new(
        ErrorKind::Other,
        format!("{name} could not be run: {error}"),
    )
}

pub(super) fn failed(name: &str, status: ExitStatus, text: &str) -> EngineError {
    EngineError::new(ErrorKind::Other, format!("{name} failed ({status})")).detail(text.trim())
}

/// What `pg_restore` says where it left something out that makes no difference to a rehearsal.
const HARMLESS: &[&str] = &[
    "must be owner of extension",
    "unrecognized configuration parameter",
];

/// The errors, if all of them are harmless.
pub(super) fn harmless(text: &str) -> Option<Vec<String>> {
    let errors: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("error:") && !line.contains("while "))
        .collect();
    let all = errors
        .iter()
        .all(|line| HARMLESS.iter().any(|harmless| line.contains(harmless)));
    (all && !errors.is_empty()).then(|| errors.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_errors_are_passed_over() {
        let owner = "pg_restore: error: could not execute query: ERROR:  must be owner of extension plpgsql";
        let table =
            "pg_restore: error: could not execute query: ERROR:  relation \"t\" does not exist";
        assert_eq!(harmless(owner), Some(vec![owner.to_owned()]));
        assert_eq!(harmless(&format!("{owner}\n{table}")), None);
        assert_eq!(harmless("pg_restore: killed"), None);
    }
}
