use std::path::Path;

use super::*;
use crate::look::{Failure, FailureKind, Observation};

const SETTINGS: &str = r#"
[watch]
for = "100s"
[watch.probes.errors]
table = "app_errors"
[watch.probes.checkout]
sql = "select ms from log where id > $1 and id <= $2"
cursor = "select max(id) from log"
unit = "ms"
min_samples = 20
[watch.probes.by_customer]
statement = "select % from orders%"
[watch.probes.depth]
sql = "select count(*) from queue"
"#;

fn criteria(sentences: &[&str], more: &str) -> Criteria {
    let sentences: Vec<String> = sentences
        .iter()
        .map(|sentence| format!("{sentence:?}"))
        .collect();
    let list = format!("[watch]\ncriteria = [{}]\n", sentences.join(", "));
    let text = match more.starts_with('[') {
        true => format!("{}{more}", SETTINGS.replacen("[watch]\n", &list, 1)),
        false => SETTINGS.replacen("[watch]\n", &format!("{list}{more}\n"), 1),
    };
    let (criteria, findings) = crate::read(Path::new("tightrope.toml"), &text);
    assert!(findings.is_empty(), "{findings:?}");
    criteria
}

/// A watch of looks two seconds apart.
#[derive(Clone)]
struct Watch {
    judge: Judge,
    at_ms: u64,
}

impl Watch {
    fn new(sentences: &[&str], more: &str) -> Self {
        Self {
            judge: Judge::new(criteria(sentences, more)),
            at_ms: 0,
        }
    }

    fn look(&mut self, after: bool, seen: &[(&str, Observation)]) -> &mut Self {
        self.at_ms += 2_000;
        let seen = seen
            .iter()
            .map(|(name, seen)| ((*name).to_owned(), seen.clone()));
        self.judge.add(&Look {
            after,
            elapsed_ms: self.at_ms,
            seen: seen.collect(),
            unreachable: false,
        });
        self
    }

    fn looks(&mut self, after: bool, number: usize, seen: &[(&str, Observation)]) -> &mut Self {
        for _ in 0..number {
            self.look(after, seen);
        }
        self
    }

    fn apply(&mut self) -> &mut Self {
        self.at_ms = 0;
        self
    }

    fn end(&mut self) -> Decision {
        self.judge.close();
        self.judge.decision(true)
    }

