use std::path::Path;

use serde_json::json;
use tightrope_lifecycle::Project;
use tightrope_model::{EngineKind, Version};
use tightrope_script::{Format, Migration, MigrationKind};

use super::derived;
use super::init::write_new;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::skeleton;

/// Write the next migration: a forward script and its way back
///
/// The files are in the folder's own format, and the version follows those that are there: a timestamp, or the next number.
/// With `--derive`, no migration is made: the rollback of one that is there is derived on a copy and written beside it, to
/// be read, changed and kept as any other.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope new add_email_to_users\n  tightrope new split_name --version 0041\n  \
    tightrope new --derive 0041\n  tightrope new --derive --all"
)]
pub(crate) struct Args {
    /// What it does, in a few words
    #[arg(value_name = "NAME", value_parser = name, required_unless_present = "derive", conflicts_with = "derive")]
    name: Option<String>,
    /// The version [default: as those in the folder go on; a timestamp in an empty one]
    #[arg(long, value_name = "VERSION", value_parser = super::version)]
    version: Option<Version>,
    /// Write the derived rollback of this migration instead
    #[arg(long, value_name = "VERSION", num_args = 0..=1, value_parser = super::version, conflicts_with = "version")]
    derive: Option<Option<Version>>,
    /// Derive for every migration that has no rollback script, or an empty one
    #[arg(long, requires = "derive")]
    all: bool,
    /// Overwrite a rollback script that is there
    #[arg(long, requires = "derive")]
    force: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    match (&args.derive, args.all, &args.name) {
        (Some(Some(_)), true, _) => Err(usage("`--derive VERSION` and `--all` exclude each other")),
        (Some(None), false, _) => Err(usage("`--derive` needs a version, or `--all`")),
        (Some(version), _, _) => derived::write(context, version.as_ref(), args.force),
        (None, _, Some(name)) => make(args, name, context),
        (None, _, None) => Err(usage("a name is needed")),
    }
}

fn usage(what: &str) -> CommandError {
    CommandError::new(Exit::Usage, what).hint("see `tightrope help new`")
}

fn make(args: &Args, name: &str, context: &Context) -> Result<Exit, CommandError> {
    let project = context.folder_only("new", &context.configuration()?)?;
    let (format, migrations) = existing(&project)?;
    let versioned: Vec<&Migration> = migrations
        .iter()
        .filter(|migration| migration.kind != MigrationKind::Repeatable)
        .collect();
    let version = match &args.version {
        Some(version) => version.clone(),
        None => Version::new(skeleton::next_version(
            versioned.last().map(|last| last.version.as_str()),
            jiff::Timestamp::now(),
        )),
    };
    if let Some(taken) = versioned
        .iter()
        .find(|migration| migration.version == version)
    {
        return Err(CommandError::new(
            Exit::Refused,
            format!("version {version} is taken by `{}`", taken.label()),
        )
        .hint("leave `--version` out to get the next one"));
    }
    let files = skeleton::files(format, version.as_str(), name);
    let mut paths = Vec::new();
    for (path, text) in &files {
        let path = project.folder.join(path);
        make_folder(path.parent())?;
        write_new(&path, text)?;
        paths.push(path);
    }
    let made: Vec<String> = paths
        .iter()
        .map(|path| format!("made {}\n", path.display()))
        .collect();
    let next = "\nWrite both ways, then prove the way back with `tightrope rehearse`.\n";
    context.terminal.show(
        |_| format!("{}{next}", made.concat()),
        || json!({ "version": version, "name": name, "format": format, "files": paths }),
    );
    Ok(Exit::Done)
}

/// The folder's format and its migrations; an empty folder, or none, is native. What is wrong inside does not matter here.
pub(super) fn existing(project: &Project) -> Result<(Format, Vec<Migration>), CommandError> {
    let native = project.format.unwrap_or(Format::Native);
    if !project.folder.exists() {
        return Ok((native, Vec::new()));
    }
    // The dialect decides nothing about names.
    let (folder, findings) = project.look_at_folder(EngineKind::Postgres)?;
    match (folder, findings.first()) {
        (Some(folder), _) => Ok((folder.format, folder.migrations)),
        (None, Some(finding)) if finding.rule == "mixed-formats" => {
            Err(CommandError::new(Exit::Error, finding.message.clone())
                .hint("say which with `--format FORMAT`"))
        }
        (None, _) => Ok((native, Vec::new())),
    }
}

fn make_folder(folder: Option<&Path>) -> Result<(), CommandError> {
    let Some(folder) = folder else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| {
        CommandError::new(
            Exit::Error,
            format!("cannot make the folder {}: {error}", folder.display()),
        )
    })
}

fn name(text: &str) -> Result<String, String> {
    let name: String = text.split_whitespace().collect::<Vec<_>>().join("_");
    let fits = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(fits) {
        return Err("a name is made of letters, digits, `_` and `-`".to_owned());
    }
    Ok(name)
}
