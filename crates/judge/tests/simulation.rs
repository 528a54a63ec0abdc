//! A small part of the simulation, the same every time: `./dev bench judge` plays the whole of it.

#[path = "../examples/simulate/traffic.rs"]
mod traffic;
#[path = "../examples/simulate/windows.rs"]
mod windows;

use traffic::Kind;
use windows::{Outcome, Window, blocks, latencies};

const SENTENCE: &str = "median of checkout up by more than 20 % against browse";

fn window(factor: f64) -> Window {
    Window {
        traffic: Kind::Mixed,
        factor,
        control: true,
        shared_bursts: true,
        sentence: SENTENCE,
        looks: (120, 200),
    }
}

fn play(number: u64, play: impl Fn(u64) -> Outcome) -> Vec<Outcome> {
    (1..=number).map(play).collect()
}

fn rolled_back(outcomes: &[Outcome]) -> usize {
    let failed = outcomes
        .iter()
        .filter(|outcome| outcome.failed_after.is_some());
    failed.count()
}

#[test]
fn quiet_windows_are_kept() {
    let outcomes = play(20, |seed| latencies(&window(1.0), seed));
    assert!(rolled_back(&outcomes) == 0);
    let kept = outcomes.iter().filter(|outcome| outcome.kept).count();
    assert!(kept >= 19, "{kept}");
    assert_eq!(
        rolled_back(&play(10, |seed| blocks(false, (120, 200), seed))),
        0
    );
}

/// Traffic that the judge's numbers were not chosen on, without a control group. With a long memory it may cry wolf.
#[test]
fn other_traffic_is_judged_as_well() {
    for (traffic, wolf) in [(Kind::Jobs, 1), (Kind::TwoPaths, 1), (Kind::Memory, 5)] {
        let alone = |factor| Window {
            traffic,
            control: false,
            sentence: "median of checkout up by more than 20 %",
            looks: (300, 200),
            ..window(factor)
        };
        let quiet = rolled_back(&play(10, |seed| latencies(&alone(1.0), seed)));
        assert!(quiet <= wolf, "{quiet} of 10, {wolf} are allowed");
        assert!(rolled_back(&play(10, |seed| latencies(&alone(1.6), seed))) >= 9);
    }
}

#[test]
fn half_as_slow_again_is_found_within_sixty_samples() {
    let outcomes = play(20, |seed| latencies(&window(1.5), seed));
    let early = outcomes
        .iter()
        .filter(|outcome| outcome.failed_after.is_some_and(|samples| samples <= 60));
    assert!(early.count() >= 19);
}

#[test]
fn a_third_slower_is_found_within_the_window() {
    let outcomes = play(15, |seed| latencies(&window(1.3), seed));
    assert!(rolled_back(&outcomes) >= 13);
}

#[test]
fn a_dropped_index_is_found_within_ten_calls() {
    let outcomes = play(20, |seed| blocks(true, (120, 200), seed));
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.failed_after.is_some_and(|calls| calls <= 10))
    );
}
