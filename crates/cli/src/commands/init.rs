use std::io::{ErrorKind, Write as _};
use std::path::Path;

use serde_json::json;
use tightrope_engine::DatabaseUrl;

use crate::configuration::FILE;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;

/// Begin in this folder: a tightrope.toml and a folder of migrations
///
/// Nothing that is there is overwritten. With `--url`, the target is written down; a password never is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope init\n  tightrope init --url sqlite://shop.db\n  tightrope init --dir db/migrations"
)]
pub(crate) struct Args {}

const README: &str = "# Migrations

One folder per migration, named `<version>_<name>`: `up.sql` goes forward, `down.sql` goes back, `verify.sql` (if there is one)
holds queries that must be true afterwards. `tightrope new NAME` makes the next.
";

/// Where the URL is taken from unless one is given that may be written down.
const FROM_ENVIRONMENT: &str = "{ env = \"DATABASE_URL\" }";

pub(super) fn run(_: &Args, context: &Context) -> Result<Exit, CommandError> {
    let folder = context
        .options
        .dir
        .clone()
        .unwrap_or_else(|| "migrations".into());
    let text = configuration(&folder, context.options.url.as_deref())?;
    write_new(Path::new(FILE), &text)?;
    let failed = |error: std::io::Error| {
        CommandError::new(
            Exit::Error,
            format!("cannot make the folder {}: {error}", folder.display()),
        )
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let is_empty = std::fs::read_dir(&folder).map_err(failed)?.next().is_none();
    if is_empty {
        write_new(&folder.join("README.md"), README)?;
    }
    let from_environment = match text.contains(FROM_ENVIRONMENT) {
        true => {
            "The database's URL comes from the environment variable DATABASE_URL, until `url`\nin tightrope.toml says otherwise.\n"
        }
        false => "",
    };
    let made = format!(
        "Made {FILE} and {}.\n{from_environment}\nNext\n  tightrope new NAME      write the first migration and its way back\n  \
         tightrope rehearse      prove the way back on a copy\n  tightrope apply         apply it\n",
        folder.display()
    );
    context
        .terminal
        .show(|_| made, || json!({ "config": FILE, "dir": folder }));
    Ok(Exit::Done)
}

/// Writes a file that is not there yet.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), CommandError> {
    let written =
        std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => CommandError::new(
            Exit::Refused,
            format!(
                "{} is already there, and is not overwritten",
                path.display()
            ),
        ),
        _ => CommandError::new(
            Exit::Error,
            format!("cannot write {}: {error}", path.display()),
        ),
    })
}

fn configuration(folder: &Path, url: Option<&str>) -> Result<String, CommandError> {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let url = match url.map(DatabaseUrl::new) {
        Some(url) if url.redacted() == url.secret() => quoted(url.secret()),
        // A password does not belong into a file that is checked in.
        Some(_) | None => FROM_ENVIRONMENT.to_owned(),
    };
    let folder = folder
        .to_str()
        .ok_or_else(|| CommandError::new(Exit::Error, "the folder's name is not UTF-8"))?;
    Ok(format!(
        "# Every key: docs/reference/configuration.md\ndir = {}\n\n[targets.default]\n\
         # A URL as it is, or where to get it: {{ env = \"NAME\" }}, {{ file = \"path\" }}, {{ command = [\"program\", \"argument\"] }}\n\
         url = {url}\n",
        quoted(folder)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_written_down() {
        let check = |url, expect: &str| {
            let text = configuration(Path::new("m"), Some(url)).ok().unwrap();
            assert!(text.ends_with(&format!("\nurl = {expect}\n")), "{text}");
        };
        check(
            "postgres://me:secret@host/shop",
            "{ env = \"DATABASE_URL\" }",
        );
        check("sqlite://shop.db", "\"sqlite://shop.db\"");
    }
}
