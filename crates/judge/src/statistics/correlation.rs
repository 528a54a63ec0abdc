/// By how much the variance of a mean is larger than if samples were independent: 1 where they are, about `(1 + r) / (1 - r)` where
/// each resembles the one before by `r`.
///
/// The autocorrelations of the samples' ranks are summed up as long as pairs of them are positive (Geyer's initial positive
/// sequence) and more than what chance alone makes of independent samples. Ranks, so that one burst is one burst and not everything.
pub(crate) fn inflation(samples: &[f64]) -> f64 {
    inflation_of(samples, samples.len())
}

/// The same of a mean of `number` samples that hang together as these do: what lies further apart than they reach does not concern
/// it.
pub(crate) fn inflation_of(samples: &[f64], number: usize) -> f64 {
    let n = samples.len();
    if n < LEAST {
        return 1.0;
    }
    let ranks = ranks(samples);
    let mean = (n as f64 + 1.0) / 2.0;
    let centred: Vec<f64> = ranks.iter().map(|rank| rank - mean).collect();
    let variance: f64 = centred.iter().map(|value| value * value).sum();
    if variance <= 0.0 {
        return 1.0;
    }
    let at = |lag: usize| {
        let pairs = centred.iter().zip(&centred[lag..]);
        pairs.map(|(left, right)| left * right).sum::<f64>() / variance
    };
    // Among `number` samples so many pairs are that far apart, as a share.
    let within = |lag: usize| (1.0 - lag as f64 / number.max(1) as f64).max(0.0);
    let by_chance = 1.5 * (2.0 / n as f64).sqrt();
    let mut sum = 0.0;
    let mut lag = 1;
    while lag + 1 < n / 4 {
        let pair = at(lag) + at(lag + 1);
        if pair <= by_chance {
            break;
        }
        sum += within(lag) * at(lag) + within(lag + 1) * at(lag + 1);
        lag += 2;
    }
    (1.0 + 2.0 * sum).clamp(1.0, n as f64 / 3.0)
}

/// Fewer samples than this say nothing of how they hang together.
const LEAST: usize = 12;

fn ranks(samples: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by(|left, right| samples[*left].total_cmp(&samples[*right]));
    let mut ranks = vec![0.0; samples.len()];
    let mut start = 0;
    while start < order.len() {
        let value = samples[order[start]];
        let same = order[start..]
            .iter()
            .take_while(|index| samples[**index] == value)
            .count();
        for index in &order[start..start + same] {
            ranks[*index] = start as f64 + (same as f64 + 1.0) / 2.0;
        }
        start += same;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_resembles_its_neighbours_is_inflated() {
        let blocks: Vec<f64> = (0..200)
            .map(|number| f64::from(number / 10 * 7 % 11))
            .collect();
        assert!(inflation(&blocks) > 3.0, "{}", inflation(&blocks));
        let alternating: Vec<f64> = (0..200).map(|number| f64::from(number % 2)).collect();
        assert_eq!(inflation(&alternating), 1.0);
        assert_eq!(inflation(&[1.0; 100]), 1.0);
        assert_eq!(inflation(&[1.0, 2.0, 3.0]), 1.0);
    }
}
