//! What one probe has shown so far, on both sides of the migration.

use std::collections::BTreeMap;

use crate::compare::Sample;
use crate::look::{Failure, FailureKind, Observation};

/// Samples before and after.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) before: Vec<Sample>,
    pub(crate) after: Vec<Sample>,
}

impl Series {
    fn push(&mut self, after: bool, sample: Sample) {
        match after {
            true => self.after.push(sample),
            false => self.before.push(sample),
        }
    }
}

/// A counter.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    last: f64,
    since: f64,
}

/// What one probe has shown so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    /// Samples by measure; what is measured without one is under the empty name.
    series: BTreeMap<String, Series>,
    totals: BTreeMap<String, Total>,
    epoch: Option<String>,
    /// What was measured on both sides of a forward script.
    pub(crate) both: Vec<(String, String)>,
    /// Good looks of the baseline.
    pub(crate) good_before: u64,
    /// Good looks since.
    pub(crate) good: u64,
    /// Looks since in which it failed, or its counters were reset.
    pub(crate) lost: u64,
    /// How many looks one after the other have failed by now.
    pub(crate) failing: u32,
    /// Whether the target could not be reached at its last look.
    blind: bool,
    /// The last failure.
    pub(crate) failure: Option<Failure>,
    /// How often its counters were reset.
    pub(crate) resets: u32,
    /// When something last happened, on the axis of its side.
    pub(crate) last_growth_ms: Option<u64>,
    /// How much has happened since the migration: samples, or the counter that says how much.
    pub(crate) happened: f64,
}

const NOTHING: &Series = &Series {
    before: Vec::new(),
    after: Vec::new(),
};

impl Track {
    pub(crate) fn series(&self, measure: Option<&str>) -> &Series {
        self.series
            .get(measure.unwrap_or_default())
            .unwrap_or(NOTHING)
    }

    /// How much a counter has grown since the migration; none where it counts nothing.
    pub(crate) fn since(&self) -> Option<f64> {
        self.totals.get("count").map(|total| total.since)
    }

    /// Whether its last look gave something.
    pub(crate) fn sees(&self) -> bool {
        self.failing == 0 && !self.blind
    }

    /// A look that gave nothing because the target could not be reached at all.
    pub(crate) fn lose(&mut self, after: bool, failure: &Failure) {
        self.blind = true;
        self.failure = Some(failure.clone());
        self.lost += u64::from(after);
    }

    /// A look at a statement that the statistics do not know (any more). That it has not run is no failure of the probe, and no data
    /// either; should it come back, it counts from nothing.
    fn forget(&mut self, after: bool, failure: &Failure) {
        self.resets += u32::from(self.totals.values().any(|total| total.last > 0.0));
        for total in self.totals.values_mut() {
            total.last = 0.0;
        }
        self.failing = 0;
        self.failure = Some(failure.clone());
        self.lost += u64::from(after);
    }

    pub(crate) fn add(&mut self, after: bool, at_ms: u64, seen: &Observation) {
        self.blind = false;
        match seen {
            Observation::Failed(failure) if failure.kind == FailureKind::Absent => {
                self.forget(after, failure);
                return;
            }
            Observation::Failed(failure) => {
                self.failing += 1;
                self.failure = Some(failure.clone());
                self.lost += u64::from(after);
                return;
            }
            Observation::Level { value } => {
                let sample = Sample {
                    at_ms,
                    value: *value,
                };
                self.series
                    .entry(String::new())
                    .or_default()
                    .push(after, sample);
            }
            Observation::Samples { values, .. } => {
                let series = self.series.entry(String::new()).or_default();
                for value in values {
                    series.push(
                        after,
                        Sample {
                            at_ms,
                            value: *value,
                        },
                    );
                }
                self.grow(after, at_ms, values.len() as f64);
            }
            Observation::Totals { values, epoch } => {
                if self.add_totals(after, at_ms, values, epoch.as_deref()) {
                    self.failing = 0;
                    self.lost += u64::from(after);
                    return;
                }
            }
            Observation::Both { before, after } => self.both.push((before.clone(), after.clone())),
        }
        self.failing = 0;
        match after {
            true => self.good += 1,
            false => self.good_before += 1,
        }
    }

