use std::path::Path;

use serde_json::json;
use tightrope_lifecycle::Project;
use tightrope_model::{EngineKind, Version};
use tightrope_script::{Format, Migration, MigrationKind};

use super::init::write_new;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::skeleton;

/// Write the next migration: a forward script and its way back
///
/// The files are in the folder's own format, and the version follows those that are there: a timestamp, or the next number.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope new add_email_to_users\n  tightrope new split_name --version 0041"
)]
pub(crate) struct Args {
    /// What it does, in a few words
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// The version [default: as those in the folder go on; a timestamp in an empty one]
    #[arg(long, value_name = "VERSION", value_parser = super::version)]
    version: Option<Version>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
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
    let files = skeleton::files(format, version.as_str(), &args.name);
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
        || json!({ "version": version, "name": args.name, "format": format, "files": paths }),
    );
    Ok(Exit::Done)
}

/// The folder's format and its migrations; an empty folder, or none, is native. What is wrong inside does not matter here.
fn existing(project: &Project) -> Result<(Format, Vec<Migration>), CommandError> {
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
