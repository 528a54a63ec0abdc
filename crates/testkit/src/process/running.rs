use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Outcome;
use super::lines::Lines;

/// A command that runs. Dropping the value kills it.
pub struct Running {
    child: Child,
    command: String,
    deadline: Instant,
    limit: Duration,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    pub(super) fn new(mut child: Child, command: String, limit: Duration) -> Self {
        let stdout = child.stdout.take().map(Lines::of).unwrap_or_default();
        let stderr = child.stderr.take().map(Lines::of).unwrap_or_default();
        Self {
            child,
            command,
            deadline: Instant::now() + limit,
            limit,
            stdout,
            stderr,
        }
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line on stderr that contains the needle, and gives it.
    ///
    /// # Panics
    /// When the command ends, or the time is over, without one.
    #[track_caller]
    pub fn wait_for_stderr_line(&mut self, needle: &str, timeout: Duration) -> String {
        self.wait_for_line(&self.stderr, needle, timeout)
    }

    /// Waits for a line on stdout that contains the needle, and gives it.
    ///
    /// # Panics
    /// When the command ends, or the time is over, without one.
    #[track_caller]
    pub fn wait_for_stdout_line(&mut self, needle: &str, timeout: Duration) -> String {
        self.wait_for_line(&self.stdout, needle, timeout)
    }

    #[track_caller]
    fn wait_for_line(&self, lines: &Lines, needle: &str, timeout: Duration) -> String {
        match lines.wait_for(needle, Instant::now() + timeout) {
            Some(line) => line,
            None => panic!("the command never said {needle:?}\n{}", self.so_far()),
        }
    }

    /// Kills it as a power cut would: it gets no chance to tidy up.
    pub fn sigkill(&mut self) {
        self.signal(Signal::KILL);
    }

    /// Interrupts it, as Ctrl-C does.
    pub fn interrupt(&mut self) {
        self.signal(Signal::INT);
    }

    /// Asks it to end, as a service manager does.
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Says that its terminal is gone.
    pub fn hang_up(&mut self) {
        self.signal(Signal::HUP);
    }

    fn signal(&mut self, signal: Signal) {
        // While it has not been waited for, its number is nobody else's; having ended already is no error.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (Some(pid), Ok(None)) = (pid, self.child.try_wait()) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it takes longer than its limit.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        let ended =
            self.stdout.wait_for_end(self.deadline) && self.stderr.wait_for_end(self.deadline);
        if !ended {
            panic!(
                "the command still ran after {:?}\n{}",
                self.limit,
                self.so_far()
            );
        }
        let status = match self.child.wait() {
            Ok(status) => status,
            Err(error) => panic!("waiting for `{}`: {error}", self.command),
        };
        Outcome {
            code: status.code(),
            signal: status.signal(),
            ..self.so_far()
        }
    }

    fn so_far(&self) -> Outcome {
        Outcome {
            command: self.command.clone(),
            code: None,
            signal: None,
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.sigkill();
        let _ = self.child.wait();
    }
}
