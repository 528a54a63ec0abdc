use super::normal::upper_tail;

/// What the one-sided rank test of Mann and Whitney says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RankTest {
    /// The chance that a sample after is larger than one before; one half where nothing changed.
    pub(crate) larger: f64,
    /// How likely so much or more would be if nothing had changed.
    pub(crate) p: f64,
}

/// Tests whether the samples after tend to be larger than those before.
///
/// Equal values share a rank, with the variance that goes with it. `inflation` is by how much the variance is larger than that of
/// independent samples: a test of `n` samples that resemble their neighbours is one of `n / inflation` others. The normal
/// approximation errs on the careful side in its far tail, which is where looks are decided.
pub(crate) fn rank_test(before: &[f64], after: &[f64], inflation: f64) -> RankTest {
    let (n, m) = (after.len() as f64, before.len() as f64);
    let all = n + m;
    let mut pooled: Vec<(f64, bool)> = before
        .iter()
        .map(|value| (*value, false))
        .chain(after.iter().map(|value| (*value, true)))
        .collect();
    pooled.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (mut sum, mut ties, mut start) = (0.0, 0.0, 0);
    while start < pooled.len() {
        let same = pooled[start..]
            .iter()
            .take_while(|(value, _)| *value == pooled[start].0)
            .count();
        let rank = start as f64 + (same as f64 + 1.0) / 2.0;
        let ours = pooled[start..start + same]
            .iter()
            .filter(|(_, is_after)| *is_after);
        sum += rank * ours.count() as f64;
        ties += (same as f64).powi(3) - same as f64;
        start += same;
    }
    let none = RankTest {
        larger: 0.5,
        p: 1.0,
    };
    if before.is_empty() || after.is_empty() {
        return none;
    }
    let u = sum - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        return none;
    }
    let apart = apart(before, after);
    let z = (u - n * m / 2.0 - 0.5) / (variance * apart * inflation.max(1.0)).sqrt();
    RankTest {
        larger: u / (n * m),
        p: upper_tail(z),
    }
}

/// A shift that is there varies less than one that is not: at most so much is made of that, and less where there are fewer samples
/// than twenty, which say little of how they vary.
const LEAST_APART: f64 = 0.4;
const FEW: f64 = 20.0;
/// The variance of a rank among samples of the same distribution, which are uniform.
const UNIFORM: f64 = 1.0 / 12.0;

/// By how much less the ranks of each side among the other vary than if nothing had changed (Brunner and Munzel 2000): where all
/// samples after are large, they are large alike.
fn apart(before: &[f64], after: &[f64]) -> f64 {
    let (n, m) = (after.len() as f64, before.len() as f64);
    let known = (n.min(m) / FEW).min(1.0);
    let least = (1.0 - known * (1.0 - LEAST_APART)) * UNIFORM;
    let here = variance_among(after, before).clamp(least, UNIFORM);
    let there = variance_among(before, after).clamp(least, UNIFORM);
    (here / n + there / m) / (UNIFORM / n + UNIFORM / m)
}

/// How much the places of samples among others vary, from 0 to 1 each.
fn variance_among(samples: &[f64], others: &[f64]) -> f64 {
    let mut sorted = others.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = |sample: &f64| {
        let below = sorted.partition_point(|other| other < sample);
        let upto = sorted.partition_point(|other| other <= sample);
        (below + upto) as f64 / 2.0 / sorted.len() as f64
    };
    let places: Vec<f64> = samples.iter().map(place).collect();
    let mean = places.iter().sum::<f64>() / places.len() as f64;
    let squares = places.iter().map(|place| (place - mean).powi(2));
    squares.sum::<f64>() / (places.len() as f64 - 1.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_samples_are_told_from_equal_ones() {
        let before: Vec<f64> = (0..60).map(f64::from).collect();
        let after: Vec<f64> = (100..110).map(f64::from).collect();
        let test = rank_test(&before, &after, 1.0);
        assert_eq!(test.larger, 1.0);
        assert!(test.p < 1e-6, "{test:?}");
        let test = rank_test(&before, &before[..20], 1.0);
        assert!(test.p > 0.9, "{test:?}");
    }

    #[test]
    fn equal_values_share_a_rank() {
        let test = rank_test(&[1.0, 1.0, 1.0], &[1.0, 1.0], 1.0);
        assert_eq!((test.larger, test.p), (0.5, 1.0));
        let test = rank_test(&[1.0, 2.0], &[1.0, 2.0], 1.0);
        assert_eq!(test.larger, 0.5);
        assert_eq!(rank_test(&[], &[1.0], 1.0).p, 1.0);
    }

    /// The exact chance of complete separation of 5 from 60 is 1 in C(65, 5): the approximation must not be bolder.
    #[test]
    fn the_far_tail_is_careful() {
        let before: Vec<f64> = (0..60).map(f64::from).collect();
        let after: Vec<f64> = (100..105).map(f64::from).collect();
        assert!(rank_test(&before, &after, 1.0).p > 1.0 / 8_259_888.0);
    }

    #[test]
    fn samples_that_resemble_their_neighbours_count_for_less() {
        let before: Vec<f64> = (0..60).map(f64::from).collect();
        let after: Vec<f64> = (30..70).map(f64::from).collect();
        let test = |inflation| rank_test(&before, &after, inflation).p;
        assert!(test(1.0) < 1e-4);
        assert!(test(8.0) > 1e-3);
        assert_eq!(test(0.1), test(1.0));
    }
}
