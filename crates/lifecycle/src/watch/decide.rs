//! What follows from a decision: keep, roll back once, or call a person.

use std::time::{Duration, Instant};

use serde_json::json;
use tightrope_judge::Policy;
use tightrope_store::{AppliedMark, AppliedMigration, StoreError, WatchPhase};

use super::events::WatchEvent;
use super::post::{Moved, WatchStep};
use super::report::{Outcome, WatchError, Watched};
use super::run::{Ask, Watch};
use super::way_back;
use crate::rollback::{RollbackError, RolledBack};
use crate::run::RunError;

/// For how long a decision is tried to be made durable while somebody else is at work, or the target cannot be reached.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(500);

impl Watch<'_> {
    /// A criterion fails.
    pub(super) fn fail(
        mut self,
        because: Vec<String>,
        ask: &Ask<'_>,
    ) -> Result<Watched, WatchError> {
        self.tell(&WatchEvent::Failed {
            because: because.clone(),
        });
        match self.may_roll_back(&because, ask)? {
            Ok(()) => {}
            Err(why) => return self.over(Outcome::Alert, because, Some(why), None),
        }
        let detail = json!({
            "watch": self.open.number,
            "digest": self.open.record.digest,
            "because": because,
            "rulings": self.judge.rulings(false),
            "way_back": self.way_back,
        });
        self.record(&WatchStep {
            phase: WatchPhase::RollingBack,
            action: "watch-failed",
            detail,
            outcome: None,
            update: None,
            unless_applied: None,
        })?;
        self.watchers.edges.reached("decided to roll back");
        self.roll_back(because, Outcome::RolledBackByHand)
    }

    /// The guard: whether the migrations may be rolled back now, or why not.
    fn may_roll_back(
        &mut self,
        because: &[String],
        ask: &Ask<'_>,
    ) -> Result<Result<(), String>, WatchError> {
        let policy = self.judge.criteria().policy;
        if policy == Policy::Alert {
            return Ok(Err("the policy is alert".to_owned()));
        }
        self.gauge.settle(PATIENCE);
        self.look_at_the_way_back()?;
        if let Some(why) = self.would_lose() {
            return Ok(Err(why));
        }
        if policy == Policy::Ask && !ask(because, &self.way_back) {
            return Ok(Err("nobody has said yes".to_owned()));
        }
        Ok(Ok(()))
    }

    /// Reads the gauge, with patience; true where a rollback is half done.
    fn look_at_the_way_back(&mut self) -> Result<bool, WatchError> {
        let begun = Instant::now();
        loop {
            match way_back::look(self.project, &self.open.record) {
                Ok((way_back, Some(prepared))) => {
                    self.way_back = way_back;
                    return Ok(prepared.interrupted().is_some());
                }
                // A server that has just come back answers a moment later.
                Ok((way_back, None)) if begun.elapsed() > PAUSE * 20 => {
                    self.way_back = way_back;
                    return Ok(false);
                }
                Ok((_, None)) => {}
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Err(_) => {}
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn would_lose(&self) -> Option<String> {
        let why = self.way_back.because.clone().unwrap_or_default();
        (!self.way_back.lossless).then(|| format!("the way back is not open without loss: {why}"))
    }

    /// A process died in the middle of rolling back, or right after: the decision stands, as long as it is still the same migration
    /// and its way back has stayed open. What is half rolled back is finished.
    pub(super) fn finish_rolling_back(mut self) -> Result<Watched, WatchError> {
        let because = vec!["it was decided before the watcher died".to_owned()];
        let applied = self.surely_applied()?;
        if !applied.is_empty()
            && !self.look_at_the_way_back()?
            && let Some(why) = self.would_lose()
        {
            return self.over(Outcome::Alert, because, Some(why), None);
        }
        self.roll_back(because, Outcome::RolledBack)
    }

    /// Rolls back; `gone` is what it means that somebody has done so already.
    fn roll_back(mut self, because: Vec<String>, gone: Outcome) -> Result<Watched, WatchError> {
        self.tell(&WatchEvent::RollingBack {
            migrations: self.open.record.migrations.clone(),
            way_back: self.way_back.clone(),
        });
        let begun = Instant::now();
        loop {
            let error = match self.try_to_roll_back() {
                Ok(Some(done)) => return self.over(Outcome::RolledBack, because, None, Some(done)),
                Ok(None) => return self.over(gone, because, None, None),
                Err(error) => error,
            };
            let may_pass = matches!(
                error,
                RollbackError::Run(RunError::Held { .. })
                    | RollbackError::MovedOn
                    | RollbackError::Situation(_)
            );
            if !may_pass || begun.elapsed() > PATIENCE {
                return self.after_a_failure(because, &error);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// A rollback gave an error: it may have happened all the same, if it was the answer that was lost.
    fn after_a_failure(
        mut self,
        because: Vec<String>,
        error: &RollbackError,
    ) -> Result<Watched, WatchError> {
        let why = way_back::in_words(error);
        match self.surely_applied() {
            Ok(applied) if applied.is_empty() => {
                self.over(Outcome::RolledBack, because, None, None)
            }
            Ok(_) => {
                let why = format!("the rollback failed: {why}");
                self.over(Outcome::Alert, because, Some(why), None)
            }
            Err(lost) if is_lost(&lost) => Err(lost),
            Err(_) => Err(WatchError::InDoubt { because: why }),
        }
    }

    /// What of the watched migrations is applied, once nobody is at work any more; with patience.
    fn surely_applied(&mut self) -> Result<Vec<AppliedMark>, WatchError> {
        let begun = Instant::now();
        loop {
            match self.post.surely_applied(self.watchers, &self.open.record) {
                Err(error) if is_lost(&error) || begun.elapsed() > PATIENCE => return Err(error),
                Err(error) => self.tell(&WatchEvent::Unreachable {
                    because: way_back::in_words(&error),
                }),
                Ok(applied) => return Ok(applied),
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Rolls back what is still applied; none where somebody else has done so.
    fn try_to_roll_back(&mut self) -> Result<Option<RolledBack>, RollbackError> {
        let record = &self.open.record;
        let options = way_back::options(record.stays.as_deref());
        let prepared = crate::rollback::prepare_rollback(self.project, &options)?;
        let is_ours = |one: &AppliedMigration| record.is_watched(&AppliedMark::from(one));
        let left = prepared
            .situation()
            .applied
            .iter()
            .filter(|one| is_ours(one))
            .count();
        if left == 0 && prepared.interrupted().is_none() {
            return Ok(None);
        }
        if prepared.migrations().iter().any(|one| !is_ours(one)) {
            return Err(RollbackError::MovedOn);
        }
        let done = prepared.run(self.watchers)?;
        self.watchers.edges.reached("rolled back by the watch");
        Ok(Some(done))
    }

    /// The end: recorded, told, and given back.
    pub(super) fn over(
        mut self,
        outcome: Outcome,
        because: Vec<String>,
        not_rolled_back: Option<String>,
        rolled_back: Option<RolledBack>,
    ) -> Result<Watched, WatchError> {
        let mut words = because.clone();
        words.extend(not_rolled_back.iter().cloned());
        self.end(outcome, &words, not_rolled_back.as_deref())?;
        let is_over = !matches!(outcome, Outcome::RolledBack | Outcome::Alert);
        Ok(Watched {
            migrations: self.open.record.migrations.clone(),
            outcome,
            because,
            not_rolled_back,
            rulings: self.judge.rulings(is_over),
            watched_ms: self.judge.elapsed_ms(),
            looks: self.looks,
            rolled_back,
            digest: self.open.record.digest,
        })
    }

    pub(super) fn end(
        &mut self,
        outcome: Outcome,
        because: &[String],
        not_rolled_back: Option<&str>,
    ) -> Result<(), WatchError> {
        self.end_if(outcome, because, not_rolled_back, false)
            .map(drop)
    }

    /// Ends a watch of which nothing is applied, if that is so at the very moment.
    pub(super) fn end_unless_applied(&mut self, because: &[String]) -> Result<Moved, WatchError> {
        self.end_if(Outcome::NotApplied, because, None, true)
    }

    fn end_if(
        &mut self,
        outcome: Outcome,
        because: &[String],
        not_rolled_back: Option<&str>,
        unless_applied: bool,
    ) -> Result<Moved, WatchError> {
        let name = outcome.name();
        let detail = json!({
            "watch": self.open.number,
            "outcome": name,
            "because": because,
            "not_rolled_back": not_rolled_back,
            "digest": self.open.record.digest,
            "rulings": self.judge.rulings(true),
            "watched_ms": self.judge.elapsed_ms(),
            "looks": self.looks,
        });
        let text = json!({ "outcome": name, "because": because }).to_string();
        let record = self.open.record.clone();
        let moved = self.record(&WatchStep {
            phase: WatchPhase::Ended,
            action: "watch-ended",
            detail,
            outcome: Some(&text),
            update: None,
            unless_applied: unless_applied.then_some(&record),
        })?;
        if let Moved::Yes = moved {
            self.tell(&WatchEvent::Ended {
                outcome: name,
                because: because.to_vec(),
            });
            self.have_told();
        }
        Ok(moved)
    }

    /// Makes a decision durable; somebody else at work is waited for, a server that restarts, too.
    pub(super) fn record(&mut self, step: &WatchStep<'_>) -> Result<Moved, WatchError> {
        let (begun, watchers) = (Instant::now(), self.watchers);
        loop {
            let error = match self.post.record(watchers, step) {
                Ok(moved) => return Ok(moved),
                Err(error) => error,
            };
            if is_lost(&error) || begun.elapsed() > PATIENCE {
                return Err(error);
            }
            self.tell(&WatchEvent::Unreachable {
                because: way_back::in_words(&error),
            });
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether another process has taken over.
fn is_lost(error: &WatchError) -> bool {
    matches!(
        error,
        WatchError::Store(StoreError::LeaseLost { .. })
            | WatchError::Run(RunError::Store(StoreError::LeaseLost { .. }))
    )
}