    #[track_caller]
    fn ends_undecided(&mut self, because: &str) {
        match self.end() {
            Decision::Undecided { because: found } => {
                assert!(found[0].contains(because), "{found:?}")
            }
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn fails(&self, because: &str) {
        match self.judge.decision(false) {
            Decision::Fail { because: found } => assert!(found[0].contains(because), "{found:?}"),
            other => panic!("{other:?}"),
        }
    }
}

fn count(count: f64) -> Observation {
    Observation::Totals {
        values: BTreeMap::from([("count".to_owned(), count)]),
        epoch: None,
    }
}

fn samples(values: &[f64]) -> Observation {
    Observation::Samples {
        values: values.to_vec(),
        cursor: None,
    }
}

fn failed(kind: FailureKind) -> Observation {
    Observation::Failed(Failure {
        kind,
        why: "connection refused".to_owned(),
    })
}

/// Latencies of about ten, the same at every look.
fn quiet(factor: f64) -> Observation {
    samples(&[8.0, 9.5, 10.0, 11.0, 12.5].map(|value| value * factor))
}

#[test]
fn a_hard_limit_acts_at_once() {
    let mut watch = Watch::new(&["more than 10 errors"], "");
    watch.look(false, &[("errors", count(100.0))]).apply();
    watch.look(true, &[("errors", count(110.0))]);
    assert_eq!(watch.judge.decision(false), Decision::GoOn);
    watch.look(true, &[("errors", count(111.0))]);
    watch.fails("it is 11, and the limit is 10");
}

#[test]
fn a_quiet_watch_is_kept() {
    let mut watch = Watch::new(
        &[
            "more than 10 errors",
            "p95 of checkout up by more than 20 %",
            "depth over 5",
        ],
        "",
    );
    let seen = [
        ("errors", count(3.0)),
        ("checkout", quiet(1.0)),
        ("depth", Observation::level(2.0)),
    ];
    watch.looks(false, 20, &seen).apply().looks(true, 50, &seen);
    assert_eq!(watch.judge.decision(false), Decision::GoOn);
    assert_eq!(watch.end(), Decision::Keep);
    assert_eq!(watch.judge.rulings(true)[1].value, "+0.0 %");
}

#[test]
fn nothing_passes_without_data() {
    let mut watch = Watch::new(&["more than 10 errors"], "");
    watch.looks(true, 50, &[]);
    watch.ends_undecided("has not looked yet");
    let mut watch = Watch::new(&["p95 of checkout up by more than 20 %"], "");
    watch.looks(true, 50, &[("checkout", quiet(1.0))]);
    watch.ends_undecided("the baseline of `checkout` has 0 of 20 samples");
    let mut watch = Watch::new(&["p95 of checkout up by more than 20 %"], "");
    watch.looks(false, 20, &[("checkout", quiet(1.0))]).apply();
    watch.looks(true, 50, &[("checkout", samples(&[]))]);
    watch.ends_undecided("`checkout` has 0 of 20 samples");
    assert!(matches!(
        Watch::new(&[], "").end(),
        Decision::Undecided { .. }
    ));
}

#[test]
fn traffic_that_stops_is_no_pass() {
    let mut watch = Watch::new(&["p95 of checkout up by more than 20 %"], "");
    watch.looks(false, 20, &[("checkout", quiet(1.0))]).apply();
    watch.looks(true, 20, &[("checkout", quiet(1.0))]).looks(
        true,
        30,
        &[("checkout", samples(&[]))],
    );
    watch.ends_undecided("the traffic has stopped");
    let mut watch = Watch::new(&["more than 10 errors"], "traffic = \"checkout\"");
    let quiet = [("errors", count(3.0)), ("checkout", quiet(1.0))];
    let silent = [("errors", count(3.0)), ("checkout", samples(&[]))];
    watch
        .looks(false, 20, &quiet)
        .apply()
        .looks(true, 20, &quiet)
        .looks(true, 30, &silent);
    watch.ends_undecided("there was no traffic: `checkout` stands still");
}

#[test]
fn a_probe_that_is_down_slow_or_lying_fails_unless_told_otherwise() {
    for (kind, words) in [
        (FailureKind::Down, "does not work"),
        (FailureKind::Slow, "does not answer in time"),
        (FailureKind::NotANumber, "gives no number"),
    ] {
        let mut watch = Watch::new(&["more than 10 errors"], "");
        watch
            .looks(true, 5, &[("errors", count(0.0))])
            .looks(true, 2, &[("errors", failed(kind))]);
        assert_eq!(
            watch.judge.decision(false),
            Decision::GoOn,
            "a hiccup is none"
        );
        watch.look(true, &[("errors", failed(kind))]);
        watch.fails(words);
    }
    let mut watch = Watch::new(&["more than 10 errors"], "");
    watch
        .judge
        .criteria
        .probes
        .get_mut("errors")
        .unwrap()
        .on_failure = OnFailure::NoData;
    watch.looks(true, 45, &[("errors", count(0.0))]).looks(
        true,
        5,
        &[("errors", failed(FailureKind::Down))],
    );
    assert_eq!(watch.judge.decision(false), Decision::GoOn);
    watch.ends_undecided("does not work: connection refused");
}

#[test]
fn a_probe_that_fails_now_and_then_is_inconclusive() {
    let mut watch = Watch::new(&["more than 10 errors"], "");
    for _ in 0..10 {
        watch
            .looks(true, 4, &[("errors", count(0.0))])
            .look(true, &[("errors", failed(FailureKind::Slow))]);
    }
    watch.look(true, &[("errors", count(0.0))]);
    watch.ends_undecided("gave nothing in 10 of 51 looks");
}

#[test]
fn a_number_that_is_none_is_a_failure() {
    assert!(matches!(
        Observation::level(f64::NAN),
        Observation::Failed(Failure {
            kind: FailureKind::NotANumber,
            ..
        })
    ));
    assert!(matches!(
        Observation::level(f64::INFINITY),
        Observation::Failed(_)
    ));
    assert_eq!(Observation::level(2.0), Observation::Level { value: 2.0 });
}

#[test]
fn counters_that_are_reset_again_and_again_are_no_pass() {
    let mut watch = Watch::new(&["more than 100 errors"], "");
    for number in 0..25 {
        let seen = if number % 2 == 0 { 2.0 } else { 0.0 };
        watch.look(true, &[("errors", count(seen))]);
    }
    watch.ends_undecided("because its counters were reset");
}

#[test]
fn a_slower_query_is_found_and_says_by_how_much() {
    let mut watch = Watch::new(&["p95 of checkout up by more than 20 %"], "");
    watch
        .looks(false, 20, &[("checkout", quiet(1.0))])
        .apply()
        .looks(true, 12, &[("checkout", quiet(1.5))]);
    watch.fails("+50.0 % on");
}

#[test]
fn what_happens_to_the_control_group_too_is_not_the_migration_s_doing() {
    let sentence = ["median of checkout up by more than 20 % against browse"];
    let more = "[watch.probes.browse]\nsql = \"select 1\"\ncursor = \"select 1\"\nmin_samples = 20";
    let mut watch = Watch::new(&sentence, more);
    let seen = |own, control| [("checkout", quiet(own)), ("browse", quiet(control))];
    watch
        .looks(false, 20, &seen(1.0, 1.0))
        .apply()
        .looks(true, 50, &seen(2.0, 2.0));
    assert_eq!(watch.end(), Decision::Keep);
    let mut watch = Watch::new(&sentence, more);
    watch
        .looks(false, 20, &seen(1.0, 1.0))
        .apply()
        .looks(true, 20, &seen(2.0, 1.0));
    watch.fails("+100.0 %");
    let mut watch = Watch::new(&sentence, more);
    watch
        .looks(false, 20, &[("checkout", quiet(1.0))])
        .apply()
        .looks(true, 50, &[("checkout", quiet(2.0))]);
    watch.ends_undecided("the probe `browse` has not looked yet");
}

#[test]
fn a_lost_plan_is_found_by_blocks_per_call() {
    let mut watch = Watch::new(
        &["blocks per call of by_customer up by more than 100 %"],
        "",
    );
    let (mut calls, mut blocks) = (0.0, 0.0);
    let mut look = |watch: &mut Watch, after, per_call: f64| {
        calls += 2.0;
        blocks += 2.0 * per_call;
        let values =
            [("calls", calls), ("blocks", blocks)].map(|(name, value)| (name.to_owned(), value));
        watch.look(
            after,
            &[(
                "by_customer",
                Observation::Totals {
                    values: values.into(),
                    epoch: None,
                },
            )],
        );
    };
    for _ in 0..31 {
        look(&mut watch, false, 4.0);
    }
    watch.apply();
    for _ in 0..5 {
        look(&mut watch, true, 900.0);
    }
    watch.fails("on 5 samples");
}

#[test]
fn a_limit_may_have_to_last_for_several_looks() {
    let mut watch = Watch::new(&["depth over 5 for 3 looks"], "");
    let level = |value| [("depth", Observation::level(value))];
    watch
        .looks(true, 2, &level(9.0))
        .look(true, &level(1.0))
        .looks(true, 2, &level(9.0));
    assert_eq!(watch.judge.decision(false), Decision::GoOn);
    watch.look(true, &level(9.0));
    watch.fails("it is 9, and the limit is 5");
}

#[test]
fn an_invariant_is_what_was_measured_on_both_sides() {
    let text = "row count of orders equal";
    let both = |before: &str, after: &str| Observation::Both {
        before: before.to_owned(),
        after: after.to_owned(),
    };
    let mut watch = Watch::new(&[text], "");
    assert!(matches!(watch.end(), Decision::Undecided { .. }));
    watch.look(true, &[(text, both("7", "7"))]);
    assert_eq!(watch.end(), Decision::Keep);
    watch.look(true, &[(text, both("7", "6"))]);
    watch.fails("7 before, 6 after");
}

#[test]
fn whoever_replays_the_looks_comes_to_the_same_rulings() {
    let mut watch = Watch::new(
        &[
            "p95 of checkout up by more than 20 %",
            "more than 10 errors",
        ],
        "",
    );
    let mut looks = Vec::new();
    for number in 0..40_u32 {
        let after = number >= 20;
        let factor = if after { 1.15 } else { 1.0 };
        let seen = [
            ("checkout", quiet(factor)),
            ("errors", count(f64::from(number / 5))),
        ];
        watch.look(after, &seen);
        let seen = seen.map(|(name, seen)| (name.to_owned(), seen));
        looks.push(Look {
            after,
            elapsed_ms: watch.at_ms,
            seen: seen.into(),
            unreachable: false,
        });
    }
    let text = serde_json::to_string(&looks).unwrap();
    let replayed: Vec<Look> = serde_json::from_str(&text).unwrap();
    let mut judge = Judge::new(watch.judge.criteria().clone());
    replayed.iter().for_each(|look| judge.add(look));
    assert_eq!(judge.rulings(false), watch.judge.rulings(false));
    assert_eq!(judge.elapsed_ms(), watch.judge.elapsed_ms());
}

#[test]
fn a_baseline_says_how_good_it_is() {
    let mut watch = Watch::new(&["p95 of checkout up by more than 20 %"], "");
    watch.look(
        false,
        &[
            ("checkout", quiet(1.0)),
            ("errors", failed(FailureKind::Down)),
        ],
    );
    assert_eq!(watch.judge.baseline(), [("checkout".to_owned(), 5, 20)]);
    let blind = watch.judge.blind();
    assert_eq!(
        blind
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["by_customer", "depth", "errors"]
    );
    assert_eq!(
        blind[2].1.as_deref(),
        Some("does not work: connection refused")
    );
}

#[test]
fn samples_that_do_not_come_pass_no_limit() {
    let mut silent = Watch::new(&["checkout over 500 ms"], "");
    silent.look(false, &[("checkout", quiet(1.0))]).apply();
    silent.looks(true, 50, &[("checkout", samples(&[]))]);
    silent.ends_undecided("`checkout` has 0 of 20 samples");

    for sentence in ["checkout over 500 ms", "p95 of checkout over 500 ms"] {
        let mut stopped = Watch::new(&[sentence], "");
        stopped.look(false, &[("checkout", quiet(1.0))]).apply();
        stopped.looks(true, 6, &[("checkout", quiet(1.0))]);
        stopped.looks(true, 44, &[("checkout", samples(&[]))]);
        stopped.ends_undecided("`checkout` gives no more samples");

        let mut flowing = Watch::new(&[sentence], "");
        flowing.look(false, &[("checkout", quiet(1.0))]).apply();
        flowing.looks(true, 50, &[("checkout", quiet(1.0))]);
        assert_eq!(flowing.end(), Decision::Keep, "{sentence}");
    }
}

#[test]
fn what_was_nothing_in_the_baseline_is_compared_too() {
    let depth = |after: f64| {
        let mut watch = Watch::new(&["depth up by more than 20 %"], "");
        let seen = |value| [("depth", Observation::level(value))];
        watch.looks(false, 30, &seen(0.0)).apply();
        watch.looks(true, 50, &seen(after));
        watch
    };
    depth(5_000.0).fails("no longer 0 as in the baseline");
    assert_eq!(depth(0.0).end(), Decision::Keep);
}

#[test]
fn a_statement_is_asked_for_one_of_its_measures() {
    for sentence in ["by_customer over 5", "more than 10 by_customer"] {
        let list = format!("[watch]\ncriteria = [{sentence:?}]\n");
        let text = SETTINGS.replacen("[watch]\n", &list, 1);
        let (criteria, findings) = crate::read(Path::new("tightrope.toml"), &text);
        assert!(criteria.criteria.is_empty(), "{sentence}");
        assert!(
            findings[0].message.contains("say what of the statement"),
            "{findings:?}"
        );
    }
}

#[test]
fn a_target_that_nobody_reaches_is_no_reason_to_go_back() {
    let unreachable = |watch: &mut Watch, probe: &str| {
        watch.at_ms += 2_000;
        let seen = (probe.to_owned(), failed(FailureKind::Down));
        watch.judge.add(&Look {
            after: true,
            elapsed_ms: watch.at_ms,
            seen: BTreeMap::from([seen]),
            unreachable: true,
        });
    };
    let mut watch = Watch::new(&["more than 10 errors"], "");
    watch.look(false, &[("errors", count(0.0))]).apply();
    watch.looks(true, 40, &[("errors", count(0.0))]);
    for _ in 0..4 {
        unreachable(&mut watch, "errors");
    }
    assert_eq!(watch.judge.decision(false), Decision::GoOn);
    watch
        .clone()
        .ends_undecided("`errors` gave nothing in 4 of 44 looks");
    watch.look(true, &[("errors", count(0.0))]);
    assert_eq!(watch.end(), Decision::Keep);

    let program = "[watch]\nfor = \"100s\"\n[watch.probes.health]\ncommand = [\"true\"]\n";
    let mut other = Watch::new(
        &["health over 5"],
        &program.replacen("[watch]\nfor = \"100s\"\n", "", 1),
    );
    other
        .look(false, &[("health", Observation::level(1.0))])
        .apply();
    for _ in 0..3 {
        unreachable(&mut other, "health");
    }
    other.fails("`health` does not work");
}

#[test]
fn a_few_samples_do_not_stand_apart_by_little() {
    let mut watch = Watch::new(&["blocks per call of by_customer up by more than 20 %"], "");
    let mut calls = 0.0;
    let mut blocks = 0.0;
    let mut statement = |per_call: f64| {
        (calls, blocks) = (calls + 1.0, blocks + per_call);
        Observation::Totals {
            values: BTreeMap::from([("calls".to_owned(), calls), ("blocks".to_owned(), blocks)]),
            epoch: None,
        }
    };
    // Each resembles the one before so much that few of them count.
    for look in 0..20 {
        let per_call = 10.0 + f64::from(look) / 20.0;
        watch.look(false, &[("by_customer", statement(per_call))]);
    }
    watch.apply();
    for _ in 0..6 {
        watch.look(true, &[("by_customer", statement(14.0))]);
    }
    assert_eq!(watch.judge.decision(false), Decision::GoOn);
    for _ in 0..6 {
        watch.look(true, &[("by_customer", statement(14.0))]);
    }
    watch.fails("beyond all of the baseline");
}
