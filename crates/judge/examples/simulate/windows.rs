//! Windows of made-up traffic that behaves as real traffic does: latencies are lognormal, resemble their neighbours, come in bursts
//! and drift over the day. The same seed gives the same window.

use std::collections::BTreeMap;
use std::path::Path;

use tightrope_judge::{Criteria, Decision, Judge, Look, Observation};

/// SplitMix64 (Steele, Lea, Flood 2014), and a normal variable from two of its numbers.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// What a window is made of.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// By how much the query is slower afterwards: 1 for nothing.
    pub(crate) factor: f64,
    /// Whether there is a control group, which the migration does not touch.
    pub(crate) control: bool,
    /// Whether bursts hit the control group, too.
    pub(crate) shared_bursts: bool,
    /// The criterion.
    pub(crate) sentence: &'static str,
    /// How many looks the baseline and the watch have.
    pub(crate) looks: (usize, usize),
}

/// Seconds between two looks.
const INTERVAL_S: f64 = 2.0;

/// What one look's latencies have in common.
struct Weather {
    phase: f64,
    wander: f64,
    neighbour: f64,
    burst_left: u32,
    burst: f64,
}

impl Weather {
    fn new(chance: &mut Chance) -> Self {
        Self {
            phase: std::f64::consts::TAU * chance.uniform(),
            wander: 0.04 * chance.normal(),
            neighbour: 0.15 * chance.normal(),
            burst_left: 0,
            burst: 0.0,
        }
    }

    /// The logarithms of what hits everything, of the burst, and of what only the query itself feels.
    fn next(&mut self, look: usize, chance: &mut Chance) -> (f64, f64, f64) {
        // The day: a third more at its height than on average, a third less in the night.
        let day = look as f64 * INTERVAL_S / 86_400.0 * std::f64::consts::TAU;
        let drift = 0.3 * (day + self.phase).sin();
        // Caches, neighbours on the machine: a slow wander, over about five minutes.
        let slow: f64 = 0.993;
        self.wander = slow * self.wander + 0.04 * (1.0 - slow * slow).sqrt() * chance.normal();
        // Each look resembles the one before.
        let near: f64 = 0.6;
        self.neighbour =
            near * self.neighbour + 0.15 * (1.0 - near * near).sqrt() * chance.normal();
        // A burst every ten minutes on average (a checkpoint, a report), up to fifteen looks long, up to three times as slow.
        if self.burst_left == 0 && chance.uniform() < INTERVAL_S / 600.0 {
            self.burst_left = 3 + (chance.uniform() * 12.0) as u32;
            self.burst = (1.5 + 1.5 * chance.uniform()).ln();
        }
        self.burst_left = self.burst_left.saturating_sub(1);
        let burst = if self.burst_left > 0 { self.burst } else { 0.0 };
        (drift + self.wander, burst, self.neighbour)
    }
}

/// What a window came to.
pub(crate) struct Outcome {
    /// After how many samples it was decided that the migration has to go; none if it was not.
    pub(crate) failed_after: Option<usize>,
    /// Whether it was kept at the end.
    pub(crate) kept: bool,
}

/// The criteria of a window of latencies.
pub(crate) fn criteria(window: &Window) -> Criteria {
    let probe = |name: &str| {
        format!("[watch.probes.{name}]\nsql = \"select 1\"\ncursor = \"select 1\"\nunit = \"ms\"\n")
    };
    let control = if window.control {
        probe("browse")
    } else {
        String::new()
    };
    let text = format!(
        "[watch]\nfor = \"{}s\"\ncriteria = [{:?}]\n{}{control}",
        window.looks.1 * INTERVAL_S as usize,
        window.sentence,
        probe("checkout")
    );
    read(&text)
}

fn read(text: &str) -> Criteria {
    let (criteria, findings) = tightrope_judge::read(Path::new("simulation.toml"), text);
    assert!(findings.is_empty(), "{findings:?}");
    criteria
}

/// Plays a window of latencies to its end: one sample of the query a look, five of the control group.
pub(crate) fn latencies(window: &Window, seed: u64) -> Outcome {
    let mut chance = Chance::new(seed);
    let mut weather = Weather::new(&mut chance);
    let mut judge = Judge::new(criteria(window));
    let mut number = 0;
    for (after, looks, factor) in [
        (false, window.looks.0, 1.0),
        (true, window.looks.1, window.factor),
    ] {
        for look in 1..=looks {
            number += 1;
            let (everything, burst, own) = weather.next(number, &mut chance);
            let query = 20.0 * factor * (everything + burst + own + 0.3 * chance.normal()).exp();
            let mut seen = BTreeMap::from([("checkout".to_owned(), samples(vec![query]))]);
            if window.control {
                let felt = if window.shared_bursts { burst } else { 0.0 };
                let others =
                    (0..5).map(|_| 8.0 * (everything + felt + 0.33 * chance.normal()).exp());
                seen.insert("browse".to_owned(), samples(others.collect()));
            }
            let elapsed_ms = (look as f64 * INTERVAL_S * 1000.0) as u64;
            judge.add(&Look {
                after,
                elapsed_ms,
                seen,
                unreachable: false,
            });
            if let Decision::Fail { .. } = judge.decision(false) {
                return Outcome {
                    failed_after: Some(look),
                    kept: false,
                };
            }
        }
    }
    end(judge)
}

fn end(mut judge: Judge) -> Outcome {
    judge.close();
    let decision = judge.decision(true);
    Outcome {
        failed_after: matches!(decision, Decision::Fail { .. }).then_some(usize::MAX),
        kept: decision == Decision::Keep,
    }
}

/// Plays a window of blocks per call: calls touch a few blocks, more where a customer has many orders, and the whole table once the
/// index is gone. Gives the number of calls after which it was found.
pub(crate) fn blocks(dropped: bool, looks: (usize, usize), seed: u64) -> Outcome {
    let mut chance = Chance::new(seed);
    let text = format!(
        "[watch]\nfor = \"{}s\"\ncriteria = [\"blocks per call of by_customer up by more than 100 %\"]\n\
         [watch.probes.by_customer]\nstatement = \"select % from orders%\"\n",
        looks.1 * INTERVAL_S as usize
    );
    let mut judge = Judge::new(read(&text));
    let (mut calls, mut blocks) = (0.0, 0.0);
    for (after, looks) in [(false, looks.0), (true, looks.1)] {
        for look in 1..=looks {
            for _ in 0..2 {
                calls += 1.0;
                // An index: three levels and the rows, lognormal and skewed; without it every block of a table of 800 or more.
                blocks += match after && dropped {
                    true => 800.0 * (0.05 * chance.normal()).exp(),
                    false => 3.0 + (1.0 + 1.2 * chance.normal()).exp().ceil(),
                };
            }
            let values = [("calls", calls), ("blocks", blocks)]
                .map(|(name, value): (&str, f64)| (name.to_owned(), value));
            let seen = Observation::Totals {
                values: values.into(),
                epoch: None,
            };
            let elapsed_ms = (look as f64 * INTERVAL_S * 1000.0) as u64;
            judge.add(&Look {
                after,
                elapsed_ms,
                seen: BTreeMap::from([("by_customer".to_owned(), seen)]),
                unreachable: false,
            });
            if let Decision::Fail { .. } = judge.decision(false) {
                return Outcome {
                    failed_after: Some(look * 2),
                    kept: false,
                };
            }
        }
    }
    end(judge)
}

fn samples(values: Vec<f64>) -> Observation {
    Observation::Samples {
        values,
        cursor: None,
    }
}
