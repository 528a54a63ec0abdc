//! A program's number: what it prints, or its exit code.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tightrope_judge::{FailureKind, Observation};

use super::{Blindness, Eye};

/// How often it is looked whether the program is done.
const PAUSE: Duration = Duration::from_millis(10);
/// So much of what it prints is read.
const MOST_BYTES: u64 = 64 * 1024;

pub(super) struct Program {
    command: Vec<String>,
    exit_code: bool,
    timeout: Duration,
}

impl Program {
    pub(super) fn new(command: Vec<String>, exit_code: bool, timeout: Duration) -> Self {
        Self {
            command,
            exit_code,
            timeout,
        }
    }

    fn run(&self) -> Result<(i32, String), Blindness> {
        let down = |why: String| Blindness::Words(FailureKind::Down, why);
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| down("it names no program".to_owned()))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| down(format!("`{program}`: {error}")))?;
        let status = self.wait(&mut child, program)?;
        let mut printed = String::new();
        if let Some(stdout) = child.stdout.take() {
            let read = stdout.take(MOST_BYTES).read_to_string(&mut printed);
            read.map_err(|error| down(format!("`{program}`: {error}")))?;
        }
        match status.code() {
            Some(code) => Ok((code, printed)),
            None => Err(down(format!("`{program}` ended with {status}"))),
        }
    }

    fn wait(
        &self,
        child: &mut Child,
        program: &str,
    ) -> Result<std::process::ExitStatus, Blindness> {
        let begun = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if begun.elapsed() < self.timeout => std::thread::sleep(PAUSE),
                Ok(None) => {
                    // It is ours, and it is over its time.
                    let _ = child.kill();
                    let _ = child.wait();
                    let why = format!(
                        "`{program}` took longer than {} ms",
                        self.timeout.as_millis()
                    );
                    return Err(Blindness::Words(FailureKind::Slow, why));
                }
                Err(error) => {
                    return Err(Blindness::Words(
                        FailureKind::Down,
                        format!("`{program}`: {error}"),
                    ));
                }
            }
        }
    }
}

impl Eye for Program {
    fn look(&mut self) -> Result<Observation, Blindness> {
        let (code, printed) = self.run()?;
        if self.exit_code {
            return Ok(Observation::level(f64::from(code)));
        }
        if code != 0 {
            return Err(Blindness::Words(
                FailureKind::Down,
                format!("exit code {code}"),
            ));
        }
        let last = printed
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        match last.parse::<f64>() {
            Ok(value) => Ok(Observation::level(value)),
            Err(_) => Err(Blindness::Words(
                FailureKind::NotANumber,
                format!("it printed {last:?}"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_judge::Failure;

    fn look(script: &str, exit_code: bool, timeout_ms: u64) -> Observation {
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let mut program = Program::new(command, exit_code, Duration::from_millis(timeout_ms));
        program.look().unwrap_or_else(Blindness::seen)
    }

    #[test]
    fn a_program_gives_a_number_or_its_exit_code() {
        let level = |value| Observation::Level { value };
        assert_eq!(look("echo checking; echo 42.5", false, 60_000), level(42.5));
        assert_eq!(look("exit 3", true, 60_000), level(3.0));
    }

    #[test]
    fn a_program_that_reads_meets_an_empty_input() {
        let level = |value| Observation::Level { value };
        assert_eq!(look("cat; echo 7", false, 60_000), level(7.0));
    }

    #[test]
    fn what_goes_wrong_is_told_apart() {
        let check = |script, timeout_ms, expect: FailureKind| match look(script, false, timeout_ms)
        {
            Observation::Failed(Failure { kind, .. }) => assert_eq!(kind, expect, "{script}"),
            other => panic!("{script}: {other:?}"),
        };
        check("exit 3", 60_000, FailureKind::Down);
        check("echo many", 60_000, FailureKind::NotANumber);
        check("echo NaN", 60_000, FailureKind::NotANumber);
        check("exec sleep 60", 50, FailureKind::Slow);
    }
}
