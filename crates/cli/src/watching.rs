//! Those who watch a run: the person at the terminal, and the crash tests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tightrope_lifecycle::{Edges, Event, Listener, Silent};
use tightrope_report::Loudness;

use crate::terminal::{Terminal, err};

/// Takes a line that is only for now off the terminal.
const CLEAR_LINE: &str = "\r\u{1b}[2K";

/// Writes events to stderr, a line each: all of them on a terminal, elsewhere only what explains a delay or a surprise.
pub(crate) struct Progress {
    terminal: Terminal,
    passing_line: AtomicBool,
}

impl Progress {
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            passing_line: AtomicBool::new(false),
        }
    }

    fn clear(&self) -> &'static str {
        if self.passing_line.swap(false, Ordering::Relaxed) {
            CLEAR_LINE
        } else {
            ""
        }
    }
}

impl Listener for Progress {
    fn event(&self, event: &Event) {
        if self.terminal.quiet {
            return;
        }
        let loudness = tightrope_report::loudness(event);
        let watched = self.terminal.stderr_is_terminal;
        if !watched && loudness < Loudness::Notable {
            return;
        }
        let line = tightrope_report::event(event, self.terminal.err());
        let clear = self.clear();
        if loudness == Loudness::Passing {
            self.passing_line.store(true, Ordering::Relaxed);
            let shown: String = line.chars().take(self.terminal.err().width - 1).collect();
            err(&format!("{clear}{shown}"));
        } else {
            err(&format!("{clear}{line}\n"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let clear = self.clear();
        if !clear.is_empty() {
            err(clear);
        }
    }
}

/// Stops the process at the N-th edge until it is killed: what the crash tests and the demo are made of.
struct PauseAt {
    number: usize,
    reached: AtomicUsize,
}

impl Edges for PauseAt {
    fn reached(&self, edge: &'static str) {
        if self.reached.fetch_add(1, Ordering::Relaxed) + 1 == self.number {
            err(&format!("paused at edge {}: {edge}\n", self.number));
            loop {
                std::thread::park();
            }
        }
    }
}

/// The edges to stop at: those that `TIGHTROPE_PAUSE_AT` names, else none.
pub(crate) fn edges() -> Box<dyn Edges> {
    let number = std::env::var("TIGHTROPE_PAUSE_AT")
        .ok()
        .and_then(|number| number.parse().ok());
    match number {
        Some(number) if number > 0 => Box::new(PauseAt {
            number,
            reached: AtomicUsize::new(0),
        }),
        _ => Box::new(Silent),
    }
}
