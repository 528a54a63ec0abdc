//! Before anything is applied: the criteria are fixed, and the baseline is taken.

use std::path::Path;
use std::sync::Arc;

use tightrope_judge::{Condition, Criteria, ProbeSource};
use tightrope_model::Severity;
use tightrope_script::Migration;
use tightrope_store::{OpenWatch, Store, StoredScript, WatchPhase, WatchRecord};

use super::events::WatchEvent;
use super::hold::Held;
use super::post::Post;
use super::report::WatchError;
use super::run::{Watch, WatchParts};
use super::sentry::Sentry;
use super::variables::all_set;
use crate::apply::Prepared;
use crate::run::{Run, Watchers, stored};
use crate::situation::version_key;
use crate::watch::events::WatchListener;

/// The criteria for these migrations: what the configuration says, and what each of them adds.
///
/// # Errors
/// When something in them is not understood.
pub fn criteria_of<'m>(
    configuration: Option<(&Path, &str)>,
    migrations: impl IntoIterator<Item = &'m Migration>,
) -> Result<Criteria, WatchError> {
    let (file, text) = configuration.unwrap_or((Path::new("tightrope.toml"), ""));
    let (mut criteria, mut findings) = tightrope_judge::read(file, text);
    for migration in migrations {
        if let Some(watch) = &migration.settings.watch {
            let (more, also) = tightrope_judge::read_more(criteria, &watch.file, &watch.text);
            criteria = more;
            findings.extend(also);
        }
    }
    match findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        true => Err(WatchError::Criteria(findings)),
        false => Ok(criteria),
    }
}

/// Fixes the criteria for migrations that are about to be applied, and takes the baseline. The migrations measure their invariants
/// from here on.
///
/// # Errors
/// When a criterion cannot be measured here, a probe does not work, or another watch is open; nothing is applied then.
pub fn begin_watch<'p>(
    prepared: &mut Prepared<'p>,
    criteria: Criteria,
    watchers: Watchers<'p>,
    listener: &'p dyn WatchListener,
) -> Result<Watch<'p>, WatchError> {
    if criteria.criteria.is_empty() {
        return Err(WatchError::NoCriteria);
    }
    let project = prepared.project;
    all_set(project, &criteria)?;
    let engine = project.engine()?;
    let session = prepared.session.as_mut();
    measurable(
        &criteria,
        prepared.situation.catalog.tables().is_empty(),
        session.vitals().is_some(),
    )?;
    let held = Held::of(0, &criteria, &prepared.situation.catalog, session)?;
    let migrations: Vec<&Migration> = prepared
        .migrations()
        .map(|(migration, _)| migration)
        .collect();
    let verify: Vec<StoredScript> = migrations
        .iter()
        .filter_map(|migration| migration.verify.as_ref())
        .map(|script| stored(script, engine.kind()))
        .collect();
    let newest = prepared
        .situation
        .applied
        .iter()
        .rev()
        .find(|one| !one.repeatable);
    let record = WatchRecord {
        criteria: serde_json::to_string(&criteria).unwrap_or_default(),
        digest: criteria.digest(),
        migrations: migrations
            .iter()
            .map(|migration| migration.label())
            .collect(),
        version_keys: migrations
            .iter()
            .map(|migration| version_key(migration))
            .collect(),
        forwards: migrations
            .iter()
            .map(|migration| migration.forward.digest())
            .collect(),
        applied: Vec::new(),
        stays: newest.map(|one| one.version.clone()),
        verify,
    };
    let mut session = project.connect(engine.as_ref(), crate::project::Access::Write)?;
    Store::new(session.as_mut()).ensure()?;
    close_what_was_left(session.as_mut())?;
    let (post, _) = Post::take(project, session)?;
    let number = record_begin(project, &record, &criteria, watchers)?;
    let open = OpenWatch {
        number,
        begun_at: String::new(),
        phase: WatchPhase::Before,
        record,
    };
    let parts = WatchParts {
        project,
        engine: Arc::clone(&engine),
        post: post.at(number, 0),
        open,
        criteria,
        watchers,
        listener,
    };
    let mut watch = Watch::new(parts, Vec::new());
    if let Err(error) = watch.take_baseline() {
        // Nothing was run; what cannot be recorded of that is the next command's to say.
        let _ = watch.call_off("a probe does not work");
        return Err(error);
    }
    prepared.held = Some(held.for_watch(number));
    if let Some((sentry, alarm)) = Sentry::start(project, &engine, watch.judge.criteria()) {
        (watch.sentry, prepared.alarm) = (Some(sentry), Some(alarm));
    }
    Ok(watch)
}

