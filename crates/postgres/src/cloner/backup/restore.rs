use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tightrope_engine::{
    BackupFiles, BackupWatch, DatabaseUrl, EngineError, ErrorKind, Restored, Scratch as _,
};

use super::super::dump::harmless;
use super::super::maintenance::Maintenance;
use super::super::programs::{Programs, point_at};
use super::super::scratch::PostgresScratch;
use super::super::settings::{self, DatabaseSetting};
use super::super::{locale, roles};
use super::analyze::analyze;
use super::children::Running;
use super::{DUMP, properties};
use crate::connect::{self, Target};
use crate::error;
use crate::quote::quote;

/// The longest name of a database.
const LONGEST_NAME: usize = 63;

/// How long sessions that have just been closed may linger.
const LINGERING: Duration = Duration::from_secs(2);

/// A restored database under a scratch name.
pub(super) struct RestoredDatabase {
    scratch: PostgresScratch,
    into: String,
    owner: Option<String>,
    remarks: Vec<String>,
    jobs: u32,
}

/// Restores the dump into a scratch database on the server of `into`; only what a table of contents lists, where one is given.
pub(super) fn restore(
    bin_dir: Option<&Path>,
    files: &BackupFiles<'_>,
    into: &DatabaseUrl,
    jobs: u32,
    contents: Option<&Path>,
    watch: &dyn BackupWatch,
) -> Result<RestoredDatabase, EngineError> {
    let target = Target::parse(into)?;
    let maintenance = Maintenance::beside(into, &target)?;
    let programs = programs(bin_dir, files, maintenance.major)?;
    let scratch = PostgresScratch::claim(into, maintenance, false)?;
    let options = locale::options(|option| files.properties.get(option));
    scratch
        .maintenance()?
        .execute(&format!(
            "create database {} template template0{options}",
            quote(scratch.name())
        ))
        .map_err(|error| properties::in_words(error, files.properties))?;
    watch.reached("scratch database made");
    let mut remarks = prepare(files, &scratch)?;
    take_out(files, &scratch)?;
    let lacks_tablespaces = lacks_tablespaces(files, &scratch)?;
    let place = Target::parse(scratch.url())?;
    let mut command = programs.command("pg_restore");
    command
        .arg("--verbose")
        .arg(format!("--jobs={}", jobs.max(1)))
        .arg(format!("--dbname={}", scratch.name()));
    if let Some(contents) = contents {
        command.arg(format!("--use-list={}", contents.display()));
    }
    if lacks_tablespaces {
        command.arg("--no-tablespaces");
        remarks.push("tablespaces are missing there: everything is in the default one".to_owned());
    }
    command.arg(files.folder.join(DUMP));
    point_at(&mut command, &place, scratch.name());
    let tables = data_files(&files.folder.join(DUMP));
    let running = Running::start("pg_restore", &mut command)?;
    let ended = running.watch(
        "processing data for table",
        "tables restored",
        tables,
        watch,
    )?;
    if !ended.status.success() {
        match harmless(&ended.complaints) {
            Some(errors) => remarks.extend(errors),
            None => ended.require("pg_restore")?,
        }
    }
    watch.reached("scratch database filled");
    Ok(RestoredDatabase {
        scratch,
        into: target.database().to_owned(),
        owner: files.properties.get(properties::OWNER).cloned(),
        remarks,
        jobs,
    })
}

/// Programs that know the server and can read what a newer pg_dump has written.
pub(super) fn programs(
    bin_dir: Option<&Path>,
    files: &BackupFiles<'_>,
    server_major: u32,
) -> Result<Programs, EngineError> {
    let written_by = files.program.and_then(|program| program.parse().ok());
    Programs::find(bin_dir, server_major.max(written_by.unwrap_or(0)))
}

/// What a dump leaves out: roles that it names, settings of the database. Gives remarks.
fn prepare(files: &BackupFiles<'_>, scratch: &PostgresScratch) -> Result<Vec<String>, EngineError> {
    let mut maintenance = scratch.maintenance()?;
    let mut named = properties::texts(files.properties, properties::ROLES);
    named.extend(files.properties.get(properties::OWNER).cloned());
    named.sort();
    named.dedup();
    let mut remarks = roles::make_missing(&mut maintenance, &named)?;
    let settings: Vec<DatabaseSetting> = files
        .properties
        .get(properties::SETTINGS)
        .and_then(|text| serde_json::from_str::<Vec<serde_json::Value>>(text).ok())
        .unwrap_or_default()
        .iter()
        .filter_map(DatabaseSetting::from_json)
        .collect();
    remarks.extend(settings::write(&mut maintenance, scratch.name(), &settings));
    let (_, version) = properties::owner_and_collation_version(&mut maintenance, scratch.name())?;
    let taken = files.properties.get(properties::COLLATION_VERSION);
    if let (Some(taken), Some(version)) = (taken, version)
        && *taken != version
    {
        remarks.push(format!(
            "the collation library has version {version} here and had {taken}: text may come in another order"
        ));
    }
    Ok(remarks)
}

