use tightrope_lifecycle::{ApplyError, ApplyOptions, Project, Watchers};
use tightrope_model::Version;

use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching::{self, Progress};

use super::watch::Screen;

/// Apply the pending migrations, each of them whole or not at all
///
/// Every migration needs a certificate that fits; where one is missing and a copy can be made, it is rehearsed first, and
/// applied only if its way back is proven. A run that was interrupted is finished.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope apply\n  tightrope apply --yes --dir migrations --url sqlite://shop.db\n  \
    tightrope apply --unrehearsed --reason \"incident 512, no copy at hand\"\n  tightrope apply --watch 1h"
)]
pub(crate) struct Args {
    /// Only up to this version
    #[arg(long, value_name = "VERSION", value_parser = super::version)]
    to: Option<Version>,
    /// Apply without a proven way back; the reason goes on the record
    #[arg(long, requires = "reason")]
    unrehearsed: bool,
    /// Why it is applied unrehearsed
    #[arg(long, value_name = "REASON", requires = "unrehearsed", value_parser = super::reason)]
    reason: Option<String>,
    /// Go on although others changed the schema, for this reason; it goes on the record
    #[arg(long, value_name = "REASON", value_parser = super::reason)]
    accept_drift: Option<String>,
    /// How long to wait for another run to end [default: lease_wait_s of tightrope.toml, else 5]
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Watch afterwards by the criteria under `[watch]`, and roll back by itself if one fails [default duration: `for` under
    /// `[watch]`, else 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    watch: Option<Option<u64>>,
    /// What happens when a criterion fails [default: `policy` under `[watch]`, else auto]
    #[arg(long, value_enum, requires = "watch")]
    policy: Option<OnFailure>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum OnFailure {
    /// Roll back, if the way back is open and loses nothing
    Auto,
    /// Ask; where nobody is there, exit with 9
    Ask,
    /// Say it, and exit with 9
    Alert,
}

/// A duration on the command line.
fn duration(text: &str) -> Result<u64, String> {
    tightrope_judge::duration_ms(text)
        .filter(|milliseconds| *milliseconds > 0)
        .ok_or_else(|| "a duration is wanted, such as 1h, 30min or 90s".to_owned())
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let mut project = context.project("apply")?;
    project.policy.lease_wait_s = args.wait.unwrap_or(project.policy.lease_wait_s);
    let options = ApplyOptions {
        to: args.to.clone(),
        unrehearsed: args.reason.clone(),
        accept_drift: args.accept_drift.clone(),
    };
    let asked = ask_before_anything(args, context, &project)?;
    let progress = Progress::new(context.terminal);
    let edges = watching::edges();
    let watchers = Watchers {
        listener: &progress,
        edges: edges.as_ref(),
    };
    let prepare = || tightrope_lifecycle::prepare_apply(&project, &options, watchers);
    let mut prepared = prepare()?;
    if !context.options.yes && !asked && !prepared.is_empty() {
        ask(args, context, &project)?;
    }
    if let Some(duration) = args.watch
        && !prepared.is_empty()
    {
        let criteria = criteria(args, context, duration, &prepared)?;
        crate::terminal::outlive();
        let screen = Screen::new(context.terminal);
        let mut watch =
            tightrope_lifecycle::begin_watch(&mut prepared, criteria, watchers, &screen)?;
        let applied = match prepared.run(watchers) {
            Ok(applied) => applied,
            Err(error) => {
                let because = format!("apply failed: {error}");
                let left = watch.call_off(&because);
                return Err(CommandError::from(error).called_off(&left));
            }
        };
        watch
            .applied()
            .map_err(|error| CommandError::from(error).while_watching())?;
        context
            .terminal
            .stream(&serde_json::json!({ "event": "applied", "migrations": applied.migrations }));
        context
            .terminal
            .tell(|style| tightrope_report::applied(&applied, style));
        return super::watch::go_on(watch, &screen, context);
    }
    let applied = match prepared.run(watchers) {
        // Somebody else was faster, perhaps with the same migrations: what is left is looked at once more. A person who
        // said yes said it to what was shown.
        Err(ApplyError::MovedOn) if context.options.yes => prepare()?.run(watchers)?,
        result => result?,
    };
    drop(progress);
    context.terminal.show(
        |style| tightrope_report::applied(&applied, style),
        || tightrope_report::applied_json(&applied),
    );
    Ok(Exit::Done)
}

/// The criteria of a watch: what the configuration and the migrations say, and what the command line says otherwise.
fn criteria(
    args: &Args,
    context: &Context,
    duration: Option<u64>,
    prepared: &tightrope_lifecycle::Prepared<'_>,
) -> Result<tightrope_judge::Criteria, CommandError> {
    let configuration = context.configuration()?;
    let source = configuration
        .source
        .as_ref()
        .map(|(file, text)| (file.as_path(), text.as_str()));
    let migrations = prepared.migrations().map(|(migration, _)| migration);
    let mut criteria = tightrope_lifecycle::criteria_of(source, migrations)?;
    criteria.watch_ms = duration.unwrap_or(criteria.watch_ms);
    if let Some(policy) = args.policy {
        criteria.policy = match policy {
            OnFailure::Auto => tightrope_judge::Policy::Auto,
            OnFailure::Ask => tightrope_judge::Policy::Ask,
            OnFailure::Alert => tightrope_judge::Policy::Alert,
        };
    }
    Ok(criteria)
}

/// Refuses where there is something to do and nobody to ask; asks at once where an interrupted run would be finished.
fn ask_before_anything(
    args: &Args,
    context: &Context,
    project: &Project,
) -> Result<bool, CommandError> {
    if context.options.yes {
        return Ok(false);
    }
    let plan = tightrope_lifecycle::plan(project, args.to.as_ref())?;
    let is_open = plan.open_run.is_some();
    if !is_open && (plan.migrations.is_empty() || context.terminal.can_ask()) {
        return Ok(false);
    }
    ask(args, context, project).map(|()| true)
}

fn ask(args: &Args, context: &Context, project: &Project) -> Result<(), CommandError> {
    let plan = tightrope_lifecycle::plan(project, args.to.as_ref())?;
    context.confirm("Apply?", |style| {
        tightrope_report::plan(&plan, "", 0, style)
    })
}
