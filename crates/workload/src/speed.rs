use serde::Serialize;

/// How the times of two series of calls compare.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// The median before, in milliseconds.
    pub before_ms: f64,
    /// The median after, in milliseconds.
    pub after_ms: f64,
    /// The one over the other.
    pub ratio: f64,
    /// How likely so much would be by chance.
    pub p: f64,
}

impl Speed {
    /// Whether it is slower by more than that factor, and certainly so.
    pub fn is_slower_than(&self, factor: f64) -> bool {
        /// One look is taken, at a handful of queries: a false alarm a thousand queries.
        const CERTAIN: f64 = 0.001;
        /// What is below this cannot be told from noise, however often it is measured.
        const NOISE_MS: f64 = 1.0;
        self.ratio > factor && self.p < CERTAIN && self.after_ms - self.before_ms > NOISE_MS
    }
}

/// Compares times by ranks; none where there are too few to say anything.
pub fn compare_times(before: &[f64], after: &[f64]) -> Option<Speed> {
    let shift = tightrope_judge::shift(before, after)?;
    Some(Speed {
        before_ms: shift.before,
        after_ms: shift.after,
        ratio: shift.ratio,
        p: shift.p,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certain_and_more_than_the_limit_is_slower() {
        let times = |factor: f64| -> Vec<f64> {
            (0..20)
                .map(|n| factor * (10.0 + f64::from(n % 5)))
                .collect()
        };
        let compare = |factor| compare_times(&times(1.0), &times(factor)).unwrap();
        assert!(compare(2.0).is_slower_than(1.5));
        assert!(!compare(1.2).is_slower_than(1.5));
        assert!(!compare(1.0).is_slower_than(0.9), "nothing changed");
        let few = compare_times(&[10.0], &[100.0]);
        assert!(few.is_none_or(|few| !few.is_slower_than(1.5)));
    }
}
