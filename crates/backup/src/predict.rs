//! How long it will take at today's size, from what was measured at other sizes.

use serde::Serialize;

/// A predicted time, and how much it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Prediction {
    /// The time, in milliseconds.
    pub milliseconds: u64,
    /// How many measurements it rests on.
    pub measurements: usize,
    /// The greatest distance of a measurement from the line through all, in per cent; 0 with fewer than three.
    pub error_percent: u64,
}

/// Predicts the time for a size from measured (bytes, milliseconds).
///
/// A restore is a fixed cost and a cost for each byte: with two sizes or more that is the line of least squares. With one size
/// only, time grows with size, which is on the safe side where the size has grown. None without a measurement.
pub fn predict(measured: &[(u64, u64)], bytes: u64) -> Option<Prediction> {
    let known: Vec<(f64, f64)> = measured
        .iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|(bytes, milliseconds)| (*bytes as f64, *milliseconds as f64))
        .collect();
    let (fixed, each) = line(&known)?;
    let at = |bytes: f64| fixed + each * bytes;
    let error = known
        .iter()
        .map(|(bytes, milliseconds)| (at(*bytes) - milliseconds).abs() / milliseconds.max(1.0))
        .fold(0.0, f64::max);
    Some(Prediction {
        milliseconds: at(bytes as f64).max(1.0).round() as u64,
        measurements: known.len(),
        error_percent: (error * 100.0).round() as u64,
    })
}

/// The fixed part and the part for each byte, neither below zero.
fn line(known: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = known.len() as f64;
    let mean_bytes = known.iter().map(|(bytes, _)| bytes).sum::<f64>() / count;
    let mean_ms = known.iter().map(|(_, ms)| ms).sum::<f64>() / count;
    if known.is_empty() {
        return None;
    }
    let spread: f64 = known
        .iter()
        .map(|(bytes, _)| (bytes - mean_bytes).powi(2))
        .sum();
    let through_nothing = (0.0, mean_ms / mean_bytes);
    // Sizes that are all but equal say nothing about the slope.
    if spread.sqrt() < mean_bytes * 0.05 {
        return Some(through_nothing);
    }
    let each = known
        .iter()
        .map(|(bytes, ms)| (bytes - mean_bytes) * (ms - mean_ms))
        .sum::<f64>()
        / spread;
    let fixed = mean_ms - each * mean_bytes;
    if each < 0.0 || fixed < 0.0 {
        return Some(through_nothing);
    }
    Some((fixed, each))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(measured: &[(u64, u64)], bytes: u64, expect: Option<u64>) {
        let found = predict(measured, bytes).map(|prediction| prediction.milliseconds);
        assert_eq!(found, expect, "{measured:?}");
    }

    #[test]
    fn time_grows_with_size() {
        check(&[], 100, None);
        check(&[(0, 5)], 100, None);
        check(&[(100, 10)], 200, Some(20));
        check(&[(100, 10), (101, 12)], 201, Some(22));
        check(&[(100, 110), (200, 210)], 400, Some(410));
        check(&[(100, 110), (200, 160), (400, 260)], 1_000, Some(560));
        check(&[(100, 50), (200, 40)], 400, Some(120));
    }

    #[test]
    fn how_far_measurements_lie_from_the_line_is_said() {
        let exact = predict(&[(100, 110), (200, 160), (400, 260)], 1).unwrap();
        assert_eq!((exact.measurements, exact.error_percent), (3, 0));
        let rough = predict(&[(100, 150), (200, 160), (400, 300)], 1).unwrap();
        assert!(rough.error_percent > 5);
    }
}
