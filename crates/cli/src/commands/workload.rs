use std::path::{Path, PathBuf};

use clap::Subcommand;
use tightrope_engine::DatabaseUrl;
use tightrope_lifecycle::{CaptureOptions, CaptureSource};
use tightrope_model::EngineKind;

use crate::configuration::{Copies, Target};
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;

/// Capture the queries that an application runs, as a witness for rehearsals
///
/// A rehearsal prepares each of them before the migration, after it and after its rollback, and names those that the migration
/// breaks. With samples of their parameters they are replayed, too, and rows, blocks, times and plans are compared.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope workload capture --output workload.toml\n  tightrope workload capture --from log /var/log/postgresql/server.csv --parameters --output workload.toml\n  tightrope rehearse --workload workload.toml"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Capture(CaptureArgs),
}

/// Write the queries of an application into a file that can be reviewed
///
/// Literals in their texts become parameters. Comments, utility statements, tightrope's own queries and those of the system
/// catalogs are left out, and counted. Samples of parameters are kept only with `--parameters`: what looks like an address, a key or a
/// token is masked, and a query that names a password or the like gets none. Read the file before you share it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope workload capture --output workload.toml\n  tightrope workload capture --from log server.json --database shop --parameters --output workload.toml\n  \
    tightrope workload capture --from file queries.sql --url sqlite://shop.db --output workload.toml"
)]
struct CaptureArgs {
    /// Where from: `stat-statements` (of the target), `log FILE` (a PostgreSQL server's, as stderr, csvlog or jsonlog), or
    /// `file FILE` (a script of queries)
    #[arg(long, value_names = ["SOURCE", "FILE"], num_args = 1..=2, default_value = "stat-statements")]
    from: Vec<String>,
    /// The file to write [default: `file` under `[workload]` in tightrope.toml]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep samples of parameters, so that calls can be replayed
    #[arg(long)]
    parameters: bool,
    /// Of a log: only the queries of this database
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let What::Capture(args) = &args.what;
    let source = source(&args.from)?;
    let configuration = context.configuration()?;
    let target = match source {
        CaptureSource::Statements => context.target(&configuration)?,
        _ => context.known_target(&configuration)?.unwrap_or(Target {
            url: DatabaseUrl::new(""),
            copies: Copies::default(),
            masks: tightrope_lifecycle::Selecting::default(),
            backup: None,
        }),
    };
    let project = context.project_on("workload capture", &configuration, target)?;
    let output = args
        .output
        .clone()
        .or_else(|| project.workload.file.clone());
    let output = output.ok_or_else(|| {
        CommandError::new(Exit::Error, "no file is named to write the queries to")
            .hint("name it with `--output FILE`, or with `file` under [workload] in tightrope.toml")
    })?;
    refuse_others(&output)?;
    let captured = tightrope_lifecycle::capture(
        &project,
        &CaptureOptions {
            // Only PostgreSQL writes a log.
            engine: match source {
                CaptureSource::Log(_) => EngineKind::Postgres,
                _ => project.dialect().unwrap_or(EngineKind::Postgres),
            },
            source,
            parameters: args.parameters,
            database: args.database.clone(),
            output,
        },
    )?;
    context.terminal.show(
        |style| tightrope_report::captured(&captured, style),
        || tightrope_report::captured_json(&captured),
    );
    Ok(Exit::Done)
}

fn source(from: &[String]) -> Result<CaptureSource, CommandError> {
    match from {
        [source] if source == "stat-statements" => Ok(CaptureSource::Statements),
        [source, file] if source == "log" => Ok(CaptureSource::Log(file.into())),
        [source, file] if source == "file" => Ok(CaptureSource::Script(file.into())),
        other => Err(CommandError::new(
            Exit::Usage,
            format!("`--from {}` names no source", other.join(" ")),
        )
        .hint("`--from stat-statements`, `--from log FILE` or `--from file FILE`")),
    }
}

/// A file that is there is overwritten only if it is a workload: the name of another file is a slip.
fn refuse_others(path: &Path) -> Result<(), CommandError> {
    match std::fs::read(path) {
        Ok(bytes) if !String::from_utf8_lossy(&bytes).contains("tightrope_workload") => {
            let message = format!("{} is there, and is no workload", path.display());
            Err(CommandError::new(Exit::Refused, message).hint("name another file with `--output`"))
        }
        _ => Ok(()),
    }
}
