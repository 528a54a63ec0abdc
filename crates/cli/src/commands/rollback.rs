use tightrope_lifecycle::{Conflicts, PreparedRollback, RollbackOptions, RolledBack};
use tightrope_model::Version;

use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching;

/// Go back: the newest migration, or down to a version
///
/// The scripts come from the database, where `apply` stored them; no folder is needed. All of it is one transaction where
/// the scripts allow it, and commits only after the schema has been proven to be the one of before.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope rollback\n  tightrope rollback --to 0040 --dry-run\n  tightrope rollback --all --yes"
)]
pub(crate) struct Args {
    /// Down to this version, which stays applied [default: the newest migration only]
    #[arg(long, value_name = "VERSION", value_parser = super::version)]
    to: Option<Version>,
    /// Everything, down to the schema before the first migration
    #[arg(long, conflicts_with = "to")]
    all: bool,
    /// Only show what would be rolled back
    #[arg(long)]
    dry_run: bool,
    /// Go on although the schema does not come back, for this reason; it goes on the record
    #[arg(long, value_name = "REASON", value_parser = super::reason)]
    unproven: Option<String>,
    /// What becomes of rows written since that the old schema cannot hold
    #[arg(long, value_enum, default_value_t = OnConflict::Quarantine)]
    conflicts: OnConflict,
    /// Go on although others changed the schema, for this reason; it goes on the record
    #[arg(long, value_name = "REASON", value_parser = super::reason)]
    accept_drift: Option<String>,
    /// How long to wait for another run to end [default: lease_wait_s of tightrope.toml, else 5]
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum OnConflict {
    /// They go whole into quarantine: see `tightrope quarantine`
    Quarantine,
    /// They stop the rollback before anything is changed
    Stop,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let mut project = context.project("rollback")?;
    project.policy.lease_wait_s = args.wait.unwrap_or(project.policy.lease_wait_s);
    let options = RollbackOptions {
        to: args.to.clone(),
        all: args.all,
        unproven: args.unproven.clone(),
        conflicts: match args.conflicts {
            OnConflict::Quarantine => Conflicts::Quarantine,
            OnConflict::Stop => Conflicts::Stop,
        },
        accept_drift: args.accept_drift.clone(),
    };
    let mut prepared = tightrope_lifecycle::prepare_rollback(&project, &options)?;
    if prepared.is_empty() {
        let nothing = RolledBack {
            migrations: Vec::new(),
            recovered: None,
        };
        show(context, &nothing);
        return Ok(Exit::Done);
    }
    let interrupted = prepared.interrupted();
    if args.dry_run {
        show_plan(context, &mut prepared, interrupted.as_deref())?;
        return Ok(Exit::Done);
    }
    if !context.options.yes {
        let gauges = prepared.readiness()?;
        let migrations = prepared.migrations();
        context.confirm("Roll back?", |style| {
            tightrope_report::rollback_plan(migrations, &gauges, interrupted.as_deref(), "", style)
        })?;
    }
    let rolled_back = watching::watched(context.terminal, |watchers| prepared.run(watchers))?;
    show(context, &rolled_back);
    Ok(Exit::Done)
}

fn show(context: &Context, rolled_back: &RolledBack) {
    context.terminal.show(
        |style| tightrope_report::rolled_back(rolled_back, style),
        || tightrope_report::rolled_back_json(rolled_back),
    );
}

fn show_plan(
    context: &Context,
    prepared: &mut PreparedRollback<'_>,
    interrupted: Option<&str>,
) -> Result<(), CommandError> {
    let next = "Nothing was changed: this was a dry run. Do it with `tightrope rollback`.";
    let gauges = prepared.readiness()?;
    let migrations = prepared.migrations();
    context.terminal.show(
        |style| tightrope_report::rollback_plan(migrations, &gauges, interrupted, next, style),
        || tightrope_report::rollback_plan_json(migrations, &gauges, interrupted),
    );
    Ok(())
}