/// Takes out of the new database what the backup's had lost.
fn take_out(files: &BackupFiles<'_>, scratch: &PostgresScratch) -> Result<(), EngineError> {
    let sql: String = properties::texts(files.properties, properties::WITHOUT)
        .iter()
        .filter_map(|name| match name.as_str() {
            "public" => Some("drop schema if exists public; "),
            "plpgsql" => Some("drop extension if exists plpgsql; "),
            _ => None,
        })
        .collect();
    if sql.is_empty() {
        return Ok(());
    }
    connect::open(&Target::parse(scratch.url())?, "tightrope restore")?
        .client
        .batch_execute(&sql)
        .map_err(|error| error::of_own(&error))
}

/// Whether the backup's server has tablespaces that this one has not.
fn lacks_tablespaces(
    files: &BackupFiles<'_>,
    scratch: &PostgresScratch,
) -> Result<bool, EngineError> {
    let there = properties::tablespaces(&mut *scratch.maintenance()?)?;
    let named = properties::texts(files.properties, properties::TABLESPACES);
    Ok(named.iter().any(|name| !there.contains(name)))
}

/// The files with rows in a dump, each of one table.
fn data_files(dump: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dump) else {
        return 0;
    };
    let is_data = |name: &str| name.contains(".dat") && name != "toc.dat";
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter(|name| is_data(&name.to_string_lossy()))
        .count() as u64
}

impl RestoredDatabase {
    /// The scratch database.
    pub(super) fn scratch(&self) -> &PostgresScratch {
        &self.scratch
    }
}

impl Restored for RestoredDatabase {
    fn url(&self) -> &DatabaseUrl {
        self.scratch.url()
    }

    fn name(&self) -> &str {
        self.scratch.name()
    }

    fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn take_place(
        self: Box<Self>,
        overwrite: bool,
        watch: &dyn BackupWatch,
    ) -> Result<Option<String>, EngineError> {
        // Without statistics the first queries would run with wrong plans.
        analyze(&Target::parse(self.scratch.url())?, self.jobs)?;
        let mut maintenance = self.scratch.maintenance()?;
        if let Some(owner) = &self.owner {
            maintenance.execute(&format!(
                "alter database {} owner to {}",
                quote(self.scratch.name()),
                quote(owner)
            ))?;
        }
        let there = maintenance.column(&format!(
            "select 1 from pg_database where datname = {}",
            crate::quote::literal(&self.into)
        ))?;
        let kept = match (there.is_empty(), overwrite) {
            (true, _) => None,
            (false, true) => Some(kept_name(&mut maintenance, &self.into)?),
            (false, false) => {
                return Err(EngineError::new(
                    ErrorKind::AlreadyExists,
                    format!("the database `{}` is there already", self.into),
                ));
            }
        };
        let mut sql = String::from("begin; ");
        if let Some(kept) = &kept {
            sql.push_str(&rename(&self.into, kept));
        }
        sql.push_str(&rename(self.scratch.name(), &self.into));
        sql.push_str("commit");
        watch.reached("before the names");
        rename_all(&mut maintenance, &sql)?;
        watch.reached("names given");
        Ok(kept)
    }
}

fn rename(from: &str, to: &str) -> String {
    format!("alter database {} rename to {}; ", quote(from), quote(to))
}

/// Renames in one transaction; sessions that have just been closed are waited for.
fn rename_all(maintenance: &mut Maintenance, sql: &str) -> Result<(), EngineError> {
    let deadline = Instant::now() + LINGERING;
    loop {
        let error = match maintenance.execute(sql) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        maintenance.execute("rollback")?;
        if error.kind != ErrorKind::InUse || Instant::now() > deadline {
            return Err(match error.kind {
                ErrorKind::InUse => error.hint("end those sessions, then run again"),
                _ => error,
            });
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// A name that no database has, for the one that is overwritten, with the server's time in it. Two in one second get numbers.
fn kept_name(maintenance: &mut Maintenance, name: &str) -> Result<String, EngineError> {
    let sql = "select to_char(clock_timestamp() at time zone 'utc', 'YYYYMMDD_HH24MISS')";
    let time = maintenance.column(sql)?.into_iter().flatten().next();
    let mut suffix = format!("_before_{}", time.unwrap_or_default());
    let once = suffix.clone();
    let mut number = 1;
    loop {
        let mut end = name.len().min(LONGEST_NAME - suffix.len());
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let free = format!("{}{suffix}", &name[..end]);
        let taken = maintenance.column(&format!(
            "select 1 from pg_database where datname = {}",
            crate::quote::literal(&free)
        ))?;
        if taken.is_empty() {
            return Ok(free);
        }
        number += 1;
        suffix = format!("{once}_{number}");
    }
}
