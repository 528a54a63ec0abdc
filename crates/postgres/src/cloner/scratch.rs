use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::json;
use tightrope_engine::{CopyReport, DatabaseUrl, EngineError, Scratch};

use super::maintenance::Maintenance;
use super::{poisoned, scratch_name, template, with_database};
use crate::quote::{literal, quote};

/// A scratch database; its forks share its maintenance connection.
pub(super) struct PostgresScratch {
    name: String,
    url: DatabaseUrl,
    report: CopyReport,
    maintenance: Arc<Mutex<Maintenance>>,
}

impl PostgresScratch {
    /// Takes over a database whose name is claimed and that may not be there yet: from here on it is removed on every way
    /// out.
    pub(super) fn new(
        name: String,
        url: DatabaseUrl,
        maintenance: Arc<Mutex<Maintenance>>,
    ) -> Self {
        let report = CopyReport {
            method: String::new(),
            bytes: None,
            milliseconds: 0,
            remarks: Vec::new(),
        };
        Self {
            name,
            url,
            report,
            maintenance,
        }
    }

    /// Notes how the copy was made, in the report and on the database.
    pub(super) fn describe(
        &mut self,
        method: &str,
        source: &str,
        started: Instant,
    ) -> Result<(), EngineError> {
        let mut maintenance = self.maintenance.lock().map_err(|_| poisoned())?;
        let comment =
            json!({"made_by": "tightrope", "source": source, "method": method}).to_string();
        maintenance.execute(&format!(
            "comment on database {} is {}",
            quote(&self.name),
            literal(&comment)
        ))?;
        method.clone_into(&mut self.report.method);
        self.report.bytes = maintenance.size_of(&self.name).ok();
        self.report.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
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
        let started = Instant::now();
        let name = scratch_name();
        {
            let mut maintenance = self.maintenance.lock().map_err(|_| poisoned())?;
            maintenance.claim(&name)?;
            template::create_copy(&mut maintenance, &name, &self.name)?;
        }
        let url = with_database(&self.url, &name);
        let mut fork = Self::new(name, url, Arc::clone(&self.maintenance));
        fork.describe("template", &self.name, started)?;
        Ok(Box::new(fork))
    }
}

impl Drop for PostgresScratch {
    fn drop(&mut self) {
        if let Ok(mut maintenance) = self.maintenance.lock() {
            // A database that cannot be dropped now is swept later, once its name is free.
            let _ = maintenance.drop_database(&self.name);
            let _ = maintenance.release(&self.name);
        }
    }
}
