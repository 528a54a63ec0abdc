//! Which run of the tests this process belongs to, and where the run keeps its things.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::id;

use anyhow::{Context as _, bail};

use crate::alive::{self, ProcessId};

/// The process whose end is the end of the run: the nearest `cargo` (nextest too: it replaces the cargo that was called)
/// above this one, else this one itself.
pub(crate) fn runner() -> anyhow::Result<ProcessId> {
    let mut pid = id();
    while let Some(parent) = alive::parent(pid).filter(|parent| *parent > 1) {
        if alive::name(parent).is_some_and(|name| name.starts_with("cargo")) {
            return ProcessId::of(parent).context("the test runner ended");
        }
        pid = parent;
    }
    ProcessId::of(id()).context("reading /proc: the servers of the tests need Linux")
}

/// The folder of this run's servers. It is made if need be.
///
/// It is in the temporary folder and not in `target`: the server's own user must reach it, a path to a socket must be
/// short, and what a killed run has left can be found from every checkout.
pub(crate) fn folder(runner: ProcessId) -> anyhow::Result<PathBuf> {
    let folder = base()?.join(format!("{}-{}", runner.pid, runner.started));
    make(&folder)?;
    Ok(folder)
}

/// The folder that holds the folders of all runs of this user.
pub(crate) fn base() -> anyhow::Result<PathBuf> {
    let user = effective_user();
    let base = std::env::temp_dir().join(format!("tightrope-testkit-{user}"));
    make(&base)?;
    // Others may write to the temporary folder: what stands there under our name must be ours.
    let found = fs::symlink_metadata(&base)?;
    if !found.is_dir() || found.uid() != user {
        bail!("{} is somebody else's", base.display());
    }
    fs::canonicalize(&base).with_context(|| format!("resolving {}", base.display()))
}

/// The run that a folder in [`base`] belongs to, by its name.
pub(crate) fn runner_of(folder: &Path) -> Option<ProcessId> {
    let (pid, started) = folder.file_name()?.to_str()?.split_once('-')?;
    Some(ProcessId {
        pid: pid.parse().ok()?,
        started: started.parse().ok()?,
    })
}

/// The user whose rights this process has.
pub(crate) fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn make(folder: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)
        .with_context(|| format!("making {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_is_above_this_process_and_alive() {
        let runner = runner().unwrap();
        assert!(runner.is_alive());
        let folder = folder(runner).unwrap();
        assert_eq!(runner_of(&folder), Some(runner));
    }
}
