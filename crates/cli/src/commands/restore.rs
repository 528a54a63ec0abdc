use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tightrope_lifecycle::{
    Project, ReplayUntil, ReplayedChanges, RestoreClusterOptions, RestoreOptions, restore_backup,
    restore_cluster,
};
use tightrope_model::TableName;

use super::backup::PlaceArgs;
use crate::configuration;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching;

/// Restore a backup into a new database, over the old one, or single tables of it
///
/// Every byte is checked first; the backup is restored under a scratch name and compared with its manifest, and only then
/// it gets the name that `--into` says. A database that has that name stays untouched unless `--overwrite` says its name once
/// more: then it is kept, renamed (PostgreSQL) or copied beside (SQLite). What was written after the backup is not in it, unless it was taken `--with-changes` and `--replay` is
/// said: then every logged change is replayed before the name is given, the rest of the log is read from the old database if it
/// can be reached, and the recovery point is told. A mistake that was committed was logged, too: `--until` leaves it out.
/// A physical backup becomes a whole cluster, in the folder that `--folder` names: it is recovered and compared on a throw-away server first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope restore --into postgres://me@host/shop_restored\n  \
    tightrope restore shop-20260102T030405Z --into postgres://me@host/shop --overwrite shop\n  \
    tightrope restore --into sqlite://shop.db --table orders\n  \
    tightrope restore --folder /srv/postgresql/restored\n  \
    tightrope restore --replay --into postgres://me@host/shop --overwrite shop\n  \
    tightrope restore --replay --until 2026-01-02T03:04:05Z --into postgres://me@host/shop_restored"
)]
pub(crate) struct Args {
    /// The backup: its name, its folder or its address [default: the newest of the database]
    backup: Option<String>,
    /// The database that it becomes
    #[arg(long, value_name = "URL", required_unless_present = "folder")]
    into: Option<String>,
    /// The folder that the cluster of a physical backup becomes: one that is not there, or empty
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["into", "overwrite", "from_another", "replay", "tables"])]
    folder: Option<PathBuf>,
    /// The name of the database that may be overwritten
    #[arg(long, value_name = "NAME", conflicts_with = "tables")]
    overwrite: Option<String>,
    /// Overwrite although the backup is of another database
    #[arg(long, requires = "overwrite")]
    from_another: bool,
    /// Replay what was logged since the backup: way (d). Needs a backup that was taken `--with-changes`
    #[arg(long, conflicts_with = "tables")]
    replay: bool,
    /// Replay only what was committed up to this moment: before the mistake, if it was one
    #[arg(long, value_name = "TIME", requires = "replay")]
    until: Option<Timestamp>,
    /// Replay only what was committed before this migration changed the schema
    #[arg(
        long,
        value_name = "VERSION",
        requires = "replay",
        conflicts_with = "until"
    )]
    before: Option<String>,
    /// Replay also what was written after a migration, without the migration: what has no place in the old schema is told
    #[arg(long, requires = "replay", conflicts_with = "before")]
    without_migrations: bool,
    /// Only this table, into a database that does not have it; may be said several times
    #[arg(long = "table", value_name = "[SCHEMA.]TABLE")]
    tables: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let configuration = context.configuration()?;
    let into = args.into.as_deref().map(configuration::with_password);
    // Where the database itself is gone and nothing names it, what is restored to names the engine.
    let target = match (context.known_target(&configuration)?, &into) {
        (Some(target), _) => target,
        (None, Some(into)) => configuration::Target {
            url: into.clone(),
            copies: configuration::Copies::default(),
            masks: tightrope_lifecycle::Selecting::default(),
            backup: None,
        },
        (None, None) => context.target(&configuration)?,
    };
    let mut project = context.project_on("restore", &configuration, target)?;
    args.place.settle(&mut project)?;
    let Some(into) = into else {
        let folder = args.folder.as_deref().unwrap_or(Path::new(""));
        return cluster(args, folder, &project, context);
    };
    let has_schemas = into
        .scheme()
        .is_some_and(|scheme| scheme.starts_with("postgres"));
    let options = RestoreOptions {
        backup: args.backup.clone(),
        into,
        overwrite: args.overwrite.clone(),
        from_another: args.from_another,
        tables: args
            .tables
            .iter()
            .map(|name| table(name, has_schemas))
            .collect(),
        replay: args.replay.then(|| until(args)),
        without_migrations: args.without_migrations,
    };
    if let Some(name) = &args.overwrite
        && !context.options.yes
    {
        context.confirm("Overwrite?", |_| {
            format!("`{name}` will be replaced by the backup; what it holds now is kept under another name.\n")
        })?;
    }
    let restored = watching::watched(context.terminal, |watchers| {
        restore_backup(&project, &options, watchers)
    })?;
    context.terminal.show(
        |style| tightrope_report::restored(&restored, style),
        || tightrope_report::restored_json(&restored),
    );
    let all_there = restored
        .replayed
        .as_ref()
        .is_none_or(ReplayedChanges::is_whole);
    Ok(if all_there { Exit::Done } else { Exit::Alert })
}

/// Restores a whole cluster.
fn cluster(
    args: &Args,
    folder: &Path,
    project: &Project,
    context: &Context,
) -> Result<Exit, CommandError> {
    let options = RestoreClusterOptions {
        backup: args.backup.clone(),
        folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
    };
    let restored = watching::watched(context.terminal, |watchers| {
        restore_cluster(project, &options, watchers)
    })?;
    context.terminal.show(
        |style| tightrope_report::restored_cluster(&restored, style),
        || tightrope_report::restored_cluster_json(&restored),
    );
    Ok(Exit::Done)
}

/// Up to where changes are replayed.
fn until(args: &Args) -> ReplayUntil {
    match (&args.until, &args.before) {
        (Some(time), _) => ReplayUntil::Time(*time),
        (None, Some(version)) => ReplayUntil::Migration(version.clone()),
        (None, None) => ReplayUntil::End,
    }
}

/// `orders` is in the schema public, where there are schemas.
fn table(name: &str, has_schemas: bool) -> TableName {
    match name.split_once('.') {
        Some((schema, name)) if has_schemas => TableName::new(schema, name),
        _ if has_schemas => TableName::new("public", name),
        _ => TableName::new("", name),
    }
}
