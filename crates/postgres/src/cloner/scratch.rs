use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tightrope_engine::{BackupWatch, CopyReport, DatabaseUrl, EngineError, ErrorKind, Scratch};
use tightrope_selection::SelectionReport;

use super::maintenance::Maintenance;
use super::{poisoned, roles, scratch_name, template, with_database};
use crate::connect::Target;
use crate::quote::{literal, quote};

/// A scratch database; its forks share its maintenance connection.
pub(super) struct PostgresScratch {
    name: String,
    url: DatabaseUrl,
    report: CopyReport,
    maintenance: Arc<Mutex<Maintenance>>,
    started: Instant,
    beside_source: bool,
    /// What roles are marked with; the maintenance connection holds the name in it for as long as it lives.
    mark: String,
    /// Whether the database has another name by now, under which it stays.
    is_kept: bool,
}

/// How long sessions that have just been closed may linger.
const LINGERING: Duration = Duration::from_secs(2);

impl PostgresScratch {
    /// Claims the name of a scratch database that is yet to be made at the place of the URL: from here on it is removed on
    /// every way out.
    pub(super) fn claim(
        url: &DatabaseUrl,
        maintenance: Maintenance,
        beside_source: bool,
    ) -> Result<Self, EngineError> {
        let mut scratch = Self::claim_with(url, Arc::new(Mutex::new(maintenance)))?;
        scratch.mark = roles::mark(&scratch.name);
        scratch.beside_source = beside_source;
        // A second time, for the roles: they outlive the database, and are gone when the connection is.
        scratch.maintenance()?.claim(&scratch.name)?;
        Ok(scratch)
    }

    fn claim_with(
        url: &DatabaseUrl,
        maintenance: Arc<Mutex<Maintenance>>,
    ) -> Result<Self, EngineError> {
        let name = scratch_name();
        maintenance.lock().map_err(|_| poisoned())?.claim(&name)?;
        Ok(Self {
            url: with_database(url, &name),
            name,
            report: CopyReport {
                method: String::new(),
                bytes: None,
                milliseconds: 0,
                remarks: Vec::new(),
                likeness: None,
                selection: None,
            },
            maintenance,
            started: Instant::now(),
            beside_source: false,
            mark: String::new(),
            is_kept: false,
        })
    }

    /// The connection beside the database.
    pub(super) fn maintenance(&self) -> Result<MutexGuard<'_, Maintenance>, EngineError> {
        self.maintenance.lock().map_err(|_| poisoned())
    }

    pub(super) fn remark(&mut self, remarks: Vec<String>) {
        self.report.remarks.extend(remarks);
    }

    /// Notes what it holds.
    pub(super) fn select(&mut self, selection: SelectionReport) {
        self.report.selection = Some(selection);
    }

    /// Notes how the copy was made, in the report and on the database.
    pub(super) fn describe(&mut self, method: &str, source: &str) -> Result<(), EngineError> {
        let comment =
            json!({"made_by": "tightrope", "source": source, "method": method}).to_string();
        let sql = format!(
            "comment on database {} is {}",
            quote(&self.name),
            literal(&comment)
        );
        let bytes = {
            let mut maintenance = self.maintenance()?;
            maintenance.execute(&sql)?;
            maintenance.size_of(&self.name).ok()
        };
        method.clone_into(&mut self.report.method);
        self.report.bytes = bytes;
        self.report.milliseconds =
            u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(())
    }
}

impl Scratch for PostgresScratch {
    fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn report(&self) -> &CopyReport {
        &self.report
    }

    fn fork(&self) -> Result<Box<dyn Scratch>, EngineError> {
        let mut fork = Self::claim_with(&self.url, Arc::clone(&self.maintenance))?;
        fork.mark.clone_from(&self.mark);
        fork.beside_source = self.beside_source;
        let remarks = template::create_copy(&mut *self.maintenance()?, &fork.name, &self.name)?;
        fork.remark(remarks);
        fork.describe("template", &self.name)?;
        Ok(Box::new(fork))
    }

    fn keep_as(
        mut self: Box<Self>,
        url: &DatabaseUrl,
        watch: &dyn BackupWatch,
    ) -> Result<(), EngineError> {
        let name = Target::parse(url)?.database().to_owned();
        {
            let mut maintenance = self.maintenance()?;
            maintenance.require_free(&name)?;
            maintenance.execute(&format!(
                "comment on database {} is null",
                quote(&self.name)
            ))?;
            watch.reached("before the name");
            let rename = format!(
                "alter database {} rename to {}",
                quote(&self.name),
                quote(&name)
            );
            let deadline = Instant::now() + LINGERING;
            loop {
                match maintenance.execute(&rename) {
                    Ok(()) => break,
                    // The server tells nobody when a session of ours has ended.
                    Err(error) if error.kind == ErrorKind::InUse && Instant::now() < deadline => {
                        thread::sleep(Duration::from_millis(20));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        self.is_kept = true;
        watch.reached("name given");
        Ok(())
    }

    fn is_beside_source(&self) -> bool {
        self.beside_source
    }

    fn mark(&self) -> Option<&str> {
        Some(&self.mark)
    }

    fn drop_roles(&self, except: &[String]) -> Result<(), EngineError> {
        roles::drop_marked(&mut *self.maintenance()?, &self.mark, except).map(drop)
    }
}

impl Drop for PostgresScratch {
    fn drop(&mut self) {
        let is_last = Arc::strong_count(&self.maintenance) == 1;
        if let Ok(mut maintenance) = self.maintenance.lock() {
            // A database that cannot be dropped now is swept later, once its name is free.
            if !self.is_kept {
                let _ = maintenance.drop_database(&self.name);
            }
            if is_last {
                let _ = roles::drop_marked(&mut maintenance, &self.mark, &[]);
            }
            let _ = maintenance.release(&self.name);
        }
    }
}
