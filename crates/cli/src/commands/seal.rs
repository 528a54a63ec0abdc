use tightrope_lifecycle::{SealOptions, Sealable, Sealed};
use tightrope_model::Version;

use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching;

/// End the window of applied migrations and free what the net keeps of them
///
/// The way back through the net (c) ends there. It is the only command that frees what a migration destroyed; it says how
/// much and what, and asks. The oldest migrations go first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope seal --dry-run\n  tightrope seal --to 0041\n  tightrope seal --yes --json"
)]
pub(crate) struct Args {
    /// Up to and with this version [default: everything that is applied]
    #[arg(long, value_name = "VERSION", value_parser = super::version)]
    to: Option<Version>,
    /// Only show what would be freed
    #[arg(long)]
    dry_run: bool,
    /// How long to wait for another run to end [default: lease_wait_s of tightrope.toml, else 5]
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let mut project = context.project("seal")?;
    project.policy.lease_wait_s = args.wait.unwrap_or(project.policy.lease_wait_s);
    let options = SealOptions {
        to: args.to.clone(),
    };
    let prepared = tightrope_lifecycle::prepare_seal(&project, &options)?;
    let migrations: Vec<Sealable> = prepared.migrations().cloned().collect();
    if args.dry_run {
        let next = "Nothing was changed: this was a dry run. Do it with `tightrope seal`.";
        context.terminal.show(
            |style| tightrope_report::seal_plan(&migrations, next, style),
            || tightrope_report::seal_plan_json(&migrations),
        );
        return Ok(Exit::Done);
    }
    if prepared.is_empty() {
        show(context, &Sealed { migrations });
        return Ok(Exit::Done);
    }
    if !context.options.yes {
        context.confirm("Seal?", |style| {
            tightrope_report::seal_plan(&migrations, "", style)
        })?;
    }
    let sealed = watching::watched(context.terminal, |watchers| prepared.run(watchers))?;
    show(context, &sealed);
    Ok(Exit::Done)
}

fn show(context: &Context, sealed: &Sealed) {
    context.terminal.show(
        |style| tightrope_report::sealed(sealed, style),
        || tightrope_report::sealed_json(sealed),
    );
}
