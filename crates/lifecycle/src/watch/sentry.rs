//! While the forward scripts run: a hard limit that is passed then raises the alarm, and the script is cancelled and undone.
//!
//! Comparisons, invariants and verify scripts wait until the migration is applied. A probe that fails meanwhile says nothing: it may
//! wait for what the script has locked, and waits for that only a moment, so that it is no stall itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tightrope_engine::Engine;
use tightrope_judge::{Condition, Criteria, Decision, Judge, Look, OnFailure, Policy, ProbeSource};

use super::probe::{Probers, Setting};
use crate::companion::Alarm;
use crate::project::Project;

/// How long one of its probes waits for a lock.
const LOCK_TIMEOUT_MS: u64 = 50;

/// It looks until the value is dropped; nobody waits for a look that hangs in a dead connection.
pub(super) struct Sentry {
    _stop: Sender<()>,
}

impl Sentry {
    /// Takes the first look, and goes on looking; none where no limit can be passed, or nothing is rolled back by itself.
    pub(super) fn start(
        project: &Project,
        engine: &Arc<dyn Engine>,
        criteria: &Criteria,
    ) -> Option<(Self, Alarm)> {
        let criteria = limits_of(criteria);
        if criteria.criteria.is_empty() || criteria.policy != Policy::Auto {
            return None;
        }
        let setting = Setting {
            project,
            engine,
            verify: &[],
            cursors: &BTreeMap::new(),
            lock_timeout_ms: Some(LOCK_TIMEOUT_MS),
        };
        let mut looking = Looking {
            probers: Probers::start(&criteria, &setting),
            judge: Judge::new(criteria),
            since: Instant::now(),
        };
        looking.look(false);
        let (stop, stopped) = channel();
        let alarm = Alarm::default();
        let raised = alarm.clone();
        std::thread::spawn(move || looking.go_on(&stopped, &raised));
        Some((Self { _stop: stop }, alarm))
    }
}

struct Looking {
    probers: Probers,
    judge: Judge,
    since: Instant,
}

impl Looking {
    /// Looks once, and gives the instant at which the next look is due.
    fn look(&mut self, after: bool) -> Instant {
        let until = Instant::now() + self.probers.tick();
        let look = Look {
            after,
            elapsed_ms: crate::execute::elapsed_ms(self.since),
            seen: self.probers.look(until),
            unreachable: false,
        };
        self.judge.add(&look);
        until
    }

    fn go_on(mut self, stopped: &Receiver<()>, alarm: &Alarm) {
        let mut wait = Duration::ZERO;
        while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            let until = self.look(true);
            if let Decision::Fail { because } = self.judge.decision(false) {
                alarm.raise(format!(
                    "while the script ran, {}, and it was cancelled",
                    because.join("; ")
                ));
                return;
            }
            wait = until.saturating_duration_since(Instant::now());
        }
    }
}

/// The hard limits of the criteria, with their probes.
fn limits_of(criteria: &Criteria) -> Criteria {
    let mut limits = criteria.clone();
    limits.criteria.retain(|criterion| {
        let Condition::Limit { probe, .. } = &criterion.condition else {
            return false;
        };
        let source = criteria.probes.get(probe).map(|probe| &probe.source);
        !matches!(source, None | Some(ProbeSource::Verify))
    });
    let conditions = limits.criteria.iter().map(|criterion| &criterion.condition);
    let asked: BTreeSet<&str> = conditions.flat_map(Condition::probes).collect();
    limits
        .probes
        .retain(|name, _| asked.contains(name.as_str()));
    for probe in limits.probes.values_mut() {
        probe.on_failure = OnFailure::NoData;
    }
    limits.traffic = None;
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_limits_count_while_a_script_runs_and_a_failing_probe_does_not() {
        let text = "[watch]\ncriteria = [\"more than 10 errors\", \"the verify script fails\", \"row count of orders equal\", \
            \"p95 of checkout up by more than 20 %\"]\n[watch.probes.errors]\ntable = \"app_errors\"\n\
            [watch.probes.checkout]\nsql = \"select ms from log where id > $1 and id <= $2\"\ncursor = \"select 1\"\n";
        let (criteria, findings) =
            tightrope_judge::read(std::path::Path::new("tightrope.toml"), text);
        assert!(findings.is_empty(), "{findings:?}");
        let limits = limits_of(&criteria);
        let texts: Vec<&str> = limits
            .criteria
            .iter()
            .map(|one| one.text.as_str())
            .collect();
        assert_eq!(texts, ["more than 10 errors"]);
        let probes: Vec<&String> = limits.probes.keys().collect();
        assert_eq!(probes, ["errors"]);
        assert_eq!(limits.probes["errors"].on_failure, OnFailure::NoData);
    }
}
