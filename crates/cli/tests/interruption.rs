//! A process that is killed, and two at once.

mod scene;

use std::time::Duration;

use scene::{Scene, assert_says};

const PATIENCE: Duration = Duration::from_secs(30);

/// A migration in three steps, because of the vacuum.
fn in_steps() -> Scene {
    let scene = Scene::shop();
    scene.migration("0003_steps", "create table a (x);\nvacuum;\ncreate table b (x);", "drop table b;\ndrop table a;");
    scene
}

const APPLY: [&str; 5] = ["apply", "--yes", "--unrehearsed", "--reason", "test"];

#[test]
fn killed_at_every_edge_the_next_apply_finishes() {
    for edge in 1.. {
        let scene = in_steps();
        scene.run(&["apply", "--yes", "--to", "2"], 0);
        let mut running = scene.tightrope(&APPLY).env("TIGHTROPE_PAUSE_AT", edge.to_string()).spawn();
        if !pauses(&scene, &mut running) {
            assert!(edge > 10, "a migration in steps has many edges");
            return;
        }
        running.sigkill();
        running.wait();
        let status = scene.tightrope(&["status"]).run();
        assert!([Some(0), Some(7)].contains(&status.code), "{status}");
        scene.run(&APPLY, 0);
        let status = scene.run(&["status", "--json"], 0).json();
        assert_eq!(status["applied"].as_array().unwrap().len(), 3, "edge {edge}");
        assert!(status["open_run"].is_null() && status["drift"].is_null(), "edge {edge}: {status:#}");
    }
}

/// Whether the run came to its edge; else it has ended by itself.
fn pauses(scene: &Scene, running: &mut tightrope_testkit::process::Running) -> bool {
    let ended = scene.path("ended");
    let _ = ended;
    running.has_stderr_line("paused at edge", PATIENCE)
}

#[test]
fn half_done_is_shown_and_undone() {
    let scene = in_steps();
    scene.run(&["apply", "--yes", "--to", "2"], 0);
    let mut running = scene.tightrope(&APPLY).env("TIGHTROPE_PAUSE_AT", "7").spawn();
    running.wait_for_stderr_line("paused at edge 7", PATIENCE);
    running.sigkill();
    running.wait();
    let status = scene.run(&["status"], 7);
    assert_says(&status.stdout, "0003_steps was interrupted after");
    assert_says(&status.stdout, "Nothing");
    let refused = scene.run(&["rehearse"], 4);
    assert_says(&refused.stderr, "finish it with `tightrope apply`, or undo it with `tightrope rollback`");
    scene.run(&["rollback", "--yes"], 0);
    let status = scene.run(&["status"], 0);
    assert_says(&status.stdout, "applied  2 migrations");
}

#[test]
fn the_second_says_who_the_first_is() {
    let scene = Scene::shop();
    scene.run(&["rehearse"], 0);
    let mut first = scene.tightrope(&APPLY).env("TIGHTROPE_PAUSE_AT", "1").env("USER", "ana").spawn();
    first.wait_for_stderr_line("paused at edge 1", PATIENCE);
    let second = scene.run(&["apply", "--yes", "--unrehearsed", "--reason", "me too", "--wait", "0"], 5);
    assert_says(&second.stderr, "another run is at work: ana@");
    assert_says(&second.stderr, &format!("process {}", first.pid()));
    assert_says(&scene.run(&["status"], 0).stdout, "at work");
    first.sigkill();
    first.wait();
    let third = scene.run(&APPLY, 0);
    assert_says(&third.stderr, "took over from a run that died: ana@");
}
