//! CREATE DATABASE, from the source as a template or from nothing.

use std::thread;
use std::time::{Duration, Instant};

use tightrope_engine::{EngineError, ErrorKind, Scratch as _};

use super::maintenance::Maintenance;
use super::scratch::PostgresScratch;
use super::{Source, locale, settings};
use crate::quote::{literal, quote};

/// From this size on copying files beats writing every page to the log (measured: 1 GB a second).
const BIG: u64 = 256 << 20;

/// How long sessions that have just been closed may linger. (The server by itself would wait for five seconds.)
const LINGERING: Duration = Duration::from_secs(1);

/// Copies the source as a template if nobody is connected to it; else says why not. Gives the copy's remarks.
pub(super) fn copy_if_alone(
    source: &mut Source,
    name: &str,
) -> Result<Result<Vec<String>, String>, EngineError> {
    let database = source.target.database().to_owned();
    if let Some(others) = others_on(&mut source.maintenance, &database, LINGERING)? {
        return Ok(Err(others));
    }
    match create_copy(&mut source.maintenance, name, &database) {
        Ok(remarks) => Ok(Ok(remarks)),
        Err(error) if matches!(error.kind, ErrorKind::InUse | ErrorKind::PermissionDenied) => {
            Ok(Err(error.message))
        }
        Err(error) => Err(error),
    }
}

/// Whether this user may use a database as a template.
pub(super) fn may_copy(maintenance: &mut Maintenance, database: &str) -> Result<bool, EngineError> {
    let sql = format!(
        "select r.rolsuper or d.datistemplate or pg_has_role(d.datdba, 'usage') \
         from pg_roles r, pg_database d where r.rolname = current_user and d.datname = {}",
        literal(database)
    );
    let answer = maintenance.column(&sql)?.into_iter().flatten().next();
    Ok(answer.as_deref() == Some("t"))
}

/// Who else is connected, after waiting a moment for them to go.
pub(super) fn others_on(
    maintenance: &mut Maintenance,
    database: &str,
    patience: Duration,
) -> Result<Option<String>, EngineError> {
    let sql = format!(
        "select string_agg(distinct coalesce(nullif(application_name, ''), usename, 'somebody'), ', ') \
         from pg_stat_activity where datname = {} and pid <> pg_backend_pid() and backend_type = 'client backend'",
        literal(database)
    );
    let deadline = Instant::now() + patience;
    loop {
        let others = maintenance.column(&sql)?.into_iter().flatten().next();
        match others {
            None => return Ok(None),
            Some(others) if Instant::now() > deadline => {
                return Ok(Some(format!(
                    "others are connected to {database:?}: {others}"
                )));
            }
            // The server tells nobody when a session ends.
            Some(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Whether a template of that size is copied file by file, rather than through the log.
pub(super) fn is_by_file(major: u32, bytes: u64) -> bool {
    // Before 15 the server knows no other way.
    major < 15 || bytes >= BIG
}

/// Copies a database as a template; it must have no sessions.
pub(super) fn create_copy(
    maintenance: &mut Maintenance,
    name: &str,
    source: &str,
) -> Result<Vec<String>, EngineError> {
    let by_file = maintenance.major >= 15 && maintenance.size_of(source)? >= BIG;
    let strategy = if by_file { " strategy file_copy" } else { "" };
    let sql = format!(
        "create database {} template {}{strategy}",
        quote(name),
        quote(source)
    );
    // From 18 on the server can let the file system share blocks; where that is refused, it copies them.
    let clones = by_file && maintenance.major >= 18;
    let cloned = clones
        && maintenance
            .execute("set file_copy_method = clone")
            .and_then(|()| maintenance.execute(&sql))
            .is_ok();
    if clones {
        maintenance.execute("reset file_copy_method")?;
    }
    if !cloned {
        maintenance.execute(&sql)?;
    }
    let settings = settings::read(maintenance, source)?;
    Ok(settings::write(maintenance, name, &settings))
}

/// Makes the scratch database empty, like the source in encoding, locale and settings; the server's own where there is no
/// source.
pub(super) fn create_empty(
    source: &mut Source,
    scratch: &PostgresScratch,
) -> Result<Vec<String>, EngineError> {
    let database = source.target.database().to_owned();
    let options = match &source.like {
        Some(options) => options.clone(),
        None => locale::options_of(&mut source.maintenance, &database)?,
    };
    let settings = settings::read(&mut source.maintenance, &database)?;
    let mut maintenance = scratch.maintenance()?;
    maintenance.execute(&format!(
        "create database {} template template0{options}",
        quote(scratch.name())
    ))?;
    Ok(settings::write(&mut maintenance, scratch.name(), &settings))
}
