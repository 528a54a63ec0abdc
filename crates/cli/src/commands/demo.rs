use crate::arguments::Options;
use crate::context::Context;
use crate::demo;
use crate::errors::CommandError;
use crate::exit::Exit;

/// See the whole story on a throw-away shop: a wrong way back caught, mended, applied, killed half-way, rolled back
///
/// Needs no server and touches nothing of yours: a SQLite file in a temporary folder, which is removed at the end. With
/// `--url postgres://…` the same is told in a scratch database on that server, which is dropped at the end.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope demo\n  tightrope demo --keep\n  tightrope demo --url postgres://me@localhost/postgres"
)]
pub(crate) struct Args {
    /// Leave the folder (and the database on a server) to play with
    #[arg(long)]
    keep: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    refuse_what_has_no_meaning(&context.options)?;
    demo::tell(context, args.keep)?;
    Ok(Exit::Done)
}

/// The demo brings its own folder, configuration and database: an option that names others was meant for another command.
fn refuse_what_has_no_meaning(options: &Options) -> Result<(), CommandError> {
    let given = [
        ("--dir", options.dir.is_some()),
        ("--target", options.target.is_some()),
        ("--config", options.config.is_some()),
        ("--format", options.format.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(CommandError::new(
            Exit::Usage,
            format!("`{name}` has no meaning for the demo: it makes a folder of its own"),
        )
        .hint(format!("leave `{name}` out; nothing of yours is touched"))),
    }
}
