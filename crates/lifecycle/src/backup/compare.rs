//! Whether a restored database is what its manifest says.

use std::path::Path;

use tightrope_backup::Manifest;
use tightrope_engine::{DatabaseUrl, Engine, Restored, Session};
use tightrope_script::{Script, TransactionMode};
use tightrope_store::Store;

use super::BackupError;
use super::sums::compare_rows;
use crate::run::Watchers;
use crate::{Project, verify};

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub(super) struct Compared {
    /// Those with a checksum to compare with that are equal.
    pub(super) tables: usize,
    pub(super) rows: u64,
    pub(super) queries: usize,
    /// What is not equal.
    pub(super) failures: Vec<String>,
}

/// Opens a session that reads a restored database.
pub(super) fn reading(
    engine: &dyn Engine,
    url: &DatabaseUrl,
) -> Result<Box<dyn Session>, BackupError> {
    let options = tightrope_engine::ConnectOptions {
        application_name: Some("tightrope compare".to_owned()),
        read_only: true,
        must_exist: true,
    };
    engine
        .connect(url, &options)
        .map_err(BackupError::doing("connect to the restored database"))
}

/// Compares the schema and every table that has a sum, looks at the files from inside, checks the ledger's chain and runs the verify queries.
pub(super) fn compare(
    project: &Project,
    engine: &dyn Engine,
    restored: &dyn Restored,
    manifest: &Manifest,
    watchers: Watchers<'_>,
) -> Result<Compared, BackupError> {
    let failed = BackupError::doing;
    let mut compared = Compared::default();
    if let Some(what) = restored
        .unsound()
        .map_err(failed("look into the restored files"))?
    {
        compared
            .failures
            .push(format!("the restored file is unsound: {what}"));
        return Ok(compared);
    }
    let mut session = reading(engine, restored.url())?;
    let fingerprint = session
        .catalog()
        .map_err(failed("read the restored schema"))?
        .fingerprint();
    if fingerprint.logical != manifest.fingerprint.logical {
        compared.failures.push(format!(
            "the schema has the fingerprint {} and had {}",
            fingerprint.logical.short(),
            manifest.fingerprint.logical.short()
        ));
    }
    let jobs = project.backup.jobs;
    let place = (engine, restored.url());
    compare_rows(
        place,
        session.as_mut(),
        manifest,
        jobs,
        watchers,
        &mut compared,
    );
    ledger(session.as_mut(), &mut compared)?;
    if let Some(path) = &project.backup.verify {
        queries(session.as_mut(), engine, path, watchers, &mut compared)?;
    }
    Ok(compared)
}

pub(super) fn ledger(
    session: &mut dyn Session,
    compared: &mut Compared,
) -> Result<(), BackupError> {
    let failed = BackupError::doing;
    if session
        .has_store()
        .map_err(failed("look for tightrope's tables"))?
    {
        let (_, broken) = Store::new(session).ledger()?;
        compared
            .failures
            .extend(broken.map(|broken| broken.to_string()));
    }
    Ok(())
}

pub(super) fn queries(
    session: &mut dyn Session,
    engine: &dyn Engine,
    path: &Path,
    watchers: Watchers<'_>,
    compared: &mut Compared,
) -> Result<(), BackupError> {
    let failed = BackupError::doing;
    let text = std::fs::read_to_string(path).map_err(|source| BackupError::VerifyScript {
        path: path.display().to_string(),
        source,
    })?;
    let script = Script::whole(path, text, TransactionMode::Auto);
    let dialect = engine.kind();
    session
        .begin()
        .map_err(failed("begin the verify queries"))?;
    let held = verify::run(session, &script, dialect, watchers.listener);
    session
        .roll_back()
        .map_err(failed("end the verify queries"))?;
    match held {
        Ok(()) => match script.parse(dialect).statements.len() {
            0 => compared
                .failures
                .push(format!("{} holds no query", path.display())),
            queries => compared.queries = queries,
        },
        Err(failure) => compared.failures.push(format!(
            "{}: {}{}",
            failure.place,
            failure.error,
            failure
                .error
                .detail
                .as_ref()
                .map(|detail| format!(", {detail}"))
                .unwrap_or_default()
        )),
    }
    Ok(())
}
