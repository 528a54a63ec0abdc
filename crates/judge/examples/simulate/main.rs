//! Plays thousands of simulated windows and prints what the judge makes of them, as the table of `docs/concepts/verdicts-on-a-watch.md`.
//!
//! `./dev bench judge [WINDOWS]`: 2000 windows a row if not said. The same number gives the same table.
#![expect(clippy::print_stdout, reason = "it prints a table")]

mod traffic;
mod windows;

use traffic::Kind;
use windows::{Outcome, Window, blocks, latencies};

const MEDIAN: &str = "median of checkout up by more than 20 %";
const P95: &str = "p95 of checkout up by more than 20 %";
const MEDIAN_AGAINST: &str = "median of checkout up by more than 20 % against browse";
const P95_AGAINST: &str = "p95 of checkout up by more than 20 % against browse";

/// Twenty minutes of baseline, an hour of watching, a look every two seconds.
const LOOKS: (usize, usize) = (600, 1800);
/// Windows that no parameter was chosen on begin here.
const FRESH: u64 = 1_000_000;
/// What became of the query.
const CHANGES: [(&str, f64); 3] = [
    ("nothing changed", 1.0),
    ("1.5 times as slow", 1.5),
    ("1.3 times as slow", 1.3),
];
/// Columns of every table, after its first.
const COLUMNS: &str =
    "criterion | rolled back | within 60 samples | kept | undecided | samples, median and 95 % |";

fn main() {
    let number = std::env::args()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or(2000);
    println!(
        "{number} windows a row; 600 looks of baseline, 1800 of watching, one sample a look\n"
    );
    main_table(number);
    println!("\nFor blocks a sample is a call, and the third share is within 10 calls.");
    other_traffic(number);
    baselines(number);
}

fn head(first: &str) {
    println!("| {first} | {COLUMNS}");
    println!("|---|---|---|---|---|---|---|");
}

fn main_table(number: u64) {
    head("window");
    for (name, factor) in CHANGES {
        for (sentence, control) in [
            (MEDIAN, false),
            (MEDIAN_AGAINST, true),
            (P95, false),
            (P95_AGAINST, true),
        ] {
            let window = Window {
                traffic: Kind::Mixed,
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
}

/// A window without a control group, on seeds that nothing was chosen on.
fn alone(traffic: Kind, factor: f64, sentence: &'static str, looks: (usize, usize)) -> Window {
    Window {
        traffic,
        factor,
        control: false,
        shared_bursts: true,
        sentence,
        looks,
    }
}

fn other_traffic(number: u64) {
    println!("\nTraffic that no parameter was chosen on, and fresh seeds of the one that was:\n");
    head("traffic, window");
    for (traffic, of) in [
        (Kind::Mixed, "fresh seeds"),
        (Kind::Memory, "long memory"),
        (Kind::Jobs, "a job every 5 min"),
        (Kind::TwoPaths, "two paths"),
    ] {
        for (name, factor) in CHANGES {
            for sentence in [MEDIAN, P95] {
                let window = alone(traffic, factor, sentence, LOOKS);
                let outcomes = play(number, |seed| latencies(&window, FRESH + seed));
                row(&format!("{of}, {name}"), sentence, 60, &outcomes);
            }
        }
    }
}

fn baselines(number: u64) {
    println!("\nShorter and longer baselines:\n");
    head("baseline, window");
    for minutes in [1, 2, 5, 10, 20] {
        for (name, factor) in CHANGES {
            let window = alone(Kind::Mixed, factor, MEDIAN, (minutes * 30, LOOKS.1));
            let outcomes = play(number, |seed| latencies(&window, seed));
            row(&format!("{minutes} min, {name}"), MEDIAN, 60, &outcomes);
        }
    }
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
