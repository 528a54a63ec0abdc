//! Plays thousands of simulated windows and prints what the judge makes of them, as the table of `docs/concepts/verdicts-on-a-watch.md`.
//!
//! `./dev bench judge [WINDOWS]`: 2000 windows a row if not said. The same number gives the same table.
#![expect(clippy::print_stdout, reason = "it prints a table")]

mod windows;

use windows::{Outcome, Window, blocks, latencies};

const MEDIAN: &str = "median of checkout up by more than 20 %";
const P95: &str = "p95 of checkout up by more than 20 %";
const MEDIAN_AGAINST: &str = "median of checkout up by more than 20 % against browse";
const P95_AGAINST: &str = "p95 of checkout up by more than 20 % against browse";

/// Ten minutes of baseline, an hour of watching, a look every two seconds.
const LOOKS: (usize, usize) = (300, 1800);

fn main() {
    let number = std::env::args()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or(2000);
    println!(
        "{number} windows a row; 300 looks of baseline, 1800 of watching, one sample a look\n"
    );
    println!(
        "| window | criterion | rolled back | within 60 samples | kept | undecided | samples, median and 95 % |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, factor) in [
        ("nothing changed", 1.0),
        ("1.5 times as slow", 1.5),
        ("1.3 times as slow", 1.3),
    ] {
        for (sentence, control) in [
            (MEDIAN, false),
            (MEDIAN_AGAINST, true),
            (P95, false),
            (P95_AGAINST, true),
        ] {
            let window = Window {
                factor,
                control,
                shared_bursts: true,
                sentence,
                looks: LOOKS,
            };
            row(
                name,
                sentence,
                60,
                &play(number, |seed| latencies(&window, seed)),
            );
        }
    }
    let sentence = "blocks per call of by_customer up by more than 100 %";
    for (name, dropped) in [("nothing changed", false), ("index dropped", true)] {
        row(
            name,
            sentence,
            10,
            &play(number, |seed| blocks(dropped, LOOKS, seed)),
        );
    }
    println!("\nFor blocks a sample is a call, and the third share is within 10 calls.");
}

/// Plays the windows on two threads; a window depends on its number alone.
fn play(number: u64, window: impl Fn(u64) -> Outcome + Sync) -> Vec<Outcome> {
    let half = |first: u64| (first..number).step_by(2).map(&window).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let even = scope.spawn(|| half(0));
        let mut all = half(1);
        all.extend(even.join().unwrap_or_default());
        all
    })
}

fn row(name: &str, sentence: &str, within: usize, outcomes: &[Outcome]) {
    let share = |count: usize| format!("{:.2} %", 100.0 * count as f64 / outcomes.len() as f64);
    let mut after: Vec<usize> = outcomes
        .iter()
        .filter_map(|outcome| outcome.failed_after)
        .collect();
    after.sort_unstable();
    let early = after.iter().filter(|samples| **samples <= within).count();
    let kept = outcomes.iter().filter(|outcome| outcome.kept).count();
    let at = |part: f64| {
        after
            .get((after.len() as f64 * part) as usize)
            .map_or("-".to_owned(), ToString::to_string)
    };
    let (rolled_back, early) = (share(after.len()), share(early));
    let undecided = share(outcomes.len() - kept - after.len());
    let samples = format!("{}, {}", at(0.5), at(0.95));
    println!(
        "| {name} | `{sentence}` | {rolled_back} | {early} | {} | {undecided} | {samples} |",
        share(kept)
    );
}
