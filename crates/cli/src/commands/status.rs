use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;

/// Show where things stand: what is applied and pending, who is at work, what is half done, whether one can go back
///
/// Nothing is changed. Exits with 7 while a migration is half done and nobody is at work on it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope status\n  tightrope status --url sqlite://shop.db --json"
)]
pub(crate) struct Args {}

pub(super) fn run(_: &Args, context: &Context) -> Result<Exit, CommandError> {
    let project = context.project("status")?;
    let status = tightrope_lifecycle::status(&project)?;
    let abandoned = status
        .open_run
        .as_ref()
        .is_some_and(|open| open.half_done.is_some() && open.alive != Some(true));
    let exit = if abandoned {
        Exit::Interrupted
    } else {
        Exit::Done
    };
    context.terminal.show(
        |style| tightrope_report::status(&status, exit.code(), style),
        || tightrope_report::status_json(&status),
    );
    Ok(exit)
}