/// What can be said without looking.
fn measurable(criteria: &Criteria, is_empty: bool, has_server: bool) -> Result<(), WatchError> {
    for criterion in &criteria.criteria {
        for name in criterion.condition.probes() {
            let source = criteria.probes.get(name).map(|probe| &probe.source);
            if let Some(ProbeSource::Server { .. } | ProbeSource::Statement { .. }) = source
                && !has_server
            {
                return Err(WatchError::NotMeasurable {
                    criterion: criterion.text.clone(),
                    because: "this engine has no server that counts".to_owned(),
                });
            }
        }
        if let (Condition::Invariant(_), true) = (&criterion.condition, is_empty) {
            return Err(WatchError::NotMeasurable {
                criterion: criterion.text.clone(),
                because: "the database has no tables".to_owned(),
            });
        }
    }
    Ok(())
}

/// A watch whose process died before anything was applied is over; any other has to be gone on with.
fn close_what_was_left(session: &mut dyn tightrope_engine::Session) -> Result<(), WatchError> {
    let mut store = Store::new(session);
    let Some(open) = store.open_watch()? else {
        return Ok(());
    };
    if let Some((by, seconds, alive)) = store.watcher()?
        && alive != tightrope_engine::Alive::No
    {
        return Err(WatchError::Held { by, seconds });
    }
    if open.phase == WatchPhase::Before && store.still_applied(&open.record)?.is_empty() {
        store.move_watch(
            open.number,
            WatchPhase::Ended,
            Some("{\"outcome\":\"not-applied\"}"),
        )?;
        return Ok(());
    }
    Err(WatchError::Open {
        migrations: open.record.migrations.join(", "),
    })
}

fn record_begin(
    project: &crate::Project,
    record: &WatchRecord,
    criteria: &Criteria,
    watchers: Watchers<'_>,
) -> Result<i64, WatchError> {
    let engine = project.engine()?;
    let session = project.connect(engine.as_ref(), crate::project::Access::Write)?;
    let mut run = Run::take(project, &engine, session, watchers)?;
    let begun = run.in_transaction(|run| {
        let number = run.store().begin_watch(record)?;
        let sentences: Vec<&str> = criteria
            .criteria
            .iter()
            .map(|criterion| criterion.text.as_str())
            .collect();
        let detail = serde_json::json!({
            "watch": number,
            "digest": record.digest,
            "criteria": sentences,
            "policy": criteria.policy,
            "watch_ms": criteria.watch_ms,
            "migrations": record.migrations,
        });
        run.record("criteria-fixed", None, detail)?;
        Ok(number)
    });
    watchers.edges.reached("criteria fixed");
    run.leave()?;
    Ok(begun?)
}

impl Watch<'_> {
    /// Looks for as long as the baseline is to be, at least twice; every probe has to have given something by then.
    fn take_baseline(&mut self) -> Result<(), WatchError> {
        let criteria = self.judge.criteria();
        let milliseconds = criteria.baseline_ms;
        self.tell(&WatchEvent::BaselineBegun {
            migrations: self.open.record.migrations.clone(),
            digest: self.open.record.digest.to_string(),
            milliseconds,
        });
        let mut looks = 0;
        while self.elapsed_ms() < milliseconds || looks < 2 {
            self.look(false)?;
            looks += 1;
        }
        if let Some((probe, because)) = self.judge.blind().into_iter().next() {
            let because =
                because.unwrap_or_else(|| "gave nothing in the whole baseline".to_owned());
            return Err(WatchError::Blind { probe, because });
        }
        let (quality, finds) = (self.judge.baseline(), self.judge.finds());
        self.tell(&WatchEvent::Baseline { quality, finds });
        Ok(())
    }
}
