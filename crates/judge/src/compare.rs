//! One comparison: samples of now against those of before.

use crate::criterion::{Bound, Stat};
use crate::statistics::{
    RankTest, inflation, inflation_of, quantile, rank_test, share_beyond, slowest, tail_test,
};

/// A sample, and when it was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Milliseconds on the axis of its side.
    pub(crate) at_ms: u64,
    /// The value.
    pub(crate) value: f64,
}

/// What comparing gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Compared {
    /// The statistic now over the one before: 1.2 is a fifth more; infinite where it was 0 before and is not now.
    pub(crate) ratio: f64,
    /// How likely so much would be by chance.
    pub(crate) p: f64,
    /// Whether it is there all the time, not only in a part of it.
    pub(crate) lasts: bool,
}

/// From which percentile on the tail is asked, too.
const TAIL_FROM: u8 = 75;
/// What the shift of everything may spend of the budget, as a share; the tail gets the rest. A tail alone grows seldom, and on few
/// samples it says little.
const OF_SHIFT: f64 = 0.8;
/// Of so many neighbours it is said how slow their slowest are.
const GROUP: usize = 20;
/// Fewer groups than this say little of how slow the slowest are: the upper part of all samples is asked, too.
const FEW_GROUPS: usize = 4;
/// Where the upper part of samples begins, and at how many quantiles from there on it is read.
const UPPER_FROM: f64 = 0.6;
const UPPER_QUANTILES: u8 = 8;
/// In so many parts of the time a change has to be seen: a burst is not a change.
const PARTS: usize = 4;
/// How often a sample has to be larger than one of the baseline in each part: more often than not.
const LARGER_IN_PART: f64 = 0.5;
/// By what factor more samples than before have to be beyond the baseline's quantile in each part.
const BEYOND_IN_PART: f64 = 1.5;

/// Compares a statistic of samples before and after; none where there is nothing to compare.
///
/// `beyond_drift` are the samples after without what the day alone may have made of them: what is tested is whether there is more
/// than that. How large the change is says the statistic of the samples as they are.
pub(crate) fn compare(
    before: &[f64],
    after: &[f64],
    beyond_drift: &[f64],
    stat: Stat,
    bound: Bound,
) -> Option<Compared> {
    let ratio = ratio(before, after, stat, bound)?;
    let turned = |samples: &[f64]| -> Vec<f64> { samples.iter().map(|sample| -sample).collect() };
    let (before, after) = match bound {
        Bound::Over => (before.to_vec(), beyond_drift.to_vec()),
        Bound::Under => (turned(before), turned(beyond_drift)),
    };
    let inflated = together(&before, &after, &before, &after);
    let shift = rank_test(&before, &after, inflated);
    let tail = match (stat, bound) {
        (Stat::Percentile(percent), Bound::Over) if percent >= TAIL_FROM => {
            Some(f64::from(percent) / 100.0)
        }
        _ => None,
    };
    // Two questions are asked where there is a tail: what may be spent is divided between them.
    let p = match tail {
        Some(at) => {
            // The slowest come in bursts: how those hang together is another question than how all do.
            let slow = (slowest(&before, at), slowest(&after, at));
            let clustered = together(&before, &after, &slow.0, &slow.1).max(inflated);
            let longer = tail_test(&before, &after, at, clustered) / (1.0 - OF_SHIFT);
            (shift.p / OF_SHIFT).min(longer).min(1.0)
        }
        None => shift.p,
    };
    Some(Compared {
        ratio,
        p,
        lasts: lasts(&before, &after, tail),
    })
}

/// Latencies that come one after the other are never independent, whatever a few of them look like.
pub(crate) const LEAST_TOGETHER: f64 = 2.0;

/// By how much samples count for less, both sides together; what hangs together is read from `left` and `right`.
fn together(before: &[f64], after: &[f64], left: &[f64], right: &[f64]) -> f64 {
    let here = inflation(left).max(LEAST_TOGETHER);
    // A few samples say little of how they hang together: the longer side knows.
    let there = match right.len() < left.len() / 2 {
        true => inflation_of(left, right.len()),
        false => inflation_of(left, right.len()).max(inflation(right)),
    }
    .max(LEAST_TOGETHER);
    let (m, n) = (before.len() as f64, after.len() as f64);
    (here / m + there / n) / (1.0 / m + 1.0 / n)
}

/// A statistic of samples, as it typically is: of a percentile from 75 on the median over groups of neighbours, so that a burst or two,
/// which are all of the slowest, do not decide how slow the slowest are.
pub(crate) fn typical(samples: &[f64], stat: Stat) -> Option<f64> {
    let groups = samples.len() / GROUP;
    match stat {
        Stat::Percentile(percent) if percent >= TAIL_FROM && groups > 1 => {
            let edge = |group: usize| samples.len() * group / groups;
            let of = |group: usize| statistic(&samples[edge(group)..edge(group + 1)], stat);
            let values: Option<Vec<f64>> = (0..groups).map(of).collect();
            quantile(&values?, 0.5)
        }
        _ => statistic(samples, stat),
    }
}

