//! Somebody sets the clock by an hour while it is watched. On SQLite: there every time is the watcher's own.

use std::path::PathBuf;

use tightrope_testkit::process::{Running, Tightrope};

use crate::stage::{EXTRA, LONG, Stage};

/// Debian's libfaketime, which `./dev servers` installs.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let folders = folders.map(|folder| folder.path());
    let mut places = folders.map(|folder| folder.join("faketime/libfaketime.so.1"));
    places
        .find(|place| place.exists())
        .expect("libfaketime is installed: `./dev servers` does that")
}

/// A command whose clock is as a file says; how time goes by is not touched.
fn with_a_clock(stage: &Stage, arguments: &[&str]) -> Tightrope {
    stage.write("clock", "+0");
    stage
        .tightrope(arguments)
        .env("LD_PRELOAD", library())
        .env("FAKETIME_TIMESTAMP_FILE", stage.path("clock"))
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

fn watching(stage: &Stage, watch: &str) -> Running {
    stage.rehearsed("0002_extra", EXTRA.0, EXTRA.1);
    let arguments = ["apply", "--yes", "--watch", watch, "--json"];
    let mut running = with_a_clock(stage, &arguments).spawn();
    running.wait_for_stderr_line("watching 0002_extra", LONG);
    running
}

fn set(stage: &Stage, clock: &str) {
    stage.write("clock.new", clock);
    std::fs::rename(stage.path("clock.new"), stage.path("clock")).unwrap();
}

/// By how many minutes the last entry of the ledger is later than the one before it.
fn minutes_between_the_last(stage: &Stage) -> i64 {
    let log = stage.run(&["log", "--json"], 0).json();
    let entries = log["entries"].as_array().unwrap();
    let at = |index: usize| -> jiff::Timestamp {
        entries[entries.len() - index]["at"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    (at(1).as_second() - at(2).as_second()) / 60
}

fn keeps_after_its_time(clock: &str, minutes: std::ops::RangeInclusive<i64>) {
    let stage = Stage::sqlite();
    stage.criteria(&["more than 10 errors", "odd > 0"], "");
    let running = watching(&stage, "3s");
    set(&stage, clock);
    let outcome = running.wait().expect_code(0);
    let last = outcome.stdout.lines().last().unwrap();
    let done: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(done["outcome"], "kept", "{outcome}");
    // The last look is a moment before the end of the three seconds: no hour less was watched, and none more.
    let watched_ms = done["watched_ms"].as_u64().unwrap();
    assert!((2_500..600_000).contains(&watched_ms), "{watched_ms}");
    assert!(done["rulings"][1]["samples"].as_u64().unwrap() >= 3);
    let apart = minutes_between_the_last(&stage);
    assert!(minutes.contains(&apart), "the clock was set: {apart}");
}

#[test]
fn a_clock_that_is_set_forward_ends_no_watch() {
    keeps_after_its_time("+1h", 55..=65);
}

#[test]
fn a_clock_that_is_set_back_prolongs_no_watch() {
    keeps_after_its_time("-1h", -65..=-55);
}

fn still_decides(clock: &str) {
    let stage = Stage::sqlite();
    stage.criteria(&["more than 10 errors"], "");
    let mut running = watching(&stage, "10min");
    stage.errors(5);
    running.wait_for_stdout_line("\"value\":\"5\"", LONG);
    set(&stage, clock);
    stage.errors_from(5, 6);
    let outcome = running.wait().expect_code(8);
    assert!(
        outcome.stderr.contains("more than 10 errors: it is 11"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("rolled-back"), 1);
}

#[test]
fn what_fails_after_the_clock_was_set_is_rolled_back() {
    still_decides("+1h");
    still_decides("-1h");
}
