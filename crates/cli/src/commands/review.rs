use tightrope_lifecycle::ReviewOptions;
use tightrope_model::Version;

use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching::Progress;

/// Find out which migrations of a whole history have a rollback that works
///
/// Every migration is rehearsed, in order, from an empty database on, each on a copy of the state before it. It goes on
/// after a bad one. The database that is named is never written: it only says on which server to work.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope review --dir migrations --url postgres://localhost/scratch\n  \
    tightrope review --last 3 --json\n  tightrope review --rows 50"
)]
pub(crate) struct Args {
    /// Only the last so many; those before only run forward
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    last: Option<u32>,
    /// Only up to this version
    #[arg(long, value_name = "VERSION", value_parser = super::version)]
    to: Option<Version>,
    /// Rehearse the derived rollback of each migration, too
    #[arg(long)]
    derived: bool,
    /// Fill every table with at least so many generated rows before each rehearsal, so that lost data is seen
    ///
    /// The rows are valid, and nasty on purpose. A forward script that fails on them alone is rehearsed without rows in the
    /// tables that were in the way, which a remark says.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    rows: Option<u32>,
    /// What the generated rows depend on: the same seed gives the same rows
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "rows")]
    seed: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let project = context.project("review")?;
    let progress = Progress::new(context.terminal);
    let options = ReviewOptions {
        last: args.last.and_then(|last| usize::try_from(last).ok()),
        to: args.to.clone(),
        derived: args.derived,
        rows: args.rows.and_then(|rows| usize::try_from(rows).ok()),
        seed: args.seed,
    };
    let review = tightrope_lifecycle::review(&project, &options, &progress)?;
    drop(progress);
    let exit = if review.passed() {
        Exit::Done
    } else {
        Exit::NotProven
    };
    context.terminal.show(
        |style| tightrope_report::review(&review, exit.code(), style),
        || tightrope_report::review_json(&review),
    );
    Ok(exit)
}
