//! The two streams and the person before them.

use std::io::{BufRead as _, ErrorKind, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};
use tightrope_model::Place;
use tightrope_report::{ErrorReport, Style};

use crate::arguments::{Color, Options};
use crate::errors::CommandError;
use crate::exit::Exit;

/// What is known about where our words go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    json: bool,
    pub(crate) quiet: bool,
    pub(crate) stderr_is_terminal: bool,
    out: Style,
    err: Style,
}

impl Terminal {
    pub(crate) fn new(options: &Options) -> Self {
        let style = |is_terminal: bool| Style {
            color: match options.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none(),
            },
            width: Style::WIDTH,
            now: Timestamp::now(),
        };
        let stderr_is_terminal = std::io::stderr().is_terminal();
        Self {
            json: options.json,
            quiet: options.quiet,
            stderr_is_terminal,
            out: style(std::io::stdout().is_terminal()),
            err: style(stderr_is_terminal),
        }
    }

    /// The style of stderr.
    pub(crate) fn err(&self) -> &Style {
        &self.err
    }

    /// Gives the command's one result: as text or as JSON.
    pub(crate) fn show(&self, text: impl FnOnce(&Style) -> String, json: impl FnOnce() -> Value) {
        if self.json {
            out(&pretty(&json()));
        } else {
            out(&text(&self.out));
        }
    }

    /// Gives the last document of a stream: like [`Terminal::show`], with the JSON on one line.
    pub(crate) fn show_line(
        &self,
        text: impl FnOnce(&Style) -> String,
        json: impl FnOnce() -> Value,
    ) {
        match self.json {
            true => out(&format!("{}\n", json())),
            false => out(&text(&self.out)),
        }
    }

    /// Gives one document of a stream, on a line of its own; nothing where text is wanted.
    pub(crate) fn stream(&self, document: &impl serde::Serialize) {
        if self.json {
            out(&format!("{}\n", json!(document)));
        }
    }

    /// Gives a part of a result that is told as it comes; where JSON is wanted, nothing: it comes whole at the end.
    pub(crate) fn tell(&self, text: impl FnOnce(&Style) -> String) {
        if !self.json {
            out(&text(&self.out));
        }
    }

    /// The style of stdout.
    pub(crate) fn out(&self) -> &Style {
        &self.out
    }

    /// Says something to the person who watches; it is no result.
    pub(crate) fn say(&self, text: impl FnOnce(&Style) -> String) {
        err(&text(&self.err));
    }

    /// Shows an error: text to stderr always, JSON to stdout where that is wanted.
    pub(crate) fn error(&self, error: &CommandError) {
        let report = error.report();
        let text = error.screen(&self.err) + &tightrope_report::error(&report, &line_at, &self.err);
        err(&text);
        if self.json {
            out(&pretty(&error.json(&report)));
        }
    }

    /// Asks for a yes; only a terminal can give one.
    pub(crate) fn confirms(&self, question: &str) -> bool {
        err(&format!("{question} [y/N] "));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
    }

    /// Whether there is somebody to ask.
    pub(crate) fn can_ask(&self) -> bool {
        std::io::stdin().is_terminal() && self.stderr_is_terminal
    }
}

/// The text of the line at a place, if the file can be read.
pub(crate) fn line_at(place: &Place) -> Option<String> {
    let text = std::fs::read_to_string(&place.file).ok()?;
    let line = text.lines().nth(place.line.checked_sub(1)?)?;
    Some(line.to_owned())
}

/// An error of the command line, for a program.
pub(crate) fn usage_as_json(error: &clap::Error) {
    let text = error.render().to_string();
    let message = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned();
    let report = ErrorReport {
        kind: Exit::Usage.name(),
        exit: Exit::Usage.code(),
        message,
        hints: vec!["see `tightrope help`".to_owned()],
        ..ErrorReport::default()
    };
    out(&pretty(&json!({ "error": report })));
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Whether a part of the result could not be written.
static RESULT_IS_CUT: AtomicBool = AtomicBool::new(false);

/// Writes to stdout. A reader that has gone away is no error of ours; a full disk is, and the exit code says so at the end.
fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        RESULT_IS_CUT.store(true, Ordering::Relaxed);
        err(&format!(
            "error: the result could not be written to stdout: {error}\n"
        ));
    }
}

/// The exit code of a command whose result may have been cut: success is none then.
pub(crate) fn honest(exit: Exit) -> Exit {
    if matches!(exit, Exit::Done | Exit::Pending) && RESULT_IS_CUT.load(Ordering::Relaxed) {
        Exit::Error
    } else {
        exit
    }
}

/// Lets the process outlive its terminal: what was begun goes on when the line to it breaks.
pub(crate) fn outlive() {
    // Where that cannot be had, another process takes over.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default());
}

/// Writes to stderr; there is nobody to be told that it failed.
pub(crate) fn err(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}
