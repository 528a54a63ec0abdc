//! The `tightrope` command: parses, calls the library, renders.
//!
//! One file a command in `commands/`; what they share is at the edge here: the configuration and its secrets, the terminal, the
//! table of exit codes. Nothing below this crate prints, reads the environment or asks a question.

mod arguments;
mod commands;
mod configuration;
mod context;
mod demo;
mod errors;
mod exit;
mod holder;
mod skeleton;
mod terminal;
mod watching;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::Arguments;
use context::Context;
use exit::Exit;
use terminal::Terminal;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).into(),
    };
    let terminal = Terminal::new(&arguments.options);
    let context = Context::new(arguments.options, terminal);
    let exit = match commands::run(&arguments.command, &context) {
        Ok(exit) => exit,
        Err(error) => {
            terminal.error(&error);
            error.exit()
        }
    };
    terminal::honest(exit).into()
}

/// What the command line's own parser says: help and version are no errors.
fn usage(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // Nobody is there to be told that stdout is closed.
        let _ = error.print();
        return Exit::Done;
    }
    let _ = error.print();
    if std::env::args_os().any(|argument| argument == "--json") {
        terminal::usage_as_json(error);
    }
    Exit::Usage
}
