//! What a baseline is good for: how large a change would be found on it.

use super::Judge;
use crate::compare::LEAST_TOGETHER;
use crate::criterion::Condition;
use crate::statistics::{inflation_of, quantile};

/// How soon a change is to be found, in samples.
pub const SOON: usize = 60;
/// By how many standard errors a change has to stand out so that a look which may spend a thousandth of a chance finds it in 99 of 100
/// watches: 3.2 for the chance, 2.3 for the watches.
const STANDS_OUT: f64 = 5.5;
/// From the quartiles of normal samples to their standard deviation.
const QUARTILES: f64 = 1.349;

impl Judge {
    /// For each comparison by how many percent everything has to change so that it is nearly always found within [`SOON`] samples.
    /// That is as of this baseline: how its samples scatter, how they hang together, and how many there are. None that is compared
    /// with a control group is in it: what scatters with the control group does not count there.
    pub fn finds(&self) -> Vec<(String, f64)> {
        let found = self.criteria.criteria.iter().filter_map(|criterion| {
            let Condition::Change {
                probe,
                measure,
                percent,
                against: None,
                ..
            } = &criterion.condition
            else {
                return None;
            };
            let series = self.track(probe)?.series(measure.as_deref());
            let samples: Vec<f64> = series.before.iter().map(|sample| sample.value).collect();
            Some((criterion.text.clone(), found(&samples)?.max(*percent)))
        });
        found.collect()
    }
}

fn found(samples: &[f64]) -> Option<f64> {
    let logarithms: Vec<f64> = samples.iter().map(|sample| sample.ln()).collect();
    let scatter = (quantile(&logarithms, 0.75)? - quantile(&logarithms, 0.25)?).abs() / QUARTILES;
    let together = |number| inflation_of(samples, number).max(LEAST_TOGETHER) / number as f64;
    let error = scatter * (together(samples.len()) + together(SOON)).sqrt();
    let percent = ((STANDS_OUT * error).exp() - 1.0) * 100.0;
    percent.is_finite().then_some(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lognormal, about a third apart, none like the one before.
    fn latencies(number: usize) -> Vec<f64> {
        (0..number)
            .map(|index| {
                20.0 * (0.335 * (((index * 617) % 1000) as f64 / 1000.0 - 0.5) * 3.46).exp()
            })
            .collect()
    }

    #[test]
    fn more_samples_find_smaller_changes() {
        let (few, many) = (
            found(&latencies(30)).unwrap(),
            found(&latencies(300)).unwrap(),
        );
        assert!((35.0..70.0).contains(&many), "{many}");
        assert!(few > 1.4 * many, "{few}");
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[0.0, 1.0]), None);
    }
}
