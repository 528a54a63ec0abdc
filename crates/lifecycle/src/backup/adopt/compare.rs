//! Whether what another system has restored is the database whose backup was adopted.

use std::collections::BTreeMap;
use std::time::Instant;

use tightrope_backup::{Adopted, Manifest};
use tightrope_engine::{BackupWatch as _, Engine, Session};
use tightrope_model::{TableName, TableShape};

use super::restored::{AdoptedRestored, ToRestore};
use super::{count, ledger_begin};
use crate::backup::BackupError;
use crate::backup::compare::{Compared, ledger, queries, reading};
use crate::backup::prove::{TriedOut, milliseconds};
use crate::backup::settings::taker;
use crate::backup::watch::Watch;
use crate::project::Project;
use crate::run::Watchers;

/// Has it restored, reads all of it, holds it against what was recorded, and has it removed again.
pub(in crate::backup) fn try_out(
    project: &Project,
    manifest: &Manifest,
    adopted: &Adopted,
    watchers: Watchers<'_>,
) -> Result<TriedOut, BackupError> {
    let engine = project.engine()?;
    let backup = ToRestore {
        id: &adopted.id,
        database: &manifest.database,
    };
    let began = Instant::now();
    let restored = AdoptedRestored::of(project, engine.as_ref(), backup, watchers)?;
    let restore_ms = milliseconds(began);
    let began = Instant::now();
    let mut tried = TriedOut {
        server: reading(engine.as_ref(), restored.url())?.server().clone(),
        files_ms: 0,
        restore_ms,
        compare_ms: 0,
        compared: Compared::default(),
        remarks: Vec::new(),
    };
    let held = Held {
        project,
        engine: engine.as_ref(),
        manifest,
        adopted,
        watchers,
    };
    held.compare(&restored, &mut tried)?;
    tried.compare_ms = milliseconds(began);
    Watch(watchers).reached("compared");
    tried.remarks.extend(restored.remove());
    Watch(watchers).reached("removed again");
    Ok(tried)
}

/// What a restored database is held against.
struct Held<'a> {
    project: &'a Project,
    engine: &'a dyn Engine,
    manifest: &'a Manifest,
    adopted: &'a Adopted,
    watchers: Watchers<'a>,
}

impl Held<'_> {
    fn compare(&self, restored: &AdoptedRestored, tried: &mut TriedOut) -> Result<(), BackupError> {
        let failed = BackupError::doing;
        let compared = &mut tried.compared;
        let unsound = taker(self.engine)?.unsound(restored.url());
        if let Some(what) = unsound.map_err(failed("look into the restored files"))? {
            let failure = format!("the restored file is unsound: {what}");
            compared.failures.push(failure);
            return Ok(());
        }
        let mut session = reading(self.engine, restored.url())?;
        let catalog = session
            .catalog()
            .map_err(failed("read the restored schema"))?;
        let fingerprint = catalog.fingerprint();
        if fingerprint.logical != self.manifest.fingerprint.logical {
            compared.failures.push(format!(
                "the schema has the fingerprint {}, and the target had {} when the backup was adopted",
                fingerprint.logical.short(),
                self.manifest.fingerprint.logical.short()
            ));
        }
        let rows = self.read(session.as_mut(), catalog.tables(), compared);
        let counts = self.adopted.compare_rows(&rows);
        compared.failures.extend(counts.failures);
        tried.remarks.extend(counts.remarks);
        self.ledger(session.as_mut(), compared)?;
        ledger(session.as_mut(), compared)?;
        if let Some(path) = &self.project.backup.verify {
            queries(session.as_mut(), self.engine, path, self.watchers, compared)?;
        }
        Ok(())
    }

    /// Reads every value of every table, and counts the rows; what cannot be read is a failure, and counts as what it was.
    fn read(
        &self,
        session: &mut dyn Session,
        tables: &[TableShape],
        compared: &mut Compared,
    ) -> BTreeMap<TableName, u64> {
        let mut rows = BTreeMap::new();
        for (done, shape) in tables.iter().enumerate() {
            let (done, all) = (done as u64, tables.len() as u64);
            Watch(self.watchers).progress("tables read", done, all);
            let summed = session.checksums(std::slice::from_ref(shape));
            match summed.and_then(|_| count(session, shape)) {
                Ok(count) => {
                    compared.tables += 1;
                    compared.rows += count;
                    rows.insert(shape.table.clone(), count);
                }
                Err(error) => {
                    let failure = format!("`{}` cannot be read: {error}", shape.table);
                    compared.failures.push(failure);
                    let recorded = self.adopted.rows.iter();
                    let had = recorded.filter(|table| table.table == shape.table);
                    rows.extend(had.map(|table| (table.table.clone(), table.rows)));
                }
            }
        }
        rows
    }

    /// A ledger begins as no other does: it tells databases apart whose schemas are the same.
    fn ledger(
        &self,
        session: &mut dyn Session,
        compared: &mut Compared,
    ) -> Result<(), BackupError> {
        let has_store = session
            .has_store()
            .map_err(BackupError::doing("look for tightrope's tables"))?;
        let theirs = match has_store {
            true => ledger_begin(session)?,
            false => None,
        };
        match (&self.adopted.ledger, theirs) {
            (Some(ours), Some(theirs)) if ours.digest != theirs.digest => {
                let failure = "it is another database: its ledger begins otherwise than that of the target";
                compared.failures.push(failure.to_owned());
            }
            (Some(ours), None) if self.is_older_than_the_backup(&ours.at) => {
                compared.failures.push(format!(
                    "it has no ledger, and that of the target begins at {}, before the backup was taken",
                    ours.at
                ));
            }
            (None, Some(theirs)) => compared.failures.push(format!(
                "it is another database: it has a ledger that begins at {}, and the target had none",
                theirs.at
            )),
            _ => {}
        }
        Ok(())
    }

    fn is_older_than_the_backup(&self, at: &str) -> bool {
        at.parse::<jiff::Timestamp>()
            .is_ok_and(|at| at < self.manifest.taken())
    }
}
