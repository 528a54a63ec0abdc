use tightrope_lifecycle::RehearseOptions;
use tightrope_model::Version;

use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching::Progress;

/// Run the pending migrations forward, back and forward again on a copy, and prove that schema and rows come back
///
/// The target is only read. A migration whose way back is proven earns a certificate, a file beside it, which `apply`
/// asks for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope rehearse\n  tightrope rehearse --dir migrations --url sqlite://shop.db --to 0042"
)]
pub(crate) struct Args {
    /// Only up to this version
    #[arg(long, value_name = "VERSION", value_parser = super::version)]
    to: Option<Version>,
    /// Rehearse the derived rollback, too, and certify it where it does better than the written one
    #[arg(long)]
    derived: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let project = context.project("rehearse")?;
    let progress = Progress::new(context.terminal);
    let rehearsed = tightrope_lifecycle::rehearse(
        &project,
        &RehearseOptions {
            to: args.to.clone(),
            derived: args.derived,
        },
        &progress,
    )?;
    drop(progress);
    let proven = rehearsed.passed() && rehearsed.unlike.is_empty();
    let exit = if proven { Exit::Done } else { Exit::NotProven };
    context.terminal.show(
        |style| tightrope_report::rehearsal(&rehearsed, exit.code(), style),
        || tightrope_report::rehearsal_json(&rehearsed),
    );
    Ok(exit)
}
