use tightrope_backup::{DrillRecord, DrillVerdict};
use tightrope_lifecycle::{DrillChoice, Project, drill_restore, drill_rollback, drill_status};

use super::backup::PlaceArgs;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching;

/// Practise the way back while nobody needs it, timed, and on the record
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope drill restore --random\n  tightrope drill status\n  tightrope drill schedule"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Restore(RestoreArgs),
    Rollback(RollbackArgs),
    Status(StatusArgs),
    Schedule(ScheduleArgs),
}

/// Restore a backup as in an emergency, compare it with its manifest, and record time, size and verdict
///
/// Exits with 3 if the drill fails: the backup is damaged, cannot be restored, or is not equal.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope drill restore\n  tightrope drill restore --random --to /mnt/backups --json"
)]
struct RestoreArgs {
    /// The backup [default: the newest]
    backup: Option<String>,
    /// Any backup: the older ones have to work, too
    #[arg(long, conflicts_with = "backup")]
    random: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Run a migration forward on a copy, write into every table, roll it back and compare; record time, size and verdict
///
/// It is the first pending migration, or else the newest applied one, which the copy goes back from first. Nothing is changed but the
/// copy. Exits with 3 if the drill fails: the rollback fails, or a row of before or one written since is not there.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope drill rollback\n  tightrope drill rollback --to /mnt/backups --json"
)]
struct RollbackArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// Show when drills were held, how long they took, and whether one is overdue
///
/// Exits with 3 while a drill of restoring is overdue: none has passed for `drill_days` (90 if not set), or the last one failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tightrope drill status\n  tightrope drill status --json")]
struct StatusArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// Print a line for cron and a timer for systemd that hold a drill every month
///
/// Nothing is installed: put what is printed where it belongs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tightrope drill schedule --target production")]
struct ScheduleArgs {}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    match &args.action {
        Action::Restore(args) => restore(args, context),
        Action::Rollback(args) => rollback(args, context),
        Action::Status(args) => status(args, context),
        Action::Schedule(_) => schedule(context),
    }
}

fn project(place: &PlaceArgs, context: &Context) -> Result<Project, CommandError> {
    let mut project = context.project("drill")?;
    place.settle(&mut project)?;
    Ok(project)
}

fn restore(args: &RestoreArgs, context: &Context) -> Result<Exit, CommandError> {
    let project = project(&args.place, context)?;
    let choice = match (&args.backup, args.random) {
        (Some(name), _) => DrillChoice::Named(name.clone()),
        (None, true) => DrillChoice::Random,
        (None, false) => DrillChoice::Latest,
    };
    let record = watching::watched(context.terminal, |watchers| {
        drill_restore(&project, &choice, watchers)
    })?;
    Ok(show(&record, context))
}

fn rollback(args: &RollbackArgs, context: &Context) -> Result<Exit, CommandError> {
    let project = project(&args.place, context)?;
    let record = watching::watched(context.terminal, |watchers| {
        drill_rollback(&project, watchers)
    })?;
    Ok(show(&record, context))
}

fn show(record: &DrillRecord, context: &Context) -> Exit {
    let exit = match record.verdict {
        DrillVerdict::Pass => Exit::Done,
        DrillVerdict::Fail => Exit::NotProven,
    };
    context.terminal.show(
        |style| tightrope_report::drill(record, exit.code(), style),
        || tightrope_report::drill_json(record),
    );
    exit
}

fn status(args: &StatusArgs, context: &Context) -> Result<Exit, CommandError> {
    let status = drill_status(&project(&args.place, context)?)?;
    let is_due = |kind: &tightrope_lifecycle::DrillKindStatus| {
        kind.kind == tightrope_backup::DrillKind::Restore && kind.overdue
    };
    let exit = if status.kinds.iter().any(is_due) {
        Exit::NotProven
    } else {
        Exit::Done
    };
    context.terminal.show(
        |style| tightrope_report::drill_status(&status, style),
        || tightrope_report::drill_status_json(&status),
    );
    Ok(exit)
}

fn schedule(context: &Context) -> Result<Exit, CommandError> {
    let folder = std::env::current_dir().map_err(|error| {
        CommandError::new(
            Exit::Error,
            format!("cannot find out the current folder: {error}"),
        )
    })?;
    let target = context.options.target.as_deref();
    let program = std::env::current_exe().unwrap_or_else(|_| "tightrope".into());
    let schedule = tightrope_report::DrillSchedule::new(&program, &folder, target);
    context
        .terminal
        .show(|_| schedule.text(), || schedule.json());
    Ok(Exit::Done)
}
