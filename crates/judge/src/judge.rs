//! The judge: takes looks, keeps every sample, and rules.

mod power;

use std::collections::{BTreeMap, VecDeque};

use crate::compare::{
    Compared, Sample, compare, relative, stands_apart, statistic, typical, without_drift,
};
use crate::criterion::{Bound, Condition, Criteria, Stat};
use crate::look::{Look, Observation};
use crate::ruling::{Decision, Ruling, Verdict};
use crate::settings::{OnFailure, ProbeSource};
use crate::statistics::{next_look, quantile, share};
use crate::track::{Series, Track};
pub use power::SOON;

/// As many samples of the baseline say what was usual, however many those after have to be: what a change is, is asked again and
/// again, and what was usual only once.
const LEAST_BEFORE: usize = 30;
/// How often all comparisons of a watch together may cry wolf.
const BUDGET: f64 = 0.009;
/// So many looks one after the other a probe has to fail until it counts as down: once is a hiccup.
const FAILING_LOOKS: u32 = 3;
/// So many samples are enough to stand apart by a limit of less than twice or half.
const PLAIN_SAMPLES: usize = 8;
/// Of so many looks one may be lost.
const LOST_OF: u64 = 10;
/// In the last part of the watch something must still have happened.
const LAST_PART: u64 = 5;
/// How many values a sparkline has.
const HISTORY: usize = 24;

/// What is known of one criterion beside the samples.
#[derive(Clone, Debug, Default)]
struct State {
    /// Why it has failed; it stays so.
    failed: Option<String>,
    /// How many samples the next comparison waits for.
    next: usize,
    /// How many comparisons there were.
    tests: usize,
    compared: Option<Compared>,
    /// In how many looks one after the other its value has been beyond the limit.
    beyond: u32,
    value: Option<f64>,
    /// The statistic of the baseline, which does not change any more.
    level: Option<f64>,
    history: VecDeque<f64>,
}

/// Takes looks and rules by criteria.
#[derive(Clone, Debug)]
pub struct Judge {
    criteria: Criteria,
    tracks: BTreeMap<String, Track>,
    states: Vec<State>,
    elapsed_ms: u64,
    looks: u64,
}

impl Judge {
    /// A judge that has seen nothing.
    pub fn new(criteria: Criteria) -> Self {
        let states = criteria.criteria.iter().map(|criterion| State {
            next: criterion
                .condition
                .probes()
                .first()
                .map_or(1, |probe| least(&criteria, probe)),
            ..State::default()
        });
        Self {
            states: states.collect(),
            tracks: BTreeMap::new(),
            elapsed_ms: 0,
            looks: 0,
            criteria,
        }
    }

    /// The criteria that it rules by.
    pub fn criteria(&self) -> &Criteria {
        &self.criteria
    }

