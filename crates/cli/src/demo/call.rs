//! One `tightrope` command of the story: run as a child process, heard to its end, and killed where the story says so.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, PipeReader, pipe};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::mismatch::Mismatch;

/// How long a command may take before the demo gives it up: far more than any needs.
const LIMIT: Duration = Duration::from_secs(120);

/// What a process says when it has come to the edge where it is to be killed.
const PAUSED: &str = "paused at edge";

/// How a command is expected to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// By itself, with this exit code.
    Exit(i32),
    /// By SIGKILL.
    Killed,
}

/// Where and how all commands of a story are run.
pub(super) struct Setting<'s> {
    pub(super) folder: &'s Path,
    pub(super) environment: &'s [(String, OsString)],
    pub(super) json: bool,
    pub(super) color: bool,
}

/// A command line.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) arguments: &'a [&'a str],
    /// The edge at which it is killed.
    pub(super) killed_at: Option<&'static str>,
}

/// What a command did.
pub(super) struct Said {
    pub(super) pid: u32,
    pub(super) status: ExitStatus,
    pub(super) milliseconds: u64,
    /// Everything in the order in which it came; in JSON mode only stderr.
    pub(super) text: String,
    /// What it gave on stdout in JSON mode.
    pub(super) json: Value,
}

enum Heard {
    Out(String),
    Text(String),
}

impl Call<'_> {
    /// The command line as a person would write it.
    pub(super) fn line(&self) -> String {
        let edge = self
            .killed_at
            .map(|edge| format!("TIGHTROPE_PAUSE_AT='{edge}' "));
        format!(
            "{}tightrope {}",
            edge.unwrap_or_default(),
            self.arguments.join(" ")
        )
    }

    /// Runs it to its end.
    pub(super) fn run(&self, setting: &Setting<'_>) -> Result<Said, Mismatch> {
        let failed = |source| Mismatch::NotRun {
            command: self.line(),
            source,
        };
        let begun = Instant::now();
        let (mut child, heard) = self.start(setting).map_err(failed)?;
        let listened = self.listen(&mut child, &heard, begun + LIMIT);
        if listened.is_err() {
            // It may have ended in this very instant; it is waited for below either way.
            let _ = child.kill();
        }
        let status = child.wait().map_err(failed)?;
        let (out, text) = listened?;
        Ok(Said {
            pid: child.id(),
            status,
            milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            text,
            json: serde_json::from_str(&out).unwrap_or(Value::Null),
        })
    }

    /// Starts it. Without JSON both streams go through one pipe, so that what comes first is shown first.
    fn start(&self, setting: &Setting<'_>) -> std::io::Result<(Child, Receiver<Heard>)> {
        let (sender, heard) = channel();
        let (text, stderr) = pipe()?;
        listen(text, sender.clone(), Heard::Text);
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(self.arguments)
            .current_dir(setting.folder)
            .env_remove("TIGHTROPE_URL")
            .env_remove("TIGHTROPE_PAUSE_AT")
            .envs(
                setting
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdin(Stdio::null());
        if let Some(edge) = self.killed_at {
            command.env("TIGHTROPE_PAUSE_AT", edge);
        }
        if setting.json {
            let (out, stdout) = pipe()?;
            listen(out, sender, Heard::Out);
            command.arg("--json").stdout(stdout);
        } else {
            command.stdout(stderr.try_clone()?);
        }
        if setting.color {
            command.args(["--color", "always"]);
        }
        let child = command.stderr(stderr).spawn()?;
        // The command still holds the writing ends of the pipes: they must close for the readers to see the end.
        drop(command);
        Ok((child, heard))
    }

    /// Hears it to the end of what it says; kills it where it pauses.
    fn listen(
        &self,
        child: &mut Child,
        heard: &Receiver<Heard>,
        deadline: Instant,
    ) -> Result<(String, String), Mismatch> {
        let (mut out, mut text) = (String::new(), String::new());
        loop {
            match heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Heard::Out(line)) => out += &line,
                Ok(Heard::Text(line)) => {
                    text += &line;
                    if self.killed_at.is_some() && line.starts_with(PAUSED) {
                        child.kill().map_err(|source| Mismatch::NotRun {
                            command: self.line(),
                            source,
                        })?;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok((out, text)),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Mismatch::TooLong {
                        command: self.line(),
                        seconds: LIMIT.as_secs(),
                    });
                }
            }
        }
    }
}

impl Said {
    /// Whether it ended so.
    pub(super) fn ended(&self, ending: Ending) -> bool {
        match ending {
            Ending::Exit(code) => self.status.code() == Some(code),
            Ending::Killed => self.status.signal() == Some(SIGKILL),
        }
    }

    /// What it said, without colours.
    pub(super) fn plain(&self) -> String {
        plain(&self.text)
    }
}

/// The number of the signal that nobody can catch.
const SIGKILL: i32 = 9;

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Killed => write!(f, "signal {SIGKILL}"),
        }
    }
}

fn listen(stream: PipeReader, to: Sender<Heard>, heard: fn(String) -> Heard) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            if to
                .send(heard(String::from_utf8_lossy(&line).into_owned()))
                .is_err()
            {
                return;
            }
            line.clear();
        }
    });
}

/// A text without its colours.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\u{1b}') {
        plain += before;
        rest = escape.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_what_one_would_write() {
        let check = |arguments: &[&str], killed_at, expect: &str| {
            let call = Call {
                arguments,
                killed_at,
            };
            assert_eq!(call.line(), expect);
        };
        check(&["apply", "--yes"], None, "tightrope apply --yes");
        check(
            &["apply"],
            Some("script run"),
            "TIGHTROPE_PAUSE_AT='script run' tightrope apply",
        );
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(plain("a \u{1b}[1;31mb\u{1b}[0m c"), "a b c");
        assert_eq!(plain("plain"), "plain");
    }
}
