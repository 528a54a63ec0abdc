//! What a person sees after a kill, and when two run at once; that every edge is safe is `crash.rs`'s to show.

use std::time::Duration;

use crate::scene::{Scene, assert_says};

const PATIENCE: Duration = Duration::from_secs(30);

/// A migration in three steps, because of the vacuum.
fn in_steps() -> Scene {
    let scene = Scene::shop();
    scene.migration(
        "0003_steps",
        "create table a (x);\nvacuum;\ncreate table b (x);",
        "drop table b;\ndrop table a;",
    );
    scene
}

const APPLY: [&str; 5] = ["apply", "--yes", "--unrehearsed", "--reason", "test"];

#[test]
fn half_done_is_shown_and_undone() {
    let scene = in_steps();
    scene.run(&["apply", "--yes", "--to", "2"], 0);
    let mut running = scene
        .tightrope(&APPLY)
        .env("TIGHTROPE_PAUSE_AT", "7")
        .spawn();
    running.wait_for_stderr_line("paused at edge 7", PATIENCE);
    running.sigkill();
    running.wait();
    let status = scene.run(&["status"], 7);
    assert_says(&status.stdout, "0003_steps was interrupted after");
    assert_says(&status.stdout, "Nothing");
    let refused = scene.run(&["rehearse"], 4);
    assert_says(
        &refused.stderr,
        "finish it with `tightrope apply`, or undo it with `tightrope rollback`",
    );
    scene.run(&["rollback", "--yes"], 0);
    let status = scene.run(&["status"], 0);
    assert_says(&status.stdout, "applied  2 migrations");
}

#[test]
fn the_second_says_who_the_first_is() {
    let scene = Scene::shop();
    scene.run(&["rehearse"], 0);
    let mut first = scene
        .tightrope(&APPLY)
        .env("TIGHTROPE_PAUSE_AT", "1")
        .env("USER", "ana")
        .spawn();
    first.wait_for_stderr_line("paused at edge 1", PATIENCE);
    let second = scene.run(
        &[
            "apply",
            "--yes",
            "--unrehearsed",
            "--reason",
            "me too",
            "--wait",
            "0",
        ],
        5,
    );
    assert_says(&second.stderr, "another run is at work: ana@");
    assert_says(&second.stderr, &format!("process {}", first.pid()));
    assert_says(&scene.run(&["status"], 0).stdout, "at work");
    first.sigkill();
    first.wait();
    let third = scene.run(&APPLY, 0);
    assert_says(&third.stderr, "took over from a run that died: ana@");
}

#[test]
fn of_two_at_once_one_applies_and_the_other_finds_nothing_left() {
    let scene = Scene::shop();
    let mut first = scene
        .tightrope(&APPLY)
        .env("TIGHTROPE_PAUSE_AT", "1")
        .spawn();
    first.wait_for_stderr_line("paused at edge 1", PATIENCE);
    let mut second = scene.tightrope(&APPLY).args(["--wait", "60"]).spawn();
    let mut third = scene.tightrope(&APPLY).args(["--wait", "60"]).spawn();
    for waiting in [&mut second, &mut third] {
        waiting.wait_for_stderr_line("waiting for another run", PATIENCE);
    }
    first.sigkill();
    first.wait();
    let said = [second, third].map(|run| run.wait().expect_code(0).stdout);
    let applied = said
        .iter()
        .filter(|text| text.contains("2 migrations applied."));
    assert_eq!(applied.count(), 1, "{said:?}");
    let nothing = said.iter().filter(|text| text.contains("Nothing to do"));
    assert_eq!(nothing.count(), 1, "{said:?}");
}