/// A statistic after over the one before; none where there is nothing to compare.
///
/// Of sixty samples three lie beyond their 95th percentile, so a percentile from 75 on is uncertain by a fifth there. While there are few
/// samples the whole upper part up to that percentile is looked at as well, and what has changed more counts: that it is no chance
/// is asked besides.
fn ratio(before: &[f64], after: &[f64], stat: Stat, bound: Bound) -> Option<f64> {
    let over = |now: f64, then: f64| if now == then { 1.0 } else { now / then };
    let ratio = over(typical(after, stat)?, typical(before, stat)?);
    if ratio.is_nan() {
        return None;
    }
    let upper = match stat {
        Stat::Percentile(percent) if percent >= TAIL_FROM && after.len() < FEW_GROUPS * GROUP => {
            let upto = f64::from(percent) / 100.0;
            over(upper_part(after, upto)?, upper_part(before, upto)?)
        }
        _ => ratio,
    };
    // Where a sample is zero, the upper part may have no mean that can be divided.
    Some(match bound {
        _ if !upper.is_finite() => ratio,
        Bound::Over => ratio.max(upper),
        Bound::Under => ratio.min(upper),
    })
}

/// The geometric mean of quantiles of the upper part of samples, up to one.
fn upper_part(samples: &[f64], upto: f64) -> Option<f64> {
    let step = (upto - UPPER_FROM) / f64::from(UPPER_QUANTILES - 1);
    let logarithms: Option<Vec<f64>> = (0..UPPER_QUANTILES)
        .map(|number| quantile(samples, UPPER_FROM + step * f64::from(number)).map(f64::ln))
        .collect();
    statistic(&logarithms?, Stat::Mean).map(f64::exp)
}

/// A statistic of samples.
pub(crate) fn statistic(samples: &[f64], stat: Stat) -> Option<f64> {
    match stat {
        Stat::Mean if samples.is_empty() => None,
        Stat::Mean => Some(samples.iter().sum::<f64>() / samples.len() as f64),
        Stat::Percentile(percent) => quantile(samples, f64::from(percent) / 100.0),
    }
}

fn lasts(before: &[f64], after: &[f64], tail: Option<f64>) -> bool {
    let size = after.len().div_ceil(PARTS).max(1);
    after.chunks(size).all(|part| {
        let RankTest { larger, .. } = rank_test(before, part, 1.0);
        larger > LARGER_IN_PART
            || tail.is_some_and(|at| share_beyond(before, part, at) > BEYOND_IN_PART * (1.0 - at))
    })
}

/// How much an hour of the day alone may change, up or down: a daily wave by a third is at most 8 % steep.
const DRIFT_PER_HOUR: f64 = 1.1;
const HOUR_MS: f64 = 3_600_000.0;

/// The samples after without what the day alone may have made of them since the middle of the baseline: the longer ago that is, the
/// more.
pub(crate) fn without_drift(before: &[Sample], after: &[Sample], bound: Bound) -> Vec<f64> {
    let length_ms = before.last().map_or(0, |sample| sample.at_ms);
    let without = |sample: &Sample| {
        let hours = (length_ms as f64 / 2.0 + sample.at_ms as f64) / HOUR_MS;
        let drift = DRIFT_PER_HOUR.powf(hours);
        match bound {
            Bound::Over => sample.value / drift,
            Bound::Under => sample.value * drift,
        }
    };
    after.iter().map(without).collect()
}

/// How many of the control's samples, the nearest in time, say how things were at a time.
const NEAREST: usize = 31;

/// So many of the samples, as a share, have to lie beyond everything before to stand apart: one look may reach back over the
/// migration.
const APART: f64 = 0.8;

/// Whether the samples after lie beyond every single one before, and by more than the limit's factor: no chance is needed to say so,
/// however much samples resemble their neighbours. A lost plan looks like that.
pub(crate) fn stands_apart(before: &[f64], after: &[f64], bound: Bound, factor: f64) -> bool {
    let most = before.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = before.iter().copied().fold(f64::INFINITY, f64::min);
    let beyond = after.iter().filter(|sample| match bound {
        Bound::Over => **sample > most * factor,
        Bound::Under => **sample < least * factor,
    });
    !before.is_empty() && beyond.count() as f64 >= APART * after.len().max(1) as f64
}

