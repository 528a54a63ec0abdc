use tightrope_engine::BackupKind;
use tightrope_lifecycle::{
    BackupListed, Project, ProveOptions, TakeBackupOptions, adopt_backup, list_backups,
    prove_backup, prune_backups, take_backup,
};

use super::changes::{self, CarryArgs, EndArgs};
use crate::configuration;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching;

/// Take a backup of the database, with a manifest that a restored one can be compared with
///
/// PostgreSQL is dumped by pg_dump, with several connections on one snapshot, or with `--physical` the files of its whole cluster are
/// copied with its log, up to one exact position; SQLite is copied by its backup interface. The
/// manifest has the digest of every file, and the schema and the checksum of every table as of that same snapshot; with a
/// key it is signed. With `--with-changes` every change from that snapshot on is logged by triggers, for `restore --replay`;
/// `backup carry` brings the log to safety. Into a bucket it goes file by file, the manifest last; interrupted, the same command
/// goes on with what is missing. A backup is proven once `backup prove` has restored it elsewhere and found everything equal.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  tightrope backup --to /mnt/backups --prove\n  tightrope backup --target production --json\n  \
    tightrope backup --with-changes --prove\n  \
    tightrope backup --physical --prove\n  \
    tightrope backup --to s3://my-backups/shop\n  \
    tightrope backup list"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Restore it elsewhere at once, and compare
    #[arg(long)]
    prove: bool,
    /// Log every change from now on, so that `restore --replay` loses nothing [default: `changes` under `[backup]`]
    #[arg(long)]
    with_changes: bool,
    /// Copy the files of the whole cluster with its log, instead of dumping the database (PostgreSQL) [default: `kind` under `[backup]`]
    #[arg(long, conflicts_with = "with_changes")]
    physical: bool,
    /// Do not sum up the tables: faster, and the backup cannot be proven
    #[arg(long, conflicts_with = "prove")]
    no_checksums: bool,
    /// Take a new one also where one whose upload was interrupted could go on and stand for it
    #[arg(long)]
    fresh: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Adopt(AdoptArgs),
    Prove(ProveArgs),
    List(ListArgs),
    Prune(PruneArgs),
    Carry(CarryArgs),
    EndChanges(EndArgs),
}

/// Where backups are kept, and how many connections are used.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PlaceArgs {
    /// The folder that backups are kept in, or a bucket: `s3://BUCKET/PREFIX`, `az://…`, `gs://…` [default: `to` under `[backup]` in
    /// tightrope.toml]
    #[arg(long, value_name = "PLACE")]
    to: Option<String>,
    /// How many connections read or write at once [default: `jobs` under `[backup]`, else 2]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: Option<u32>,
}

impl PlaceArgs {
    /// Has the project's backups where the command line says.
    pub(super) fn settle(&self, project: &mut Project) -> Result<(), CommandError> {
        if let Some(to) = &self.to {
            // From the root, so that it is told in full; as it is where that cannot be found out.
            let here = std::env::current_dir().unwrap_or_default();
            let place = configuration::place_of_backups(to, &here, &project.backup)?;
            project.backup.place = Some(place);
        }
        project.backup.jobs = self.jobs.unwrap_or(project.backup.jobs);
        Ok(())
    }
}

/// Take the newest backup of another system for one of this database: pgBackRest, Barman, WAL-G, a snapshot of a cloud
///
/// The commands under `[targets.NAME.backup.adopt]` are its interface. `latest` tells what the newest one is; what the database is now
/// (its schema, the rows of every table) is recorded beside that. `backup prove` has it restored by `restore`, reads all of it, holds it
/// against the record, and has it removed by `remove`. The backup itself stays where it is, and is never touched.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope backup adopt --prove\n  tightrope backup adopt --target production --json"
)]
struct AdoptArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Have it restored elsewhere at once, and compare
    #[arg(long)]
    prove: bool,
}

