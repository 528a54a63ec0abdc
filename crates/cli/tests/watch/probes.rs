//! Probes that are down, slow or lying, traffic that stops, criteria that are not understood. On SQLite: no server is needed for that.

use crate::stage::Stage;

const GOOD: (&str, &str) = (
    "alter table orders add column extra text;",
    "alter table orders drop column extra;",
);

/// A watch whose probe `health` is a script that can be changed while it is watched.
fn watched(script: &str) -> (Stage, tightrope_testkit::process::Running) {
    let stage = Stage::sqlite();
    stage.write("health.sh", "echo 1\n");
    let probe = "[watch.probes.health]\ncommand = [\"/bin/sh\", \"health.sh\"]\ntimeout = \"1s\"\n";
    stage.criteria(&["health > 5"], "");
    let text = std::fs::read_to_string(stage.path("tightrope.toml")).unwrap();
    stage.write("tightrope.toml", &format!("{text}\n{probe}"));
    stage.rehearsed("0002_extra", GOOD.0, GOOD.1);
    let running = stage.watching("0002_extra", &["apply", "--yes", "--watch", "10min"]);
    stage.write("health.new", script);
    std::fs::rename(stage.path("health.new"), stage.path("health.sh")).unwrap();
    (stage, running)
}

#[track_caller]
fn fails(script: &str, because: &str) {
    let (stage, running) = watched(script);
    let outcome = running.wait().expect_code(8);
    assert!(outcome.stderr.contains(because), "{outcome}");
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
}

#[test]
fn a_probe_that_is_down_fails() {
    fails("exit 1\n", "`health` does not work: exit code 1");
}

#[test]
fn a_probe_that_gives_no_number_fails() {
    fails("echo NaN\n", "`health` gives no number");
}

#[test]
fn a_probe_that_does_not_answer_fails() {
    fails("exec sleep 100\n", "`health` does not answer in time");
}

#[test]
fn a_probe_beyond_its_limit_fails_at_once() {
    fails("echo 6\n", "it is 6, and the limit is 5");
}

/// A criterion about lines of a log.
fn logged(stage: &Stage) {
    stage.criteria(
        &["more than 2 broken"],
        "[watch.probes.broken]\nlog = \"logs/app-*.log\"\ncontains = \"status=500\"",
    );
}

#[test]
fn lines_that_come_into_a_log_count() {
    let stage = Stage::sqlite();
    let old = "GET / status=500\n".repeat(10);
    stage.write("logs/app-monday.log", &old);
    logged(&stage);
    stage.rehearsed("0002_extra", GOOD.0, GOOD.1);
    let running = stage.watching("0002_extra", &["apply", "--yes", "--watch", "10min"]);
    stage.write(
        "logs/app-monday.log",
        &format!("{old}GET / status=500\nGET / status=200\n"),
    );
    stage.write(
        "logs/app-tuesday.log",
        "GET / status=500\nGET / status=500\n",
    );
    let outcome = running.wait().expect_code(8);
    assert!(
        outcome.stderr.contains("more than 2 broken: it is 3"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
}

#[test]
fn a_log_that_is_not_there_is_refused() {
    let stage = Stage::sqlite();
    logged(&stage);
    stage.write("logs/other.log", "");
    stage.rehearsed("0002_extra", GOOD.0, GOOD.1);
    let outcome = stage.run(&["apply", "--yes", "--watch", "1h"], 4);
    assert!(
        outcome
            .stderr
            .contains("`logs/app-*.log`: there is no such file"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("applied"), 1);
}

#[test]
fn traffic_that_stops_is_no_pass() {
    let stage = Stage::sqlite();
    stage.criteria(
        &["more than 10 errors"],
        "traffic = \"orders\"\n[watch.probes.orders]\ntable = \"orders\"",
    );
    stage.rehearsed("0002_extra", GOOD.0, GOOD.1);
    let outcome = stage.run(&["apply", "--yes", "--watch", "3s"], 9);
    assert!(
        outcome
            .stdout
            .contains("there was no traffic: `orders` stands still"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("rolled-back"), 0);
}

#[test]
fn a_probe_that_does_not_work_before_is_refused() {
    let stage = Stage::sqlite();
    stage.criteria(
        &["missing > 5"],
        "[watch.probes.missing]\nsql = \"select count(*) from nowhere\"",
    );
    stage.rehearsed("0002_extra", GOOD.0, GOOD.1);
    let outcome = stage.run(&["apply", "--yes", "--watch", "3s"], 4);
    assert!(
        outcome.stderr.contains("the probe `missing` does not work"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("applied"), 1);
    assert_eq!(stage.ledger().last().unwrap(), "watch-ended");
}

#[test]
fn a_criterion_that_is_not_understood_says_where() {
    let stage = Stage::sqlite();
    stage.criteria(&["more than 10 erors"], "");
    stage.rehearsed("0002_extra", GOOD.0, GOOD.1);
    let outcome = stage.run(&["apply", "--yes", "--watch", "3s"], 1);
    assert!(outcome.stderr.contains("tightrope.toml:4:27"), "{outcome}");
    assert!(
        outcome.stderr.contains("did you mean `errors`?"),
        "{outcome}"
    );
}

#[test]
fn the_policy_alert_rolls_nothing_back() {
    let stage = Stage::sqlite();
    stage.criteria(&["more than 10 errors", "row count of orders equal"], "");
    stage.rehearsed(
        "0002_fewer",
        "delete from orders where id = 1;",
        "insert into orders values (1, 1, 10, 'n1');",
    );
    let outcome = stage.run(
        &[
            "apply", "--yes", "--watch", "10min", "--policy", "alert", "--json",
        ],
        9,
    );
    let last = outcome.stdout.lines().last().unwrap();
    let done: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(
        (done["event"].as_str(), done["outcome"].as_str()),
        (Some("watched"), Some("alert"))
    );
    assert_eq!(done["not_rolled_back"], "the policy is alert");
    assert_eq!(stage.number("select count(*) from orders where id = 1"), 0);
}
