use crate::compare::compare;
use crate::criterion::{Bound, Stat};

/// How far the middle of some samples has moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The median before.
    pub before: f64,
    /// The median after.
    pub after: f64,
    /// The one over the other; infinite where it was 0 before and is not now.
    pub ratio: f64,
    /// How likely so much or more would be by chance (one-sided, by ranks, as many samples as resemble their neighbours taken for one).
    pub p: f64,
}

/// Tells whether samples after are larger than those before, in one look; none where one side has none.
pub fn shift(before: &[f64], after: &[f64]) -> Option<Shift> {
    let median = Stat::Percentile(50);
    let compared = compare(before, after, after, median, Bound::Over)?;
    Some(Shift {
        before: crate::compare::statistic(before, median)?,
        after: crate::compare::statistic(after, median)?,
        ratio: compared.ratio,
        p: compared.p,
    })
}
