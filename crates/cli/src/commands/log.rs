use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;

/// Show what happened: who did what and when, on which proof
///
/// Every entry carries the digest of the one before it, so that tampering shows. Exits with 1 if the chain is broken.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tightrope log\n  tightrope log --json")]
pub(crate) struct Args {}

pub(super) fn run(_: &Args, context: &Context) -> Result<Exit, CommandError> {
    let project = context.project("log")?;
    let log = tightrope_lifecycle::log(&project)?;
    let exit = if log.broken.is_none() {
        Exit::Done
    } else {
        Exit::Error
    };
    context.terminal.show(
        |style| tightrope_report::log(&log, exit.code(), style),
        || tightrope_report::log_json(&log),
    );
    Ok(exit)
}
