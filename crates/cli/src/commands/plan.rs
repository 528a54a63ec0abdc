use tightrope_lifecycle::Plan;
use tightrope_model::Version;

use super::derived;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;

/// Show what would run, which locks it takes, what it destroys, and the ways back
///
/// Nothing is changed. Exits with 0 if there is nothing to do, 2 if there are changes, 1 on any error.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope plan\n  tightrope plan --to 0042 --json\n  tightrope plan 0041 --derived"
)]
pub(crate) struct Args {
    /// Only up to this version
    #[arg(long, value_name = "VERSION", value_parser = super::version)]
    to: Option<Version>,
    /// The migration whose derived rollback is shown
    #[arg(value_name = "VERSION", value_parser = super::version, requires = "derived", conflicts_with = "to")]
    version: Option<Version>,
    /// Show the derived rollback of one migration as a script; it is derived on a copy
    #[arg(long, requires = "version")]
    derived: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    if let Some(version) = args.version.as_ref().filter(|_| args.derived) {
        return derived::show(context, version).map_err(|error| error.with_exit(Exit::Error));
    }
    let plan = make(args, context).map_err(|error| error.with_exit(Exit::Error))?;
    let nothing = plan.migrations.is_empty() && plan.open_run.is_none();
    let exit = if nothing { Exit::Done } else { Exit::Pending };
    context.terminal.show(
        |style| tightrope_report::plan(&plan, next(&plan), exit.code(), style),
        || tightrope_report::plan_json(&plan),
    );
    Ok(exit)
}

fn make(args: &Args, context: &Context) -> Result<Plan, CommandError> {
    let project = context.project("plan")?;
    Ok(tightrope_lifecycle::plan(&project, args.to.as_ref())?)
}

fn next(plan: &Plan) -> &'static str {
    use tightrope_lifecycle::CertificateStanding::Unproven;
    let unproven = plan
        .migrations
        .iter()
        .any(|migration| matches!(migration.proof, Unproven { .. }));
    if plan.open_run.is_some() {
        return "Finish what was interrupted with `tightrope apply`.";
    }
    match unproven {
        true => "Prove the way back with `tightrope rehearse`, or let `tightrope apply`.",
        false => "Apply with `tightrope apply`.",
    }
}
