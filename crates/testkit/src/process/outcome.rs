use std::fmt;

/// How a command ended and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The command line.
    pub command: String,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Outcome {
    /// Its stdout as JSON.
    ///
    /// # Panics
    /// When that is no JSON; the message shows everything.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("stdout is no JSON: {error}\n{self}"),
        }
    }

    /// The same outcome, if it has that exit code.
    ///
    /// # Panics
    /// When it has another; the message shows everything.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        match self.code {
            Some(found) if found == code => self,
            Some(found) => panic!("exit code {found}, expected {code}\n{self}"),
            None => panic!("no exit code, expected {code}\n{self}"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            code,
            signal,
            stdout,
            stderr,
        } = self;
        writeln!(f, "$ {command}")?;
        write!(f, "--- stdout\n{stdout}--- stderr\n{stderr}--- ")?;
        match (code, signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => write!(f, "no exit code"),
        }
    }
}
