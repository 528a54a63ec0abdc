//! `backup carry` and `backup end-changes`.

use std::thread;
use std::time::Duration;

use tightrope_lifecycle::{CarryOptions, Project, carry_changes, end_logs};

use super::backup::PlaceArgs;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching;

/// Carry the logged changes out of the database, beside the backup that they belong to
///
/// What was committed since the last time is written beside the backup as a segment, sealed and durable, and is then freed in the database.
/// `restore --replay` brings it back, also when the database and its disk are gone: up to the last time that this command
/// ran. Run it as often as you can bear to lose.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope backup carry\n  tightrope backup carry --every 10\n  tightrope backup carry shop-20260102T030405Z --to /mnt/backups --json"
)]
pub(super) struct CarryArgs {
    /// The backup [default: the newest that has a change log]
    backup: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Go on, and carry out so often, until stopped or the log is ended
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: Option<u64>,
}

/// End every change log of the database, and free what it occupies
///
/// What a log still holds is carried out first, so that `restore --replay` gets as far as this moment. Afterwards writers pay
/// nothing any more. A newer backup with `--with-changes` does the same to older logs by itself.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope backup end-changes\n  tightrope backup end-changes --to /mnt/backups --json"
)]
pub(super) struct EndArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) fn carry(args: &CarryArgs, context: &Context) -> Result<Exit, CommandError> {
    let project = project(&args.place, context)?;
    let options = CarryOptions {
        backup: args.backup.clone(),
    };
    loop {
        let carried = watching::watched(context.terminal, |watchers| {
            carry_changes(&project, &options, watchers)
        })?;
        context.terminal.show(
            |style| tightrope_report::carried(&carried, style),
            || tightrope_report::carried_json(&carried),
        );
        match args.every {
            Some(seconds) => thread::sleep(Duration::from_secs(seconds)),
            None => return Ok(Exit::Done),
        }
    }
}

pub(super) fn end(args: &EndArgs, context: &Context) -> Result<Exit, CommandError> {
    let project = project(&args.place, context)?;
    let ended = watching::watched(context.terminal, |watchers| end_logs(&project, watchers))?;
    context.terminal.show(
        |style| tightrope_report::logs_ended(&ended, style),
        || tightrope_report::logs_ended_json(&ended),
    );
    Ok(Exit::Done)
}

fn project(place: &PlaceArgs, context: &Context) -> Result<Project, CommandError> {
    let mut project = context.project("backup")?;
    place.settle(&mut project)?;
    Ok(project)
}
