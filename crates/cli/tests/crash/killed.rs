//! A command that is killed on its way.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Runs a command until its N-th edge and kills it there; false if it ended before.
pub(crate) fn killed_at(command: &mut Command, edge: usize) -> bool {
    let mut child = command
        .env("TIGHTROPE_PAUSE_AT", edge.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tightrope starts");
    let stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
    let mut said = String::new();
    let paused = stderr.lines().map_while(Result::ok).any(|line| {
        said.push_str(&line);
        said.push('\n');
        line.contains("paused at edge")
    });
    if paused {
        child.kill().expect("it is killed");
    }
    let status = child.wait().expect("it ends");
    assert!(
        paused || status.success(),
        "{command:?} without a pause: {status}\n{said}"
    );
    paused
}