/// Restore a backup elsewhere, compare everything with its manifest, and write the proof beside it
///
/// Every byte of the files is checked; the backup is restored into a scratch database (where `prove` under `[backup]` says, else
/// where copies for rehearsal are made, else beside the target); the schema and every table must be equal, the ledger's
/// chain whole, the verify queries must hold. A proof expires with the backup's age, an upgrade of the server, and a
/// change of the schema.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope backup prove\n  tightrope backup prove shop-20260102T030405Z --to /mnt/backups"
)]
struct ProveArgs {
    /// The backup [default: the newest]
    backup: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// List the backups and how far each can be trusted: proven, stale, unproven, failed, damaged
///
/// Exits with 3 if the newest backup of the database is not proven. Names and sizes of files are looked at, not their bytes: `backup
/// prove` reads every one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope backup list\n  tightrope backup list --to /mnt/backups --json"
)]
struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// Remove the backups that no rule keeps
///
/// The rules are `keep_last`, `keep_daily` and `keep_weekly` under `[backup]`. What a migration that is not sealed could need stays,
/// and so does the newest one that is proven.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope backup prune --dry-run\n  tightrope backup prune --yes"
)]
struct PruneArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    match &args.action {
        None => take(args, context),
        Some(Action::Adopt(args)) => adopt(args, context),
        Some(Action::Prove(args)) => prove(args, context),
        Some(Action::List(args)) => list(args, context),
        Some(Action::Prune(args)) => prune(args, context),
        Some(Action::Carry(args)) => changes::carry(args, context),
        Some(Action::EndChanges(args)) => changes::end(args, context),
    }
}

fn project(place: &PlaceArgs, context: &Context) -> Result<Project, CommandError> {
    let mut project = context.project("backup")?;
    place.settle(&mut project)?;
    Ok(project)
}

fn take(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let mut project = project(&args.place, context)?;
    if args.physical {
        project.backup.kind = BackupKind::Physical;
    }
    let options = TakeBackupOptions {
        checksums: !args.no_checksums,
        changes: args.with_changes,
        fresh: args.fresh,
    };
    let (taken, proven) = watching::watched(context.terminal, |watchers| {
        let taken = take_backup(&project, &options, watchers)?;
        let options = ProveOptions {
            backup: Some(taken.name.clone()),
        };
        let proven = args
            .prove
            .then(|| prove_backup(&project, &options, watchers))
            .transpose()?;
        Ok::<_, CommandError>((taken, proven))
    })?;
    context.terminal.show(
        |style| tightrope_report::backup_taken(&taken, proven.as_ref(), style),
        || tightrope_report::backup_taken_json(&taken, proven.as_ref()),
    );
    Ok(Exit::Done)
}

fn adopt(args: &AdoptArgs, context: &Context) -> Result<Exit, CommandError> {
    let project = project(&args.place, context)?;
    let (adopted, proven) = watching::watched(context.terminal, |watchers| {
        let adopted = adopt_backup(&project, watchers)?;
        let options = ProveOptions {
            backup: Some(adopted.name.clone()),
        };
        let proven = args
            .prove
            .then(|| prove_backup(&project, &options, watchers))
            .transpose()?;
        Ok::<_, CommandError>((adopted, proven))
    })?;
    context.terminal.show(
        |style| tightrope_report::backup_adopted(&adopted, proven.as_ref(), style),
        || tightrope_report::backup_adopted_json(&adopted, proven.as_ref()),
    );
    Ok(Exit::Done)
}

fn prove(args: &ProveArgs, context: &Context) -> Result<Exit, CommandError> {
    let project = project(&args.place, context)?;
    let options = ProveOptions {
        backup: args.backup.clone(),
    };
    let proven = watching::watched(context.terminal, |watchers| {
        prove_backup(&project, &options, watchers)
    })?;
    context.terminal.show(
        |style| tightrope_report::backup_proven(&proven, style),
        || tightrope_report::backup_proven_json(&proven),
    );
    Ok(Exit::Done)
}

fn list(args: &ListArgs, context: &Context) -> Result<Exit, CommandError> {
    let all = list_backups(&project(&args.place, context)?)?;
    context.terminal.show(
        |style| tightrope_report::backups(&all, style),
        || tightrope_report::backups_json(&all),
    );
    let newest = all.iter().rfind(|one| one.of_target);
    Ok(match newest.map(BackupListed::state) {
        Some("proven") => Exit::Done,
        _ => Exit::NotProven,
    })
}

fn prune(args: &PruneArgs, context: &Context) -> Result<Exit, CommandError> {
    let project = project(&args.place, context)?;
    let prune = |dry_run| {
        watching::watched(context.terminal, |watchers| {
            prune_backups(&project, dry_run, watchers)
        })
    };
    let look = prune(true)?;
    let pruned = if args.dry_run || look.removed.is_empty() {
        look
    } else {
        if !context.options.yes {
            context.confirm("Remove them?", |style| {
                tightrope_report::pruned(&look, style)
            })?;
        }
        prune(false)?
    };
    context.terminal.show(
        |style| tightrope_report::pruned(&pruned, style),
        || tightrope_report::pruned_json(&pruned),
    );
    Ok(Exit::Done)
}