/// Samples measured by what a control group did at the same time: what slowed down everything has slowed down both.
///
/// `level` is the control group's median in the baseline. Samples without a control near them stay as they are.
pub(crate) fn relative(samples: &[Sample], control: &[Sample], level: f64) -> Vec<f64> {
    let around = |at_ms: u64| {
        let here = control.partition_point(|sample| sample.at_ms < at_ms);
        let start = here.saturating_sub(NEAREST / 2);
        let end = (start + NEAREST).min(control.len());
        let start = end.saturating_sub(NEAREST);
        let near: Vec<f64> = control[start..end]
            .iter()
            .map(|sample| sample.value)
            .collect();
        quantile(&near, 0.5)
    };
    let mut last: Option<(u64, f64)> = None;
    samples
        .iter()
        .map(|sample| {
            let factor = match last {
                Some((at_ms, factor)) if at_ms == sample.at_ms => factor,
                _ => around(sample.at_ms).map_or(1.0, |now| now / level),
            };
            last = Some((sample.at_ms, factor));
            match factor.is_finite() && factor > 0.0 {
                true => sample.value / factor,
                false => sample.value,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(number: usize, factor: f64) -> Vec<f64> {
        (0..number)
            .map(|index| factor * (10.0 + (index * 7 % 5) as f64))
            .collect()
    }

    #[test]
    fn half_more_is_found_and_nothing_is_not() {
        let (before, same, more) = (wave(100, 1.0), wave(40, 1.0), wave(40, 1.5));
        let median = Stat::Percentile(50);
        let check = |after: &[f64], bound| compare(&before, after, after, median, bound).unwrap();
        let found = check(&more, Bound::Over);
        assert!(
            found.ratio > 1.4 && found.p < 1e-6 && found.lasts,
            "{found:?}"
        );
        let nothing = check(&same, Bound::Over);
        assert!(nothing.p > 0.1 && !nothing.lasts, "{nothing:?}");
        let less = check(&wave(40, 0.5), Bound::Under);
        assert!(less.ratio < 0.6 && less.p < 1e-6 && less.lasts, "{less:?}");
        assert_eq!(compare(&[], &more, &more, median, Bound::Over), None);
        let drifted: Vec<f64> = more.iter().map(|sample| sample / 1.6).collect();
        let allowed = compare(&before, &more, &drifted, median, Bound::Over).unwrap();
        assert!(allowed.ratio > 1.4 && allowed.p > 0.5, "{allowed:?}");
        let nothing = compare(&[0.0; 9], &[0.0; 9], &[0.0; 9], median, Bound::Over).unwrap();
        assert!(nothing.ratio == 1.0 && !nothing.lasts, "{nothing:?}");
        let from_nothing = compare(&[0.0; 30], &more, &more, median, Bound::Over).unwrap();
        assert!(
            from_nothing.ratio.is_infinite() && from_nothing.lasts,
            "{from_nothing:?}"
        );
    }

    #[test]
    fn a_lost_plan_stands_apart_however_its_samples_hang_together() {
        let before: Vec<f64> = (0..20).map(|look| 33.0 + f64::from(look) / 20.0).collect();
        let mut after: Vec<f64> = (0..40).map(|look| 199.0 + f64::from(look) / 4.0).collect();
        after[0] = 50.0;
        assert!(stands_apart(&before, &after, Bound::Over, 2.0));
        assert!(!stands_apart(&before, &after, Bound::Over, 7.0));
        assert!(!stands_apart(&before, &after[..4], Bound::Over, 2.0));
        assert!(!stands_apart(&[], &after, Bound::Over, 2.0));
        assert!(stands_apart(&after, &before, Bound::Under, 0.8));
    }

    #[test]
    fn of_few_samples_the_whole_upper_part_says_how_slow_the_slowest_are() {
        let before = wave(200, 1.0);
        let p95 = Stat::Percentile(95);
        // Half slower, but for the slowest: the percentile alone hardly sees it.
        let after: Vec<f64> = wave(60, 1.5).iter().map(|value| value.min(16.9)).collect();
        let of = |after: &[f64], bound| ratio(&before, after, p95, bound).unwrap();
        let alone = typical(&after, p95).unwrap() / typical(&before, p95).unwrap();
        assert!(alone < 1.21 && of(&after, Bound::Over) > 1.25, "{alone}");
        // Of many samples it is the percentile itself.
        let many: Vec<f64> = after.iter().copied().cycle().take(240).collect();
        let alone = typical(&many, p95).unwrap() / typical(&before, p95).unwrap();
        assert_eq!(of(&many, Bound::Over), alone);
        assert!(of(&after, Bound::Under) <= of(&after, Bound::Over));
        assert_eq!(of(&[0.0; 60], Bound::Over), 0.0);
    }

    #[test]
    fn a_burst_does_not_last() {
        let before = wave(100, 1.0);
        let mut after = wave(60, 1.0);
        for value in &mut after[..25] {
            *value *= 3.0;
        }
        let found = compare(&before, &after, &after, Stat::Percentile(50), Bound::Over).unwrap();
        assert!(!found.lasts, "{found:?}");
    }

    #[test]
    fn what_slows_everything_is_taken_out() {
        let at = |index: usize, value| Sample {
            at_ms: index as u64 * 100,
            value,
        };
        let slow = |index: usize| if index >= 50 { 3.0 } else { 1.0 };
        let control: Vec<Sample> = (0..100).map(|index| at(index, 2.0 * slow(index))).collect();
        let samples: Vec<Sample> = (0..100).map(|index| at(index, 8.0 * slow(index))).collect();
        let relative = relative(&samples, &control, 2.0);
        assert_eq!((relative[10], relative[90]), (8.0, 8.0));
    }
}
