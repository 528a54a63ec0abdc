//! Child programs that tell on stderr how far they are.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

use tightrope_engine::{BackupWatch, EngineError, ErrorKind};

use super::super::dump::{failed, not_run, start};

/// A program that runs beside us.
pub(in super::super) struct Running {
    name: &'static str,
    child: Child,
}

/// How a program ended, and what it complained about.
pub(in super::super) struct Ended {
    pub(in super::super) status: ExitStatus,
    /// The lines that are no mere information.
    pub(in super::super) complaints: String,
}

/// What begins a line that says more than how far it is.
const COMPLAINTS: [&str; 5] = ["error:", "warning:", "detail:", "hint:", "Command was:"];

impl Running {
    /// Starts it; it says much, and asks nothing.
    pub(in super::super) fn start(
        name: &'static str,
        command: &mut Command,
    ) -> Result<Self, EngineError> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Ok(Self {
            name,
            child: start(command)?,
        })
    }

    /// Reads what it says to its end; `count` lines that hold `sign` are the progress.
    pub(in super::super) fn watch(
        self,
        sign: &str,
        what: &str,
        of: u64,
        watch: &dyn BackupWatch,
    ) -> Result<Ended, EngineError> {
        let mut done = 0;
        self.each_line(|line| {
            if line.contains(sign) {
                done += 1;
                watch.progress(what, done, of);
            }
        })
    }

    /// Reads what it says to its end, line by line.
    pub(in super::super) fn each_line(
        mut self,
        mut told: impl FnMut(&str),
    ) -> Result<Ended, EngineError> {
        let mut complaints = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                told(&line);
                if COMPLAINTS.iter().any(|word| line.contains(word)) {
                    complaints.push_str(&line);
                    complaints.push('\n');
                }
            }
        }
        let status = self
            .child
            .wait()
            .map_err(|error| not_run(self.name, &error))?;
        Ok(Ended { status, complaints })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be ended again, and that is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The error, unless it went well.
    pub(in super::super) fn require(&self, name: &str) -> Result<(), EngineError> {
        if self.status.success() {
            return Ok(());
        }
        let mut error = failed(name, self.status, &self.complaints);
        if self.complaints.contains("No space left on device") {
            error.kind = ErrorKind::OutOfSpace;
        }
        Err(error)
    }
}
