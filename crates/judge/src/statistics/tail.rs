use super::quantile::quantile;

/// How many of the samples after lie beyond the baseline's quantile, as a share.
pub(crate) fn share_beyond(before: &[f64], after: &[f64], at: f64) -> f64 {
    match quantile(before, at) {
        Some(limit) if !after.is_empty() => beyond(after, limit) / after.len() as f64,
        _ => 0.0,
    }
}

/// How likely so many samples beyond the baseline's quantile would be if nothing had changed: Fisher's exact test, one-sided, on
/// counts made smaller by the inflation (see [`super::inflation`]). It sees what the ranks of all samples hardly do: that only the
/// slowest became slower.
pub(crate) fn tail_test(before: &[f64], after: &[f64], at: f64, inflation: f64) -> f64 {
    let Some(limit) = quantile(before, at) else {
        return 1.0;
    };
    let inflation = inflation.max(1.0);
    let smaller = |count: f64| (count / inflation).floor();
    let (n, m) = (smaller(after.len() as f64), smaller(before.len() as f64));
    let (here, there) = (
        smaller(beyond(after, limit)),
        (beyond(before, limit) / inflation).ceil(),
    );
    let most = (here + there).min(n);
    let all = ln_choose(n + m, here + there);
    let mut p = 0.0;
    let mut count = here;
    while count <= most {
        p += (ln_choose(n, count) + ln_choose(m, here + there - count) - all).exp();
        count += 1.0;
    }
    p.clamp(0.0, 1.0)
}

/// Which samples lie beyond their own quantile: 1 for those, 0 for the others.
pub(crate) fn slowest(samples: &[f64], at: f64) -> Vec<f64> {
    let limit = quantile(samples, at).unwrap_or(f64::INFINITY);
    let is_beyond = |sample: &f64| f64::from(u8::from(*sample > limit));
    samples.iter().map(is_beyond).collect()
}

fn beyond(samples: &[f64], limit: f64) -> f64 {
    samples.iter().filter(|sample| **sample > limit).count() as f64
}

fn ln_choose(n: f64, k: f64) -> f64 {
    if k < 0.0 || k > n {
        return f64::NEG_INFINITY;
    }
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Exact up to twenty, Stirling's series beyond.
fn ln_factorial(n: f64) -> f64 {
    if n <= 20.0 {
        return (2..=n as u64).map(|factor| (factor as f64).ln()).sum();
    }
    let tau = std::f64::consts::TAU;
    n * n.ln() - n + (tau * n).ln() / 2.0 + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_tail_is_seen_where_the_middle_stays() {
        let before: Vec<f64> = (0..200).map(f64::from).collect();
        let mut after = before[..60].to_vec();
        assert!(tail_test(&before, &after, 0.95, 1.0) > 0.5);
        after[..12].fill(1000.0);
        assert!(tail_test(&before, &after, 0.95, 1.0) < 1e-3);
        assert_eq!(share_beyond(&before, &after, 0.95), 0.2);
        assert!(tail_test(&before, &after, 0.95, 6.0) > 0.01);
        assert_eq!(tail_test(&[], &after, 0.95, 1.0), 1.0);
    }

    /// The lady tasting tea: 4 of 4 by chance in 1 of 70.
    #[test]
    fn fisher_s_own_example() {
        let p = (ln_choose(4.0, 4.0) + ln_choose(4.0, 0.0) - ln_choose(8.0, 4.0)).exp();
        assert!((p - 1.0 / 70.0).abs() < 1e-12);
        assert!((ln_factorial(25.0) - 58.003_605_222_980_52).abs() < 1e-9);
    }
}
