//! Those who watch a run: the person at the terminal, and the crash tests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tightrope_lifecycle::{Edges, Event, Listener, Silent, Watchers};
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

/// Does something while the person at the terminal and the crash tests watch; a line that is only for now is gone afterwards.
pub(crate) fn watched<T>(terminal: Terminal, work: impl FnOnce(Watchers<'_>) -> T) -> T {
    let progress = Progress::new(terminal);
    let edges = edges();
    work(Watchers {
        listener: &progress,
        edges: edges.as_ref(),
    })
}

/// The edge to stop at.
#[derive(Debug, PartialEq, Eq)]
enum Edge {
    /// The N-th, from 1.
    Number(usize),
    /// The first of this name.
    Name(String),
}

/// Stops the process at an edge until it is killed: what the crash tests and the demo are made of.
struct PauseAt {
    edge: Edge,
    reached: AtomicUsize,
}

impl Edges for PauseAt {
    fn reached(&self, edge: &'static str) {
        let number = self.reached.fetch_add(1, Ordering::Relaxed) + 1;
        let is_it = match &self.edge {
            Edge::Number(wanted) => *wanted == number,
            Edge::Name(wanted) => wanted == edge,
        };
        if is_it {
            err(&format!("paused at edge {number}: {edge}\n"));
            loop {
                std::thread::park();
            }
        }
    }
}

/// The edge that a text names: a number, or an edge's name.
fn edge(text: &str) -> Option<Edge> {
    match text.trim().parse() {
        Ok(0) => None,
        Ok(number) => Some(Edge::Number(number)),
        Err(_) if text.trim().is_empty() => None,
        Err(_) => Some(Edge::Name(text.trim().to_owned())),
    }
}

/// The edges to stop at: the one that `TIGHTROPE_PAUSE_AT` names, else none.
pub(crate) fn edges() -> Box<dyn Edges> {
    let wanted = std::env::var("TIGHTROPE_PAUSE_AT").ok();
    match wanted.as_deref().and_then(edge) {
        Some(edge) => Box::new(PauseAt {
            edge,
            reached: AtomicUsize::new(0),
        }),
        None => Box::new(Silent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_a_number_or_a_name() {
        let check = |text, expect| assert_eq!(edge(text), expect);
        check("3", Some(Edge::Number(3)));
        check("script run", Some(Edge::Name("script run".to_owned())));
        check("0", None);
        check("", None);
    }
}
