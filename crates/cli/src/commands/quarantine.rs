use clap::Subcommand;
use tightrope_lifecycle::Decision;
use tightrope_store::QuarantinedRow;

use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching;

/// Look at rows that the old schema could not hold, put them back, or give them up
///
/// A rollback deletes nothing: what does not fit into the old schema (a duplicate after a dropped unique constraint, a value
/// too long for the old type) is kept whole until a person decides.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope quarantine list\n  tightrope quarantine show 3\n  tightrope quarantine restore 3 4"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show every row in quarantine, and why it is there
    List,
    /// Show one row whole, column by column
    Show {
        /// The row's number in the list
        #[arg(value_name = "NUMBER")]
        number: i64,
    },
    /// Put rows back into their tables, all or none of them
    Restore {
        /// The rows' numbers in the list
        #[arg(value_name = "NUMBER", required = true)]
        numbers: Vec<i64>,
    },
    /// Give rows up for good, all or none of them
    Discard {
        /// The rows' numbers in the list
        #[arg(value_name = "NUMBER", required = true)]
        numbers: Vec<i64>,
    },
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    match &args.what {
        What::List => {
            let rows = look(context, &[])?;
            context.terminal.show(
                |style| tightrope_report::quarantine(&rows, style),
                || tightrope_report::quarantine_json(&rows),
            );
        }
        What::Show { number } => {
            let rows = look(context, &[*number])?;
            context.terminal.show(
                |style| {
                    rows.iter()
                        .map(|row| tightrope_report::quarantined_row(row, style))
                        .collect()
                },
                || tightrope_report::quarantine_json(&rows),
            );
        }
        What::Restore { numbers } => decide(context, numbers, Decision::Restore)?,
        What::Discard { numbers } => {
            if !context.options.yes {
                let rows = look(context, numbers)?;
                context.confirm("Give these rows up for good?", |style| {
                    tightrope_report::quarantine(&rows, style)
                })?;
            }
            decide(context, numbers, Decision::Discard)?;
        }
    }
    Ok(Exit::Done)
}

fn look(context: &Context, numbers: &[i64]) -> Result<Vec<QuarantinedRow>, CommandError> {
    let project = context.project("quarantine")?;
    Ok(tightrope_lifecycle::quarantined(&project, numbers)?)
}

fn decide(context: &Context, numbers: &[i64], decision: Decision) -> Result<(), CommandError> {
    let project = context.project("quarantine")?;
    let rows = watching::watched(context.terminal, |watchers| {
        tightrope_lifecycle::decide(&project, numbers, decision, watchers)
    })?;
    let restored = decision == Decision::Restore;
    context.terminal.show(
        |style| tightrope_report::decided(&rows, restored, style),
        || tightrope_report::decided_json(&rows, restored),
    );
    Ok(())
}
