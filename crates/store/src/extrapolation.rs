use serde::{Deserialize, Serialize};

/// What the times that were measured on a sample say of all rows.
///
/// A script takes a part of its time whatever the rows are, and that part was measured on a copy without rows; the rest grows with the rows that
/// it touches. With two points the line through them is known, and its ends are as far apart as what is not known of it: by how much a
/// measurement is off, which of the tables that were touched the time went into, and that sorting grows a little faster than rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extrapolation {
    /// The forward script.
    pub forward: Extrapolated,
    /// The written rollback; none if it was not measured on both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Extrapolated>,
}

/// A time on all rows, from two measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extrapolated {
    /// Measured without rows, in milliseconds.
    pub without_rows_ms: u64,
    /// Measured on the sample.
    pub on_sample_ms: u64,
    /// At the least.
    pub least_ms: u64,
    /// Most likely.
    pub likely_ms: u64,
    /// At the most.
    pub most_ms: u64,
}

/// By how much a measurement may be off, in milliseconds, and as a part of it.
const NOISE_MS: f64 = 5.0;
const NOISE_PART: f64 = 0.1;

impl Extrapolated {
    /// Extrapolates from a copy without rows and a sample to all rows of the tables that were touched: each with its rows in the sample and in
    /// all. None where a table has rows, and the sample had none of them.
    pub fn of(without_rows_ms: u64, on_sample_ms: u64, tables: &[(u64, u64)]) -> Option<Self> {
        let touched: Vec<(f64, f64)> = tables
            .iter()
            .filter(|(_, of)| *of > 0)
            .map(|(rows, of)| (*rows as f64, *of as f64))
            .collect();
        if touched.iter().any(|(rows, _)| *rows < 1.0) {
            return None;
        }
        let factors = touched.iter().map(|(rows, of)| of / rows);
        let least = factors.clone().fold(f64::INFINITY, f64::min);
        let least = if least.is_finite() { least } else { 1.0 };
        // As n log n: what is sorted has more to be compared with.
        let sorted = |(rows, of): &(f64, f64)| of / rows * (of.max(2.0).ln() / rows.max(2.0).ln());
        let most = touched.iter().map(sorted).fold(1.0, f64::max);
        let rows: f64 = touched.iter().map(|(rows, _)| rows).sum();
        let of: f64 = touched.iter().map(|(_, of)| of).sum();
        let likely = if rows > 0.0 { of / rows } else { 1.0 };
        let (fixed, sample) = (without_rows_ms as f64, on_sample_ms as f64);
        let noise = NOISE_MS.max(sample * NOISE_PART);
        let grows = (sample - fixed).max(0.0);
        let base = fixed.min(sample);
        Some(Self {
            without_rows_ms,
            on_sample_ms,
            least_ms: (base + (grows - noise).max(0.0) * least) as u64,
            likely_ms: (base + grows * likely).round() as u64,
            most_ms: (fixed.max(sample - grows) + (grows + noise) * most).ceil() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_through_both_points_is_between_the_ends() {
        let check = |fixed, sample, tables: &[(u64, u64)], expect: (u64, u64, u64)| {
            let found = Extrapolated::of(fixed, sample, tables).unwrap();
            assert_eq!(
                (found.least_ms, found.likely_ms, found.most_ms),
                expect,
                "{found:?}"
            );
        };
        // Ten times the rows: what grows takes ten times as long, with an error of a tenth and a logarithm.
        check(100, 1_100, &[(10_000, 100_000)], (9_000, 10_100, 13_975));
        // What does not grow is not multiplied, but the error is.
        check(50, 50, &[(1_000, 20_000)], (50, 50, 194));
        // Two tables: nobody knows which of them it was.
        check(
            0,
            1_000,
            &[(100, 1_000), (1_000, 2_000)],
            (1_800, 2_727, 16_500),
        );
        // Nothing touched that has rows.
        check(7, 9, &[(0, 0)], (7, 9, 14));
    }

    #[test]
    fn of_rows_that_nobody_saw_nothing_is_said() {
        assert_eq!(Extrapolated::of(1, 2, &[(0, 500)]), None);
    }
}
