use tightrope_model::{Catalog, Fingerprint};
use tightrope_store::{AppliedMigration, Direction};

use super::prepare::{PreparedRollback, RollbackOptions};
use super::report::{NetReturn, Return, RollbackError, RolledBack, RolledBackOne};
use super::{steps, transaction};
use crate::execute::Ready;
use crate::net::Foreign;
use crate::plan::label_of;
use crate::run::{Run, Watchers, unstored};
use crate::{Event, recover};

/// A way back through a net.
pub(super) struct Through {
    /// What the net did.
    pub(super) done: NetReturn,
    /// The schema of before.
    pub(super) before: Catalog,
    /// What others have made since.
    pub(super) foreign: Foreign,
}

pub(super) fn run(
    prepared: PreparedRollback<'_>,
    watchers: Watchers<'_>,
) -> Result<RolledBack, RollbackError> {
    let PreparedRollback {
        project,
        engine,
        session,
        situation,
        migrations,
        options,
        ..
    } = prepared;
    let dialect = engine.kind();
    let mut run = Run::take(project, &engine, session, watchers)?;
    let mut recovered = None;
    if let Some(open) = run.left_open()? {
        let half_done = open.open_migration().is_some();
        if half_done {
            run.name.clone_from(&open.run);
            return steps::settle_open(run, dialect, &open);
        }
        let what = recover::nothing_half_done(&mut run, &open)?;
        watchers
            .listener
            .event(&Event::Recovered { what: what.clone() });
        recover::close(&mut run, &open, &what)?;
        recovered = Some(what);
    }
    if run.store().applied()?.len() != situation.applied.len() {
        run.leave()?;
        return Err(RollbackError::MovedOn);
    }
    if migrations.is_empty() {
        run.leave()?;
        return Ok(RolledBack {
            migrations: Vec::new(),
            recovered,
        });
    }
    run.begin(
        Direction::Rollback,
        migrations
            .iter()
            .map(|migration| migration.version_key.clone())
            .collect(),
    )?;
    let scripts: Vec<_> = migrations
        .iter()
        .filter_map(|one| one.rollback.as_ref())
        .map(unstored)
        .collect();
    let ready: Vec<Ready<'_>> = scripts
        .iter()
        .map(|script| Ready::new(script, dialect, run.session.as_ref()))
        .collect();
    let work: Vec<(&AppliedMigration, &Ready<'_>)> = migrations.iter().zip(&ready).collect();
    for (migration, ready) in &work {
        if let Err(failure) = ready.refusal() {
            let (migration, failure) = (label(migration), Box::new(failure));
            return Err(give_up(
                run,
                RollbackError::Script {
                    migration,
                    failure,
                    tries: 0,
                    tried_ms: 0,
                    steps_done: None,
                },
            ));
        }
    }
    let all_in_one = work
        .iter()
        .all(|(migration, ready)| in_a_transaction(migration, ready));
    let mut done = Vec::new();
    let batches: Vec<&[(&AppliedMigration, &Ready<'_>)]> = if all_in_one {
        vec![&work[..]]
    } else {
        work.chunks(1).collect()
    };
    for batch in batches {
        let result = match batch {
            [(migration, ready)] if !in_a_transaction(migration, ready) => {
                steps::roll_back(&mut run, dialect, migration, ready, &options).map(|one| vec![one])
            }
            batch => transaction::roll_back(&mut run, dialect, batch, &options),
        };
        match result {
            Ok(ones) => done.extend(ones),
            Err(error) => return Err(give_up(run, error)),
        }
    }
    run.end("done")?;
    drop_kept_files(&migrations);
    Ok(RolledBack {
        migrations: done,
        recovered,
    })
}

/// The migration's name for people.
/// Whether a migration goes back in one transaction: its script allows it, or its net makes it.
fn in_a_transaction(migration: &AppliedMigration, ready: &Ready<'_>) -> bool {
    ready.is_one_transaction() || migration.is_open()
}

/// The copies that were kept beside the database go with the migrations that they were kept for.
pub(crate) fn drop_kept_files<'a>(migrations: impl IntoIterator<Item = &'a AppliedMigration>) {
    for path in migrations
        .into_iter()
        .filter_map(|one| one.kept_file.as_ref())
    {
        // Somebody may have moved it, and then it is theirs.
        let _ = std::fs::remove_file(path);
    }
}

pub(super) fn label(migration: &AppliedMigration) -> String {
    label_of(&migration.version, &migration.name)
}

/// Proves that the schema is that of before the migration, and takes the migration off the list; inside the transaction.
///
/// Through a net, tables may have been built anew: the kept catalogs follow their numbers. What others have made since, and
/// what was left alone, is no part of the proof.
pub(super) fn prove_and_record(
    run: &mut Run<'_>,
    migration: &AppliedMigration,
    rollback_ms: u64,
    options: &RollbackOptions,
    net: Option<Through>,
) -> Result<RolledBackOne, RollbackError> {
    let catalog = run.session.catalog()?;
    let now = catalog.fingerprint();
    let foreign = net.as_ref().map(|net| &net.foreign);
    let schema = match foreign.filter(|foreign| !foreign.is_empty()) {
        Some(foreign) => judge(migration.before, foreign.left_out(&catalog).fingerprint()),
        None => judge(migration.before, now),
    };
    if schema == Return::Differs && options.unproven.is_none() {
        let before = match migration.before {
            Some(before) => run.store().snapshot(&before)?,
            None => None,
        };
        return Err(RollbackError::NotRestored {
            migration: label(migration),
            differences: before.map(|before| before.differences(&catalog)),
        });
    }
    if let Some(net) = &net {
        run.store().renumber_snapshots(&net.before, &catalog)?;
    }
    let net = net.map(|net| net.done);
    run.store().remove_applied(&migration.version_key)?;
    run.store().keep_snapshot(&catalog, &now)?;
    run.expect_schema(Some(now))?;
    let mut detail = serde_json::json!({
        "name": migration.name,
        "rollback": migration.rollback.as_ref().map(|script| script.digest),
        "schema": schema,
        "before": migration.before.map(|before| before.strict),
        "now": now.strict,
        "rollback_ms": rollback_ms,
    });
    if let Some(net) = &net {
        detail["way"] = serde_json::json!(net.way);
        detail["merged"] = serde_json::json!(net.merged);
        detail["quarantined"] = serde_json::json!(net.quarantined.len());
        if !net.left_alone.is_empty() {
            detail["left_alone"] = serde_json::json!(net.left_alone);
        }
    }
    let unproven = options
        .unproven
        .as_ref()
        .filter(|_| schema == Return::Differs);
    for (name, reason) in [
        ("unproven", unproven),
        ("drift_accepted", options.accept_drift.as_ref()),
    ] {
        if let Some(reason) = reason {
            detail[name] = serde_json::Value::from(reason.as_str());
        }
    }
    run.record("rolled-back", Some(&migration.version), detail)?;
    Ok(RolledBackOne {
        version: migration.version.clone(),
        name: migration.name.clone(),
        rollback_ms,
        schema,
        fingerprint: now.strict.to_string(),
        net,
    })
}

fn judge(before: Option<Fingerprint>, now: Fingerprint) -> Return {
    match before {
        None => Return::Unmeasured,
        Some(before) if before.strict == now.strict => Return::Exact,
        Some(before) if before.logical == now.logical => Return::Logical,
        Some(_) => Return::Differs,
    }
}

fn give_up(run: Run<'_>, error: RollbackError) -> RollbackError {
    run.fail("rollback-failed", None, &error);
    error
}