    /// For how long has been watched since the migration, in milliseconds.
    pub fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms
    }

    /// Takes a look; they come in their order.
    pub fn add(&mut self, look: &Look) {
        for (name, seen) in &look.seen {
            let source = self.criteria.probes.get(name).map(|probe| &probe.source);
            let asks_target = source.is_none_or(ProbeSource::asks_target);
            let track = self.tracks.entry(name.clone()).or_default();
            match seen {
                Observation::Failed(failure) if look.unreachable && asks_target => {
                    track.lose(look.after, failure);
                }
                seen => track.add(look.after, look.elapsed_ms, seen),
            }
        }
        if look.after {
            self.elapsed_ms = self.elapsed_ms.max(look.elapsed_ms);
            self.looks += 1;
            for index in 0..self.states.len() {
                if self.concerns(index, look) {
                    self.weigh(index, false);
                }
            }
        }
    }

    /// Says that the time is over: comparisons are made a last time, on all samples.
    pub fn close(&mut self) {
        for index in 0..self.states.len() {
            self.weigh(index, true);
        }
    }

    /// Probes that have not given a single value in the baseline, with their last failure.
    pub fn blind(&self) -> Vec<(String, Option<String>)> {
        let is_blind = |name: &String| {
            self.tracks
                .get(name)
                .is_none_or(|track| track.good_before == 0)
        };
        let probes = self.criteria.probes.keys().filter(|name| is_blind(name));
        probes
            .map(|name| {
                let failure = self
                    .tracks
                    .get(name)
                    .and_then(|track| track.failure.as_ref());
                (name.clone(), failure.map(ToString::to_string))
            })
            .collect()
    }

    /// How good the baseline is: for every probe that something is compared with, its samples and how many are wanted.
    pub fn baseline(&self) -> Vec<(String, usize, usize)> {
        let mut quality = Vec::new();
        for criterion in &self.criteria.criteria {
            if let Condition::Change { probe, measure, .. } = &criterion.condition {
                let samples = self
                    .track(probe)
                    .map_or(0, |track| track.series(measure.as_deref()).before.len());
                quality.push((probe.clone(), samples, least_before(&self.criteria, probe)));
            }
        }
        quality.sort();
        quality.dedup();
        quality
    }

    /// Every criterion's ruling now; `over` says whether the time is over.
    pub fn rulings(&self, over: bool) -> Vec<Ruling> {
        (0..self.states.len())
            .map(|index| self.ruling(index, over))
            .collect()
    }

    /// What follows.
    pub fn decision(&self, over: bool) -> Decision {
        let verdicts: Vec<(Verdict, String)> = (0..self.states.len())
            .map(|index| {
                let (verdict, because) = self.verdict(index, over);
                let because = because.unwrap_or_else(|| verdict.name().to_owned());
                (
                    verdict,
                    format!("{}: {because}", self.criteria.criteria[index].text),
                )
            })
            .collect();
        let of = |wanted: &dyn Fn(Verdict) -> bool| -> Vec<String> {
            let wanted = verdicts.iter().filter(|(verdict, _)| wanted(*verdict));
            wanted.map(|(_, words)| words.clone()).collect()
        };
        let failed = of(&|verdict| verdict == Verdict::Fail);
        let open = of(&|verdict| verdict != Verdict::Pass);
        match (failed.is_empty(), over, open.is_empty()) {
            (false, ..) => Decision::Fail { because: failed },
            (true, false, _) => Decision::GoOn,
            (true, true, false) => Decision::Undecided { because: open },
            (true, true, true) if verdicts.is_empty() => Decision::Undecided {
                because: vec!["there are no criteria".to_owned()],
            },
            (true, true, true) => Decision::Keep,
        }
    }

    fn concerns(&self, index: usize, look: &Look) -> bool {
        let criterion = &self.criteria.criteria[index];
        let names = criterion.condition.probes().into_iter();
        let mut names = names.chain([criterion.text.as_str()]);
        names.any(|name| look.seen.contains_key(name))
    }

    fn track(&self, probe: &str) -> Option<&Track> {
        self.tracks.get(probe)
    }

    /// Looks at one criterion after new samples have come.
    fn weigh(&mut self, index: usize, last: bool) {
        let criterion = self.criteria.criteria[index].clone();
        match &criterion.condition {
            Condition::Limit {
                probe,
                measure,
                stat,
                bound,
                value,
                looks,
            } => {
                if !last {
                    self.weigh_limit(
                        index,
                        (probe, measure.as_deref(), *stat),
                        *bound,
                        *value,
                        *looks,
                    );
                }
            }
            Condition::Change { .. } => self.weigh_change(index, &criterion.condition, last),
            Condition::Invariant(_) => {
                let both = self
                    .track(&criterion.text)
                    .map(|track| track.both.as_slice());
                let unequal = both
                    .unwrap_or_default()
                    .iter()
                    .find(|(before, after)| before != after);
                if let Some((before, after)) = unequal {
                    let why = format!("{before} before, {after} after");
                    self.states[index].failed.get_or_insert(why);
                }
            }
        }
    }

    fn weigh_limit(
        &mut self,
        index: usize,
        (probe, measure, stat): (&str, Option<&str>, Option<Stat>),
        bound: Bound,
        limit: f64,
        looks: u32,
    ) {
        let elapsed_ms = self.elapsed_ms;
        let least = least(&self.criteria, probe);
        let Some(track) = self.track(probe) else {
            return;
        };
        let after = &track.series(measure).after;
        let new = after
            .iter()
            .rev()
            .take_while(|sample| sample.at_ms == elapsed_ms);
        let now = match (track.since(), stat) {
            (Some(since), _) => Some(since),
            (None, Some(stat)) if after.len() >= least => statistic(&values(after), stat),
            (None, Some(_)) => None,
            (None, None) => {
                let new = new.map(|sample| sample.value);
                match bound {
                    Bound::Over => new.reduce(f64::max),
                    Bound::Under => new.reduce(f64::min),
                }
            }
        };
        // A look without a value says nothing: it neither breaks a row of looks beyond the limit nor makes it longer.
        let Some(now) = now.filter(|_| track.sees()) else {
            return;
        };
        let is_beyond = match bound {
            Bound::Over => now > limit,
            // A counter or a rate that is still growing has not had its time yet.
            Bound::Under if track.since().is_some() => false,
            Bound::Under => now < limit,
        };
        let state = &mut self.states[index];
        state.remember(now);
        state.beyond = if is_beyond { state.beyond + 1 } else { 0 };
        if state.beyond >= looks {
            state.failed.get_or_insert(format!(
                "it is {}, and the limit is {}",
                number(now),
                number(limit)
            ));
        }
    }

    fn weigh_change(&mut self, index: usize, condition: &Condition, last: bool) {
        let Condition::Change {
            probe,
            measure,
            stat,
            bound,
            percent,
            against,
        } = condition
        else {
            return;
        };
        let Some(track) = self.track(probe) else {
            return;
        };
        let least = least(&self.criteria, probe);
        let series = track.series(measure.as_deref());
        let new = series
            .after
            .iter()
            .rev()
            .take_while(|sample| sample.at_ms == self.elapsed_ms);
        let new: Vec<f64> = new.map(|sample| sample.value).collect();
        let level = self.states[index]
            .level
            .or_else(|| statistic(&values(&series.before), *stat));
        let now = statistic(&new, *stat);
        let samples = series.after.len();
        let comparisons = self
            .criteria
            .criteria
            .iter()
            .filter(|one| matches!(one.condition, Condition::Change { .. }));
        let budget = BUDGET / comparisons.count().max(1) as f64;
        let before = series.before.len();
        let state = &mut self.states[index];
        state.level = level;
        if let (Some(level), Some(now), false) = (level, now, last) {
            let percent = (now / level - 1.0) * 100.0;
            if percent.is_finite() {
                state.remember(percent);
            }
        }
        let due = samples >= state.next || last;
        if !due
            || before < least_before(&self.criteria, probe)
            || samples < least
            || state.failed.is_some()
        {
            return;
        }
        let (before, after) = self.sides(probe, measure.as_deref(), against.as_deref());
        // Without a control group the day itself moves everything.
        let beyond_drift = match against {
            Some(_) => after.clone(),
            None => self.track(probe).map_or(Vec::new(), |track| {
                let series = track.series(measure.as_deref());
                without_drift(&series.before, &series.after, *bound)
            }),
        };
        let state = &mut self.states[index];
        let spend = budget * share(state.tests);
        state.tests += 1;
        state.next = next_look(after.len());
        state.compared = compare(&before, &after, &beyond_drift, *stat, *bound);
        let factor = match bound {
            Bound::Over => 1.0 + percent / 100.0,
            Bound::Under => 1.0 - percent / 100.0,
        };
        let Some(found) = state
            .compared
            .filter(|found| is_beyond(found.ratio, *bound, *percent))
        else {
            return;
        };
        let (change, number) = (signed(found.ratio), after.len());
        // A few samples that hang together say little, unless they are far away.
        let is_plain = after.len() >= PLAIN_SAMPLES || factor >= 2.0 || factor <= 0.5;
        if is_plain && found.lasts && stands_apart(&before, &after, *bound, factor) {
            state.failed = Some(format!(
                "{change} on {number} samples, beyond all of the baseline"
            ));
        } else if found.lasts && found.p < spend {
            state.failed = Some(format!("{change} on {number} samples, {}", chance(found.p)));
        }
    }

    /// The samples that are compared, measured by the control group where there is one; without its samples there is nothing to
    /// measure by.
    fn sides(
        &self,
        probe: &str,
        measure: Option<&str>,
        against: Option<&str>,
    ) -> (Vec<f64>, Vec<f64>) {
        let series =
            |probe: &str, measure| self.track(probe).map(|track| track.series(measure).clone());
        let own = series(probe, measure).unwrap_or_default();
        match against {
            None => (values(&own.before), values(&own.after)),
            Some(control) => measured_by(&own, &series(control, None).unwrap_or_default()),
        }
    }

    /// By how much the statistic differs now, on all samples.
    fn difference(&self, condition: &Condition) -> Option<f64> {
        let Condition::Change {
            probe,
            measure,
            stat,
            against,
            ..
        } = condition
        else {
            return None;
        };
        let (before, after) = self.sides(probe, measure.as_deref(), against.as_deref());
        let percent = (typical(&after, *stat)? / typical(&before, *stat)? - 1.0) * 100.0;
        percent.is_finite().then_some(percent)
    }

    fn ruling(&self, index: usize, over: bool) -> Ruling {
        let (criterion, state) = (&self.criteria.criteria[index], &self.states[index]);
        let (verdict, because) = self.verdict(index, over);
        let probe = criterion
            .condition
            .probes()
            .first()
            .copied()
            .unwrap_or(criterion.text.as_str());
        let track = self.track(probe);
        let (value, limit, samples) = match &criterion.condition {
            Condition::Limit {
                probe,
                bound,
                value,
                measure,
                ..
            } => {
                let sign = match bound {
                    Bound::Over => "at most",
                    Bound::Under => "at least",
                };
                let unit = self
                    .criteria
                    .probes
                    .get(probe)
                    .and_then(|probe| probe.unit.as_deref());
                let with_unit = |text: String| match unit {
                    Some(unit) => format!("{text} {unit}"),
                    None => text,
                };
                let samples = track.map_or(0, |track| {
                    track
                        .good
                        .max(track.series(measure.as_deref()).after.len() as u64)
                });
                let now = state
                    .value
                    .map(|now| with_unit(number(now)))
                    .unwrap_or_default();
                (
                    now,
                    with_unit(format!("{sign} {}", number(*value))),
                    samples,
                )
            }
            Condition::Change {
                measure,
                bound,
                percent,
                ..
            } => {
                let sign = match bound {
                    Bound::Over => "+",
                    Bound::Under => "-",
                };
                let samples = track.map_or(0, |track| {
                    track.series(measure.as_deref()).after.len() as u64
                });
                let now = self
                    .difference(&criterion.condition)
                    .map(|now| format!("{now:+.1} %"));
                (
                    now.unwrap_or_default(),
                    format!("{sign}{} %", number(*percent)),
                    samples,
                )
            }
            Condition::Invariant(_) => {
                let both = self
                    .track(&criterion.text)
                    .and_then(|track| track.both.last());
                let value = match both {
                    Some((before, after)) if before == after => "equal".to_owned(),
                    Some(_) => "not equal".to_owned(),
                    None => String::new(),
                };
                (value, "equal".to_owned(), u64::from(both.is_some()))
            }
        };
        Ruling {
            criterion: criterion.text.clone(),
            verdict,
            value,
            limit,
            samples,
            p: state.compared.map(|compared| compared.p),
            because,
            history: state.history.iter().copied().collect(),
        }
    }

    /// Branches over everything that keeps a criterion from passing, the worst first.
    fn verdict(&self, index: usize, over: bool) -> (Verdict, Option<String>) {
        let (criterion, state) = (&self.criteria.criteria[index], &self.states[index]);
        if let Some(why) = &state.failed {
            return (Verdict::Fail, Some(why.clone()));
        }
        for probe in criterion.condition.probes() {
            if let Some(track) = self.track(probe)
                && track.failing >= FAILING_LOOKS
            {
                let failure = track
                    .failure
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let why = format!("the probe `{probe}` {failure}");
                return match self
                    .criteria
                    .probes
                    .get(probe)
                    .map(|probe| probe.on_failure)
                {
                    Some(OnFailure::NoData) => (Verdict::NoData, Some(why)),
                    _ => (Verdict::Fail, Some(why)),
                };
            }
        }
        if let Condition::Invariant(_) = &criterion.condition {
            return match self.track(&criterion.text) {
                Some(track) if !track.both.is_empty() => (Verdict::Pass, None),
                Some(Track {
                    failure: Some(failure),
                    ..
                }) => (Verdict::NoData, Some(failure.why.clone())),
                _ => (Verdict::NoData, Some("it was not measured".to_owned())),
            };
        }
        if let Some(why) = self.too_little(&criterion.condition, over) {
            return (Verdict::NoData, Some(why));
        }
        if let Some(why) = self.lost(&criterion.condition).filter(|_| over) {
            return (Verdict::Inconclusive, Some(why));
        }
        if let (Condition::Change { .. }, None) = (&criterion.condition, state.compared) {
            let why = "there is nothing to compare with".to_owned();
            return (Verdict::Inconclusive, Some(why));
        }
        if let Condition::Change { bound, percent, .. } = &criterion.condition
            && let Some(found) = state.compared
            && is_beyond(found.ratio, *bound, *percent)
        {
            let why = format!(
                "{}, and that may be chance ({})",
                signed(found.ratio),
                chance(found.p)
            );
            return (Verdict::Inconclusive, Some(why));
        }
        if let Condition::Limit {
            probe,
            bound: Bound::Under,
            value,
            ..
        } = &criterion.condition
            && let Some(since) = self.track(probe).and_then(Track::since)
            && since < *value
        {
            return match over {
                true => (
                    Verdict::Fail,
                    Some(format!(
                        "it is {}, and the least is {}",
                        number(since),
                        number(*value)
                    )),
                ),
                false => (
                    Verdict::Inconclusive,
                    Some("the time is not over".to_owned()),
                ),
            };
        }
        (Verdict::Pass, None)
    }

    /// Why there is not enough data; none where there is.
    fn too_little(&self, condition: &Condition, over: bool) -> Option<String> {
        if over && let Some(traffic) = self.criteria.traffic.as_deref() {
            let least = least(&self.criteria, traffic) as f64;
            let track = self.track(traffic);
            if track.is_none_or(|track| track.happened < least || self.is_stale(track)) {
                return Some(format!("there was no traffic: `{traffic}` stands still"));
            }
        }
        for probe in condition.probes() {
            let least = least(&self.criteria, probe);
            let Some(track) = self.track(probe) else {
                return Some(format!("the probe `{probe}` has not looked yet"));
            };
            match condition {
                Condition::Change {
                    measure,
                    probe: own,
                    ..
                } => {
                    let series = track.series(measure.as_deref().filter(|_| own == probe));
                    let wanted = least_before(&self.criteria, probe);
                    if series.before.len() < wanted {
                        return Some(format!(
                            "the baseline of `{probe}` has {} of {wanted} samples",
                            series.before.len()
                        ));
                    }
                    if series.after.len() < least {
                        return Some(format!(
                            "`{probe}` has {} of {least} samples",
                            series.after.len()
                        ));
                    }
                    if over && self.has_stopped(series) {
                        return Some(stopped(probe));
                    }
                }
                // A counter that stands still says that nothing has happened; samples that do not come say nothing.
                Condition::Limit { .. } if track.since().is_some() => {
                    if track.good < least as u64 {
                        return Some(format!("`{probe}` has {} of {least} samples", track.good));
                    }
                }
                Condition::Limit { measure, .. } => {
                    let series = track.series(measure.as_deref());
                    let samples = series.after.len();
                    if samples < least {
                        return Some(format!("`{probe}` has {samples} of {least} samples"));
                    }
                    if over && self.has_stopped(series) {
                        return Some(stopped(probe));
                    }
                }
                Condition::Invariant(_) => {}
            }
        }
        None
    }

    fn is_stale(&self, track: &Track) -> bool {
        let last_ms = track.last_growth_ms.unwrap_or(0);
        self.elapsed_ms.saturating_sub(last_ms) > self.last_part_ms()
    }

    /// Whether no sample has come in the last part of the watch.
    fn has_stopped(&self, series: &Series) -> bool {
        let last_ms = series.after.last().map_or(0, |sample| sample.at_ms);
        self.elapsed_ms.saturating_sub(last_ms) > self.last_part_ms()
    }

    fn last_part_ms(&self) -> u64 {
        let longest = self
            .criteria
            .probes
            .values()
            .map(|probe| probe.interval_ms)
            .max();
        (self.criteria.watch_ms / LAST_PART).max(3 * longest.unwrap_or(0))
    }

    /// Why too many looks are lost to say that all was well; none where they are not.
    fn lost(&self, condition: &Condition) -> Option<String> {
        condition.probes().into_iter().find_map(|probe| {
            let track = self.track(probe)?;
            let all = track.good + track.lost;
            if track.lost * LOST_OF <= all && track.sees() {
                return None;
            }
            let resets = match track.resets {
                0 => String::new(),
                resets => format!(", {resets} of them because its counters were reset"),
            };
            Some(format!(
                "`{probe}` gave nothing in {} of {all} looks{resets}",
                track.lost
            ))
        })
    }
}

