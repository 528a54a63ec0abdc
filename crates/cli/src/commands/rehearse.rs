use std::path::PathBuf;

use tightrope_lifecycle::{Project, RehearseOptions};
use tightrope_model::Version;

use crate::configuration::with_password;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching::Progress;

/// Run the pending migrations forward, back and forward again on a copy, and prove that schema and rows come back
///
/// The target is only read. A migration whose way back is proven earns a certificate, a file beside it, which `apply`
/// asks for. With a workload, every query that the application runs is tried before, after, and after the rollback.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope rehearse\n  tightrope rehearse --dir migrations --url sqlite://shop.db --to 0042\n  \
    tightrope rehearse --workload workload.toml\n  tightrope rehearse --workload workload.toml --upgrade-to postgres://me@new/shop"
)]
pub(crate) struct Args {
    /// Only up to this version
    #[arg(long, value_name = "VERSION", value_parser = super::version)]
    to: Option<Version>,
    /// Rehearse the derived rollback, too, and certify it where it does better than the written one
    #[arg(long)]
    derived: bool,
    /// The queries of the application, as `workload capture` has written them [default: `file` under `[workload]`]
    #[arg(long, value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Rehearse no migration but an upgrade: copy the database to this server, into one like the database that is named there, and
    /// replay the workload on both
    #[arg(long, value_name = "URL", conflicts_with_all = ["to", "derived"])]
    upgrade_to: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let mut project = context.project("rehearse")?;
    if let Some(file) = &args.workload {
        project.workload.file = Some(file.clone());
    }
    if let Some(url) = &args.upgrade_to {
        return upgrade(&project, url, context);
    }
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
    let proven =
        rehearsed.passed() && rehearsed.unlike.is_empty() && rehearsed.does_not_count.is_none();
    let exit = exit(proven);
    context.terminal.show(
        |style| tightrope_report::rehearsal(&rehearsed, exit.code(), style),
        || tightrope_report::rehearsal_json(&rehearsed),
    );
    Ok(exit)
}

fn upgrade(project: &Project, url: &str, context: &Context) -> Result<Exit, CommandError> {
    let progress = Progress::new(context.terminal);
    let upgraded = tightrope_lifecycle::rehearse_upgrade(project, &with_password(url), &progress)?;
    drop(progress);
    let exit = exit(upgraded.passed());
    context.terminal.show(
        |style| tightrope_report::upgraded(&upgraded, exit.code(), style),
        || tightrope_report::upgraded_json(&upgraded),
    );
    Ok(exit)
}

fn exit(is_proven: bool) -> Exit {
    match is_proven {
        true => Exit::Done,
        false => Exit::NotProven,
    }
}
