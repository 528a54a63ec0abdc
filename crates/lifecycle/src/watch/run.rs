//! The watch itself: look after look until it is decided.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tightrope_engine::Engine;
use tightrope_judge::{Criteria, Decision, Judge, Look, Observation};
use tightrope_script::Script;
use tightrope_store::{AppliedMark, OpenWatch, StoreError, WatchPhase};

use super::events::{WatchEvent, WatchListener};
use super::gauge::Gauge;
use super::hook;
use super::messenger::Messenger;
use super::post::{Moved, Post, WatchStep};
use super::probe::{Probers, Setting};
use super::report::{Outcome, WatchError, Watched};
use super::sentry::Sentry;
use super::way_back::{self, WayBackNow};
use crate::project::Project;
use crate::run::{Watchers, unstored};

/// Asks a person whether to roll back; where nobody is there, the answer is no.
pub type Ask<'a> = dyn Fn(&[String], &WayBackNow) -> bool + 'a;

/// What a watch is made of.
pub(super) struct WatchParts<'p> {
    pub(super) project: &'p Project,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) post: Post<'p>,
    pub(super) open: OpenWatch,
    pub(super) criteria: Criteria,
    pub(super) watchers: Watchers<'p>,
    pub(super) listener: &'p dyn WatchListener,
}

/// What became of the watch of a run that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalledOff {
    /// Nothing was applied, and the watch is over.
    NothingApplied,
    /// Of several migrations these are applied and stay, and the watch is over.
    Alert {
        /// Their labels.
        applied: Vec<String>,
    },
    /// Everything may be applied, or something is half done: the watch is open, and another process can go on with it.
    LeftOpen,
}

/// A watch that this process has.
pub struct Watch<'p> {
    pub(super) project: &'p Project,
    pub(super) post: Post<'p>,
    pub(super) open: OpenWatch,
    pub(super) judge: Judge,
    pub(super) watchers: Watchers<'p>,
    listener: &'p dyn WatchListener,
    probers: Probers,
    /// Since when this process watches on the present side of the migration; no correction of the time moves it.
    since: Instant,
    /// What others had watched before.
    before_ms: u64,
    pub(super) looks: usize,
    pub(super) way_back: WayBackNow,
    pub(super) gauge: Gauge,
    messenger: Messenger,
    /// Looks while the forward scripts run.
    pub(super) sentry: Option<Sentry>,
}

impl<'p> Watch<'p> {
    /// A watch that goes on from these looks.
    pub(super) fn new(parts: WatchParts<'p>, looks: Vec<Look>) -> Self {
        let WatchParts {
            project,
            engine,
            post,
            open,
            criteria,
            watchers,
            listener,
        } = parts;
        let verify: Vec<Script> = open.record.verify.iter().map(unstored).collect();
        let mut cursors = BTreeMap::new();
        let mut judge = Judge::new(criteria);
        for look in &looks {
            judge.add(look);
            for (name, seen) in &look.seen {
                if let Observation::Samples {
                    cursor: Some(cursor),
                    ..
                } = seen
                {
                    cursors.insert(name.clone(), cursor.clone());
                }
            }
        }
        let messenger = Messenger::start(hook::everybody(judge.criteria(), project.variables));
        Self {
            probers: Probers::start(
                judge.criteria(),
                &Setting {
                    project,
                    engine: &engine,
                    verify: &verify,
                    cursors: &cursors,
                    lock_timeout_ms: None,
                },
            ),
            sentry: None,
            project,
            post,
            open,
            before_ms: judge.elapsed_ms(),
            judge,
            watchers,
            listener,
            since: Instant::now(),
            looks: looks.len(),
            way_back: WayBackNow::unread(),
            gauge: Gauge::start(project),
            messenger,
        }
    }

    /// For how long has been watched on this side of the migration.
    pub(super) fn elapsed_ms(&self) -> u64 {
        self.before_ms + crate::execute::elapsed_ms(self.since)
    }

    /// Says something to whoever listens and to the hook.
    pub(super) fn tell(&self, event: &WatchEvent) {
        self.listener.event(event);
        self.messenger.tell(event);
        self.say_what_was_not_told(self.messenger.failures());
    }

    /// Waits until everything is told: the watch is over.
    pub(super) fn have_told(&self) {
        self.say_what_was_not_told(self.messenger.settle());
    }

    fn say_what_was_not_told(&self, failures: Vec<String>) {
        for because in failures {
            self.listener.event(&WatchEvent::HookFailed { because });
        }
    }