impl State {
    fn remember(&mut self, value: f64) {
        self.value = Some(value);
        self.history.push_back(value);
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }
}

/// On how few samples of the baseline nothing is compared.
fn least_before(criteria: &Criteria, probe: &str) -> usize {
    least(criteria, probe).min(LEAST_BEFORE)
}

fn least(criteria: &Criteria, probe: &str) -> usize {
    let least = criteria
        .probes
        .get(probe)
        .map_or(1, |probe| probe.min_samples);
    usize::try_from(least).unwrap_or(usize::MAX)
}

fn values(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| sample.value).collect()
}

fn stopped(probe: &str) -> String {
    format!("`{probe}` gives no more samples: the traffic has stopped")
}

fn measured_by(series: &Series, control: &Series) -> (Vec<f64>, Vec<f64>) {
    let Some(level) = quantile(&values(&control.before), 0.5) else {
        return (values(&series.before), Vec::new());
    };
    (
        relative(&series.before, &control.before, level),
        relative(&series.after, &control.after, level),
    )
}

fn is_beyond(ratio: f64, bound: Bound, percent: f64) -> bool {
    match bound {
        Bound::Over => ratio > 1.0 + percent / 100.0,
        Bound::Under => ratio < 1.0 - percent / 100.0,
    }
}

fn signed(ratio: f64) -> String {
    if ratio.is_infinite() {
        return "no longer 0 as in the baseline".to_owned();
    }
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

fn chance(p: f64) -> String {
    match p < 0.0001 {
        true => "p < 0.0001".to_owned(),
        false => format!("p = {p:.4}"),
    }
}

/// A number without needless digits.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1e15 => format!("{value:e}"),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests;
