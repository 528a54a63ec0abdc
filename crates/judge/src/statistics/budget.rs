//! The alpha-spending budget: looking thirty times must not be thirty chances to be wrong.

/// How gently the budget is spent: the larger, the more is left for later looks.
const PATIENCE: f64 = 3.0;

/// The part of the budget that the look of that number (from 0) may spend. All parts together are 1 at most, however many
/// looks there will be and however they depend on one another: the false alarms of all looks add up to the budget.
pub(crate) fn share(look: usize) -> f64 {
    let k = look as f64 + PATIENCE;
    PATIENCE / (k * (k + 1.0))
}

/// How many samples the look after one at `samples` waits for: a quarter more, since less could hardly change the answer.
pub(crate) fn next_look(samples: usize) -> usize {
    samples + samples.div_ceil(4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_looks_spends_more_than_the_budget() {
        let spent: f64 = (0..1_000_000).map(share).sum();
        assert!((0.99..=1.0).contains(&spent), "{spent}");
    }

    #[test]
    fn looks_come_ever_more_seldom() {
        let mut samples = 48;
        let mut looks = 1;
        while samples < 10_000 {
            samples = next_look(samples);
            looks += 1;
        }
        assert_eq!(looks, 25);
        assert_eq!(next_look(1), 2);
    }
}