    /// Takes the difference to the look before; true where the counters were reset in between. What they show then has all come
    /// since, and is the least that did.
    fn add_totals(
        &mut self,
        after: bool,
        at_ms: u64,
        values: &BTreeMap<String, f64>,
        epoch: Option<&str>,
    ) -> bool {
        let is_first = self.totals.is_empty();
        let shrank = self
            .totals
            .iter()
            .any(|(name, total)| values.get(name).is_none_or(|now| *now < total.last));
        let reset = !is_first && (shrank || self.epoch.as_deref() != epoch);
        self.epoch = epoch.map(str::to_owned);
        self.resets += u32::from(reset);
        let mut grown: BTreeMap<&str, f64> = BTreeMap::new();
        for (name, now) in values {
            let total = self.totals.entry(name.clone()).or_default();
            let by = match (is_first, reset) {
                (true, _) => 0.0,
                (false, true) => *now,
                (false, false) => now - total.last,
            };
            total.last = *now;
            total.since += if after { by } else { 0.0 };
            grown.insert(name, by);
        }
        if !is_first {
            self.add_statement(after, at_ms, &grown);
            let happened = grown
                .get("calls")
                .or(grown.get("count"))
                .copied()
                .unwrap_or_default();
            self.grow(after, at_ms, happened);
        }
        reset
    }

    fn add_statement(&mut self, after: bool, at_ms: u64, grown: &BTreeMap<&str, f64>) {
        let Some(calls) = grown.get("calls").copied() else {
            return;
        };
        let mut push = |measure: &str, value: f64| {
            let series = self.series.entry(measure.to_owned()).or_default();
            series.push(after, Sample { at_ms, value });
        };
        push("calls", calls);
        if calls > 0.0 {
            for (measure, total) in [("blocks per call", "blocks"), ("mean time", "time")] {
                if let Some(by) = grown.get(total) {
                    push(measure, by / calls);
                }
            }
        }
    }

    fn grow(&mut self, after: bool, at_ms: u64, by: f64) {
        if by > 0.0 {
            self.last_growth_ms = after.then_some(at_ms);
            self.happened += if after { by } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(count: f64, epoch: Option<&str>) -> Observation {
        Observation::Totals {
            values: BTreeMap::from([("count".to_owned(), count)]),
            epoch: epoch.map(str::to_owned),
        }
    }

    #[test]
    fn counters_count_from_the_migration_on() {
        let mut track = Track::default();
        for (after, count) in [(false, 7.0), (false, 9.0), (true, 10.0), (true, 14.0)] {
            track.add(after, 0, &totals(count, None));
        }
        assert_eq!(track.since(), Some(5.0));
        assert_eq!((track.good_before, track.good, track.resets), (2, 2, 0));
    }

    #[test]
    fn a_reset_is_seen_and_hides_nothing_that_came_after_it() {
        let mut track = Track::default();
        track.add(false, 0, &totals(100.0, Some("a")));
        track.add(true, 0, &totals(101.0, Some("a")));
        track.add(true, 0, &totals(3.0, Some("a")));
        track.add(true, 0, &totals(500.0, Some("b")));
        assert_eq!(track.since(), Some(1.0 + 3.0 + 500.0));
        assert_eq!((track.good, track.lost, track.resets), (1, 2, 2));
    }

    #[test]
    fn a_statement_that_was_forgotten_counts_from_nothing() {
        let forgotten = Observation::Failed(Failure {
            kind: FailureKind::Absent,
            why: "it has not run".to_owned(),
        });
        let statement = |calls: f64, blocks: f64| Observation::Totals {
            values: [("calls", calls), ("blocks", blocks)]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            epoch: None,
        };
        let mut track = Track::default();
        track.add(false, 0, &statement(10.0, 40.0));
        for at_ms in 1..10 {
            track.add(true, at_ms, &forgotten);
            assert_eq!(track.failing, 0);
        }
        track.add(true, 10, &statement(20.0, 2_000.0));
        let after = &track.series(Some("blocks per call")).after;
        assert_eq!(after.len(), 1);
        assert_eq!((after[0].value, track.lost, track.resets), (100.0, 9, 1));
    }

    #[test]
    fn statements_give_blocks_per_call() {
        let mut track = Track::default();
        for (calls, blocks) in [(10.0, 40.0), (20.0, 80.0), (20.0, 80.0), (25.0, 5080.0)] {
            let values = [("calls", calls), ("blocks", blocks)]
                .map(|(name, value)| (name.to_owned(), value));
            track.add(
                calls > 20.0,
                0,
                &Observation::Totals {
                    values: values.into(),
                    epoch: None,
                },
            );
        }
        let series = track.series(Some("blocks per call"));
        let values = |samples: &[Sample]| {
            samples
                .iter()
                .map(|sample| sample.value)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (values(&series.before), values(&series.after)),
            (vec![4.0], vec![1000.0])
        );
    }
}
