use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::alive::ProcessId;
use crate::run;

const SCRIPT: &str = include_str!("keeper.sh");

/// Starts the process that ends the server in that folder when the runner has ended.
///
/// It is in a process group of its own and holds none of our files: the runner neither waits for it nor ends it.
pub(super) fn start(runner: ProcessId, folder: &Path) -> anyhow::Result<()> {
    command(runner, folder)
        .spawn()
        .map(drop)
        .context("starting the keeper of a server")
}

/// Ends the server in that folder now, and removes the folder.
pub(super) fn end(folder: &Path) -> anyhow::Result<()> {
    // No process has the number 0.
    let nobody = ProcessId { pid: 0, started: 0 };
    let status = command(nobody, folder)
        .status()
        .context("ending a server")?;
    anyhow::ensure!(status.success(), "ending a server: {status}");
    Ok(())
}

/// Ends the servers of runs that are over and whose keepers were killed.
pub(super) fn sweep() -> anyhow::Result<()> {
    for run in fs::read_dir(run::base()?)?.filter_map(Result::ok) {
        let run = run.path();
        if run::runner_of(&run).is_none_or(ProcessId::is_alive) {
            continue;
        }
        // The run's own keeper may be at it: what is gone is no error.
        for server in fs::read_dir(&run).into_iter().flatten().flatten() {
            if server.path().is_dir() {
                end(&server.path())?;
            }
        }
        let _ = fs::remove_dir_all(&run);
    }
    Ok(())
}

fn command(runner: ProcessId, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", SCRIPT, "tightrope-keeper"])
        .arg(runner.pid.to_string())
        .arg(runner.started.to_string())
        .arg(folder)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
