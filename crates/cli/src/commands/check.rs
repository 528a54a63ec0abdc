use tightrope_lifecycle::Project;
use tightrope_model::{EngineKind, Severity};

use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::terminal::{self, Terminal};

/// Look at the scripts as a reviewer would: missing or broken rollbacks, hazards, long locks
///
/// It needs no database. With `--url` or `--target` it also finds drift, and scripts that were changed after they were
/// applied. Exits with 3 if there are errors.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope check\n  tightrope check --dir db/migrations --engine sqlite\n  \
    tightrope check --url postgres://localhost/shop --json"
)]
pub(crate) struct Args {
    /// The dialect of the scripts: postgres or sqlite [default: that of the database that is named]
    #[arg(long, value_name = "ENGINE")]
    engine: Option<EngineKind>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let asked = context.options.url.is_some() || context.options.target.is_some();
    let project = project(context, asked)?;
    let dialect = dialect(args, &project, context.terminal)?;
    let findings = tightrope_lifecycle::check(&project, dialect, asked)?;
    let bad = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let exit = if bad { Exit::NotProven } else { Exit::Done };
    context.terminal.show(
        |style| tightrope_report::findings(&findings, &terminal::line_at, exit.code(), style),
        || tightrope_report::findings_json(&findings),
    );
    Ok(exit)
}

/// A database that is only configured tells the dialect; that it is missing there is no error.
fn project(context: &Context, asked: bool) -> Result<Project, CommandError> {
    let configuration = context.configuration()?;
    match context.known_target(&configuration) {
        Ok(Some(target)) => context.project_on("check", &configuration, target),
        Err(error) if asked => Err(error),
        Ok(None) | Err(_) => context.folder_only("check", &configuration),
    }
}

fn dialect(args: &Args, project: &Project, terminal: Terminal) -> Result<EngineKind, CommandError> {
    if let Some(engine) = args.engine {
        return Ok(engine);
    }
    if !project.url.secret().is_empty() {
        return Ok(project.dialect()?);
    }
    terminal.say(|_| "note: no database is named, so the scripts are read as PostgreSQL's; `--engine sqlite` reads them \
        as SQLite's\n".to_owned());
    Ok(EngineKind::Postgres)
}
