//! Windows of made-up traffic, and what the judge makes of them. The same seed gives the same window.

use std::collections::BTreeMap;
use std::path::Path;

use crate::traffic::{Chance, INTERVAL_S, Kind, Traffic};

use tightrope_judge::{Criteria, Decision, Judge, Look, Observation};

/// What a window is made of.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// What the traffic is like.
    pub(crate) traffic: Kind,
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

/// Plays a window of latencies to its end: about one sample of the query a look, five of the control group.
pub(crate) fn latencies(window: &Window, seed: u64) -> Outcome {
    let mut chance = Chance::new(seed);
    let mut traffic = Traffic::new(window.traffic, &mut chance);
    let mut judge = Judge::new(criteria(window));
    let mut number = 0;
    for (after, looks, factor) in [
        (false, window.looks.0, 1.0),
        (true, window.looks.1, window.factor),
    ] {
        for look in 1..=looks {
            number += 1;
            let now = traffic.next(number, &mut chance);
            let query = now.latencies(20.0 * factor, &mut chance);
            let mut seen = BTreeMap::from([("checkout".to_owned(), samples(query))]);
            if window.control {
                let others = now.of_control(window.shared_bursts, &mut chance);
                seen.insert("browse".to_owned(), samples(others));
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
