use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tightrope_backup::Found;
use tightrope_engine::{Changes, EngineError, LogNumber, Session};

use super::super::BackupError;
use super::super::error::whole;
use super::super::settings::place_there;
use super::super::watch::Watch;
use super::carry::{Last, carry_out};
use crate::project::{Access, Project};

/// How long to pause before a lock is asked for again.
const PAUSE: Duration = Duration::from_millis(200);

/// Begins a log in the target; from the next snapshot on it has every change.
pub(in super::super) fn begin_log(
    project: &Project,
    watch: &Watch<'_>,
) -> Result<LogNumber, BackupError> {
    let mut session = writing(project)?;
    let log = Timestamp::now().as_microsecond();
    session
        .set_lock_timeout(project.policy.lock_timeout_ms)
        .map_err(BackupError::doing("bound the wait for locks"))?;
    let begun = patiently(project, || {
        log_of(session.as_mut())?
            .begin_log(log)
            .map_err(begin_failed)
    });
    if let Err(error) = begun {
        // What was begun would cost writers, and nobody would read it. If it stays, the next backup ends it.
        let _ = log_of(session.as_mut()).map(|changes| changes.end_log(log));
        return Err(error);
    }
    tightrope_engine::BackupWatch::reached(watch, "log begun");
    Ok(log)
}

fn begin_failed(source: EngineError) -> BackupError {
    BackupError::doing("begin the change log")(source)
}

pub(super) fn writing(project: &Project) -> Result<Box<dyn Session>, BackupError> {
    let engine = project.engine()?;
    project
        .connect(engine.as_ref(), Access::Write)
        .map_err(BackupError::doing("connect"))
}

pub(super) fn log_of(session: &mut dyn Session) -> Result<&mut dyn Changes, BackupError> {
    session.changes().ok_or(BackupError::NoChangeLog)
}

/// Does it again while locks are not granted, as often as the policy says.
pub(super) fn patiently(
    project: &Project,
    mut work: impl FnMut() -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let mut tries = 1;
    loop {
        match work() {
            Err(BackupError::Engine { source, .. })
                if source.kind.may_pass() && tries < project.policy.lock_tries =>
            {
                tries += 1;
                thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

/// Ends the log of a backup that did not come about; gives what to say if that did not work.
pub(in super::super) fn give_up(project: &Project, log: LogNumber) -> Option<String> {
    end(project, log)
        .err()
        .map(|error| format!("its change log is still there: {}", whole(&error)))
}

fn end(project: &Project, log: LogNumber) -> Result<(), BackupError> {
    let mut session = writing(project)?;
    session
        .set_lock_timeout(project.policy.lock_timeout_ms)
        .map_err(BackupError::doing("bound the wait for locks"))?;
    patiently(project, || {
        log_of(session.as_mut())?
            .end_log(log)
            .map_err(BackupError::doing("end the change log"))
    })
}

/// A log that was ended.
#[derive(Clone, Debug, Serialize)]
pub struct LogEnded {
    /// The backup that it was begun for; none where no backup in the place says so.
    pub backup: Option<String>,
    /// Bytes that were freed.
    pub bytes: u64,
    /// How many changes were carried out at the end.
    pub carried: u64,
}

/// Ends every log that was begun before this one: its backup takes the place of theirs. What they hold is carried out first.
pub(in super::super) fn replace_older(
    project: &Project,
    log: LogNumber,
    by: &str,
    watch: &Watch<'_>,
) -> Vec<String> {
    let because = format!("`{by}` took its place");
    match end_those(project, &because, watch, |there| there < log) {
        Ok(_) => Vec::new(),
        Err(error) => vec![format!(
            "the change log of an older backup goes on, which costs writers: {}",
            whole(&error)
        )],
    }
}

/// Ends every change log of the target: what they hold is carried out first, and writers are free of them.
///
/// # Errors
/// When what a log holds cannot be carried out, or a lock is not granted; the log goes on then.
pub fn end_logs(
    project: &Project,
    watchers: crate::run::Watchers<'_>,
) -> Result<Vec<LogEnded>, BackupError> {
    let because = format!("it was ended by {}", project.holder.user);
    end_those(project, &because, &Watch(watchers), |_| true)
}

pub(in super::super) fn end_those(
    project: &Project,
    because: &str,
    watch: &Watch<'_>,
    which: impl Fn(LogNumber) -> bool,
) -> Result<Vec<LogEnded>, BackupError> {
    let mut session = writing(project)?;
    let there = log_of(session.as_mut())?
        .logs()
        .map_err(BackupError::doing("look for change logs"))?;
    let mut ended = Vec::new();
    for there in there.into_iter().filter(|there| which(there.log)) {
        let found = backup_of(project, there.log)?;
        let mut carried = 0;
        if let Some(found) = &found {
            let last = Last {
                ended: Some(because.to_owned()),
                forget: false,
            };
            carried = carry_out(found, session.as_mut(), last, watch)?.changes;
        }
        end(project, there.log)?;
        tightrope_engine::BackupWatch::reached(watch, "log ended");
        ended.push(LogEnded {
            backup: found.map(|found| found.name),
            bytes: there.bytes,
            carried,
        });
    }
    Ok(ended)
}

/// The backup in the place that a log was begun for.
pub(super) fn backup_of(project: &Project, log: LogNumber) -> Result<Option<Found>, BackupError> {
    let all = place_there(project)?.list()?;
    Ok(all
        .into_iter()
        .find(|found| found.log_start().is_some_and(|start| start.log == log)))
}
