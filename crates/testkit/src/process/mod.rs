//! The `tightrope` binary, run as a person or a script would run it, in an environment of its own.

mod lines;
mod outcome;
mod running;

pub use outcome::Outcome;
pub use running::Running;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a command may take before the test gives it up.
const LIMIT: Duration = Duration::from_secs(120);

/// A command line of the binary, as it is being written.
///
/// Nothing of this process's environment reaches the command but `PATH` and `TMPDIR`: a developer's `PGHOST` or
/// `TIGHTROPE_URL` must not decide what a test sees.
#[derive(Clone, Debug)]
pub struct Tightrope {
    binary: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    limit: Duration,
}

impl Tightrope {
    /// The binary without arguments; in a test of its crate it is at `env!("CARGO_BIN_EXE_tightrope")`.
    pub fn new(binary: impl AsRef<Path>) -> Self {
        Self {
            binary: binary.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: None,
            limit: LIMIT,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter();
        self.arguments
            .extend(arguments.map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let variable = (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.environment.push(variable);
        self
    }

    /// Sets the folder that it runs in.
    #[must_use]
    pub fn cwd(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Sets how long it may take: two minutes if not set.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started, or takes longer than its limit.
    #[track_caller]
    pub fn run(&self) -> Outcome {
        self.spawn().wait()
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn spawn(&self) -> Running {
        match self.command().spawn() {
            Ok(child) => Running::new(child, self.to_string(), self.limit),
            Err(error) => panic!("starting `{self}`: {error}"),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(["PATH", "TMPDIR"].map(inherited).into_iter().flatten())
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C.UTF-8")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

impl std::fmt::Display for Tightrope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.binary.display())?;
        for argument in &self.arguments {
            write!(f, " {}", argument.display())?;
        }
        Ok(())
    }
}

fn inherited(name: &str) -> Option<(&str, OsString)> {
    std::env::var_os(name).map(|value| (name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Tightrope {
        Tightrope::new("/bin/sh").args(["-c", script])
    }

    #[test]
    fn an_outcome_is_code_and_both_streams() {
        let outcome = shell("echo out; echo err >&2; exit 3").run();
        assert_eq!(outcome.code, Some(3));
        assert_eq!(outcome.stdout, "out\n");
        assert_eq!(outcome.stderr, "err\n");
    }

    #[test]
    fn nothing_leaks_in_from_outside() {
        let outcome = shell("env").env("TIGHTROPE_URL", "here").run();
        let mut names: Vec<&str> = outcome
            .stdout
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0))
            .filter(|name| !["PATH", "TMPDIR", "PWD", "SHLVL", "_", "OLDPWD"].contains(name))
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "LC_ALL", "TIGHTROPE_URL"]);
    }

    #[test]
    fn json_comes_from_stdout() {
        let outcome = shell(r#"echo '{"verdict":"exact"}'"#).run().expect_code(0);
        assert_eq!(outcome.json()["verdict"], "exact");
    }

    #[test]
    #[should_panic(expected = "exit code 1, expected 0")]
    fn another_code_than_expected_shows_everything() {
        shell("echo why >&2; exit 1").run().expect_code(0);
    }

    #[test]
    fn a_line_is_waited_for_and_a_kill_is_one() {
        let mut running =
            shell("echo one >&2; echo two >&2; exec cat /dev/zero >/dev/null").spawn();
        let line = running.wait_for_stderr_line("tw", LIMIT);
        assert_eq!(line, "two");
        running.sigkill();
        let outcome = running.wait();
        assert_eq!((outcome.code, outcome.signal), (None, Some(9)));
        assert_eq!(outcome.stderr, "one\ntwo\n");
    }

    #[test]
    #[should_panic(expected = "never said \"three\"")]
    fn a_line_that_never_comes_fails_when_the_command_ends() {
        shell("echo one >&2")
            .spawn()
            .wait_for_stderr_line("three", LIMIT);
    }

    #[test]
    #[should_panic(expected = "still ran after")]
    fn a_command_that_hangs_is_given_up() {
        shell("exec cat /dev/zero >/dev/null")
            .limit(Duration::from_millis(50))
            .run();
    }
}