    /// Takes a look, makes it durable, and gives it to the judge. Ends with the tick.
    pub(super) fn look(&mut self, after: bool) -> Result<(), WatchError> {
        let until = Instant::now() + self.probers.tick();
        let seen = self.probers.look(until);
        let mut look = Look {
            after,
            elapsed_ms: self.elapsed_ms(),
            seen,
            unreachable: false,
        };
        match self.post.keep(&mut look) {
            Ok(()) => self.watchers.edges.reached("look kept"),
            Err(WatchError::Store(error @ StoreError::LeaseLost { .. })) => {
                return Err(error.into());
            }
            // What the probes say of it counts; the look is kept as soon as it can be.
            Err(error) => self.tell(&WatchEvent::Unreachable {
                because: way_back::in_words(&error),
            }),
        }
        self.judge.add(&look);
        self.looks += 1;
        if self.judge.decision(false) == Decision::GoOn || !after {
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
        }
        Ok(())
    }

    /// Says that the migrations are applied: from here on it counts.
    ///
    /// # Errors
    /// When another process has taken the watch over.
    pub fn applied(&mut self) -> Result<(), WatchError> {
        self.sentry = None;
        (self.since, self.before_ms) = (Instant::now(), 0);
        for text in self.post.measured()? {
            if let Ok(look) = serde_json::from_str(&text) {
                self.judge.add(&look);
            }
        }
        self.begin_watching()
    }

    pub(super) fn begin_watching(&mut self) -> Result<(), WatchError> {
        self.open.phase = WatchPhase::Watching;
        self.open.record.applied = self.post.still_applied(&self.open.record)?;
        let record = self.open.record.clone();
        self.record(&WatchStep {
            phase: WatchPhase::Watching,
            action: "watch-begun",
            detail: serde_json::json!({ "watch": self.open.number, "digest": record.digest }),
            outcome: None,
            update: Some(&record),
            unless_applied: None,
        })?;
        self.tell(&WatchEvent::Watching {
            migrations: self.open.record.migrations.clone(),
            milliseconds: self.judge.criteria().watch_ms,
        });
        Ok(())
    }

    /// Ends the watch of a run that failed, if that is certain to have applied nothing. Whatever is applied stays; that it is not
    /// watched is an alert.
    pub fn call_off(&mut self, because: &str) -> CalledOff {
        self.sentry = None;
        let because = vec![because.to_owned()];
        match self.end_unless_applied(&because) {
            Ok(Moved::Yes) => CalledOff::NothingApplied,
            Ok(Moved::Not {
                applied,
                is_half_done: false,
            }) if !self.is_whole(&applied) => {
                let why = Some("a person has to decide about what is applied");
                match self.end(Outcome::Alert, &because, why) {
                    Ok(()) => CalledOff::Alert {
                        applied: self.labels(&applied),
                    },
                    Err(_) => CalledOff::LeftOpen,
                }
            }
            // What is half done, or in doubt, is settled by the next command; the error that brought us here is what a person has
            // to see.
            Ok(Moved::Not { .. }) | Err(_) => CalledOff::LeftOpen,
        }
    }

    fn labels(&self, applied: &[AppliedMark]) -> Vec<String> {
        let record = &self.open.record;
        let all = record.version_keys.iter().zip(&record.migrations);
        all.filter(|(key, _)| applied.iter().any(|mark| mark.version_key == **key))
            .map(|(_, label)| label.clone())
            .collect()
    }

    /// Watches until it is decided, and does what follows.
    ///
    /// # Errors
    /// When another process has taken the watch over, or a decision cannot be made durable.
    pub fn go_on(mut self, ask: &Ask<'_>) -> Result<Watched, WatchError> {
        if self.open.phase == WatchPhase::RollingBack {
            return self.finish_rolling_back();
        }
        if self.open.phase == WatchPhase::Before {
            let because = vec!["not all of it was applied before the watcher died".to_owned()];
            let why = "a person has to decide about what is applied".to_owned();
            return self.over(Outcome::Alert, because, Some(why), None);
        }
        loop {
            self.look(true)?;
            if let Ok(applied) = self.post.still_applied(&self.open.record)
                && !self.is_whole(&applied)
            {
                let because = vec!["the migration is not applied any more".to_owned()];
                return self.over(Outcome::RolledBackByHand, because, None, None);
            }
            if let Some(way_back) = self.gauge.look(&self.open.record) {
                self.way_back = way_back;
            }
            let watch_ms = self.judge.criteria().watch_ms;
            let is_over = self.elapsed_ms() >= watch_ms;
            if is_over {
                self.judge.close();
            }
            self.tell(&WatchEvent::Look {
                rulings: self.judge.rulings(is_over),
                left_ms: watch_ms.saturating_sub(self.elapsed_ms()),
                way_back: self.way_back.clone(),
            });
            match self.judge.decision(is_over) {
                Decision::GoOn => {}
                Decision::Keep => return self.over(Outcome::Kept, Vec::new(), None, None),
                Decision::Undecided { because } => {
                    return self.over(Outcome::Undecided, because, None, None);
                }
                Decision::Fail { because } => return self.fail(because, ask),
            }
        }
    }

    /// Whether that is all that is watched.
    pub(super) fn is_whole(&self, applied: &[AppliedMark]) -> bool {
        applied.len() >= self.open.record.version_keys.len()
    }
}
