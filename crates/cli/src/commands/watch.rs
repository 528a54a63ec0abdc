use std::cell::Cell;

use tightrope_lifecycle::{
    Outcome, Watch, WatchEvent, WatchListener, Watched, Watchers, WayBackNow,
};

use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::terminal::Terminal;
use crate::watching::{self, Progress};

/// Go on with a watch whose process has ended, from all that it has seen, with nothing missing in its decision
///
/// `apply --watch` begins a watch. Exits with 0 when the migration is kept, 8 when it was rolled back, 9 when a person has to
/// decide.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope watch\n  tightrope watch --json --url postgres://localhost/shop"
)]
pub(crate) struct Args {}

pub(super) fn run(_: &Args, context: &Context) -> Result<Exit, CommandError> {
    let project = context.project("watch")?;
    let edges = watching::edges();
    let progress = Progress::new(context.terminal);
    let watchers = Watchers {
        listener: &progress,
        edges: edges.as_ref(),
    };
    let screen = Screen::new(context.terminal);
    match tightrope_lifecycle::take_over(&project, watchers, &screen)? {
        Some(watch) => {
            crate::terminal::outlive();
            go_on(watch, &screen, context)
        }
        None => {
            context.terminal.show(
                |_| {
                    "Nothing is being watched. `tightrope apply --watch 1h` begins a watch.\n"
                        .to_owned()
                },
                || serde_json::json!({ "event": "watched", "outcome": null }),
            );
            Ok(Exit::Done)
        }
    }
}

/// Watches to the end and shows what came of it.
pub(super) fn go_on(
    watch: Watch<'_>,
    screen: &Screen,
    context: &Context,
) -> Result<Exit, CommandError> {
    let ask = |because: &[String], way_back: &WayBackNow| ask(context, because, way_back);
    let watched = watch
        .go_on(&ask)
        .map_err(|error| CommandError::from(error).while_watching())?;
    screen.clear();
    let exit = exit_of(&watched);
    context.terminal.show_line(
        |style| tightrope_report::watched(&watched, exit.code(), style),
        || tightrope_report::watched_json(&watched),
    );
    Ok(exit)
}

fn ask(context: &Context, because: &[String], way_back: &WayBackNow) -> bool {
    let rows = way_back.written;
    context.terminal.can_ask() && {
        let question = format!(
            "{}\n{rows} rows written since will be kept. Roll back?",
            because.join("\n")
        );
        context.terminal.confirms(&question)
    }
}

fn exit_of(watched: &Watched) -> Exit {
    match watched.outcome {
        Outcome::Kept | Outcome::NotApplied => Exit::Done,
        Outcome::RolledBack | Outcome::RolledBackByHand => Exit::RolledBack,
        Outcome::Alert | Outcome::Undecided => Exit::Alert,
    }
}

/// Shows what happens while watching: a table that is drawn anew on a terminal, lines elsewhere, and with `--json` a document a line.
pub(super) struct Screen {
    terminal: Terminal,
    /// How many lines the table has that stands on the terminal now.
    drawn: Cell<usize>,
    migrations: std::cell::RefCell<Vec<String>>,
}

impl Screen {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            drawn: Cell::new(0),
            migrations: std::cell::RefCell::new(Vec::new()),
        }
    }

    /// Takes the table off the terminal.
    fn clear(&self) {
        let lines = self.drawn.replace(0);
        if lines > 0 {
            crate::terminal::err(&format!("\u{1b}[{lines}A\u{1b}[J"));
        }
    }
}

impl WatchListener for Screen {
    fn event(&self, event: &WatchEvent) {
        self.terminal.stream(event);
        if let WatchEvent::BaselineBegun { migrations, .. }
        | WatchEvent::Watching { migrations, .. } = event
        {
            self.migrations.replace(migrations.clone());
        }
        if self.terminal.quiet {
            return;
        }
        let style = self.terminal.err();
        if let WatchEvent::Look {
            rulings,
            left_ms,
            way_back,
        } = event
        {
            if self.terminal.stderr_is_terminal {
                let migrations = self.migrations.borrow();
                let table =
                    tightrope_report::watch_look(&migrations, rulings, *left_ms, way_back, style);
                self.clear();
                self.drawn.set(table.lines().count());
                crate::terminal::err(&table);
            }
        } else if let Some(line) = tightrope_report::watch_event(event, style) {
            self.clear();
            crate::terminal::err(&format!("{line}\n"));
        }
    }
}
