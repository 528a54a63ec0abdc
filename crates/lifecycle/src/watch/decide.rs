//! What follows from a decision: keep, roll back once, or call a person.

use std::time::{Duration, Instant};

use serde_json::json;
use tightrope_judge::Policy;
use tightrope_store::{StoreError, WatchPhase};

use super::events::WatchEvent;
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
        self.record(WatchPhase::RollingBack, "watch-failed", detail, None)?;
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
        let record = &self.open.record;
        let begun = Instant::now();
        self.way_back = loop {
            let looked =
                way_back::look(self.project, record.stays.as_deref(), &record.version_keys);
            match looked {
                Ok((way_back, Some(_))) => break way_back,
                // A server that has just come back answers a moment later.
                Ok((way_back, None)) if begun.elapsed() > PAUSE * 20 => break way_back,
                Ok((_, None)) => {}
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Err(_) => {}
            }
            std::thread::sleep(PAUSE);
        };
        if !self.way_back.lossless {
            let why = self.way_back.because.clone().unwrap_or_default();
            return Ok(Err(format!("the way back is not open without loss: {why}")));
        }
        if policy == Policy::Ask && !ask(because, &self.way_back) {
            return Ok(Err("nobody has said yes".to_owned()));
        }
        Ok(Ok(()))
    }

    /// A process died in the middle of rolling back, or right after: the decision stands.
    pub(super) fn finish_rolling_back(self) -> Result<Watched, WatchError> {
        let because = vec!["it was decided before the watcher died".to_owned()];
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
                let why = format!("the rollback failed: {}", way_back::in_words(&error));
                return self.over(Outcome::Alert, because, Some(why), None);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Rolls back what is still applied; none where somebody else has done so.
    fn try_to_roll_back(&mut self) -> Result<Option<RolledBack>, RollbackError> {
        let record = &self.open.record;
        let options = way_back::options(record.stays.as_deref());
        let prepared = crate::rollback::prepare_rollback(self.project, &options)?;
        let is_ours = |key: &String| record.version_keys.contains(key);
        let left = prepared
            .situation()
            .applied
            .iter()
            .filter(|one| is_ours(&one.version_key))
            .count();
        if left == 0 && prepared.interrupted().is_none() {
            return Ok(None);
        }
        if prepared
            .migrations()
            .iter()
            .any(|one| !is_ours(&one.version_key))
        {
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
        self.record(WatchPhase::Ended, "watch-ended", detail, Some(&text))?;
        self.tell(&WatchEvent::Ended {
            outcome: name,
            because: because.to_vec(),
        });
        Ok(())
    }

    /// Makes a decision durable; somebody else at work is waited for, a server that restarts, too.
    fn record(
        &mut self,
        phase: WatchPhase,
        action: &str,
        detail: serde_json::Value,
        outcome: Option<&str>,
    ) -> Result<(), WatchError> {
        let (begun, watchers) = (Instant::now(), self.watchers);
        loop {
            let error =
                match self
                    .post
                    .record(watchers, phase, action, None, detail.clone(), outcome)
                {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                };
            let is_lost = matches!(
                error,
                WatchError::Store(StoreError::LeaseLost { .. })
                    | WatchError::Run(RunError::Store(StoreError::LeaseLost { .. }))
            );
            if is_lost || begun.elapsed() > PATIENCE {
                return Err(error);
            }
            self.tell(&WatchEvent::Unreachable {
                because: way_back::in_words(&error),
            });
            std::thread::sleep(PAUSE);
        }
    }
}
