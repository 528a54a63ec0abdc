//! A URL that may hold a password: written down, or where to get it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use tightrope_engine::DatabaseUrl;

use super::password::with_password;
use crate::errors::CommandError;
use crate::exit::Exit;

/// Where a URL comes from. It has no `Debug`: it may be the secret itself.
#[derive(Clone)]
pub(super) enum Secret {
    Plain(String),
    Environment(String),
    File(PathBuf),
    Command(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    env: Option<String>,
    file: Option<PathBuf>,
    command: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a URL, or a table with one of `env`, `file` and `command`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::Plain(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
        match Table::deserialize(MapAccessDeserializer::new(map))? {
            Table {
                env: Some(name),
                file: None,
                command: None,
            } => Ok(Secret::Environment(name)),
            Table {
                env: None,
                file: Some(path),
                command: None,
            } => Ok(Secret::File(path)),
            Table {
                env: None,
                file: None,
                command: Some(words),
            } => match words.is_empty() {
                true => Err(A::Error::custom("`command` names no program")),
                false => Ok(Secret::Command(words)),
            },
            _ => Err(A::Error::custom(
                "a URL comes from one of `env`, `file` and `command`",
            )),
        }
    }
}

impl Secret {
    /// The URL itself. Paths and commands start from the folder of tightrope.toml.
    pub(super) fn read(&self, home: &Path, target: &str) -> Result<DatabaseUrl, CommandError> {
        let url = self.text(home, &format!("the URL of target `{target}`"))?;
        Ok(match self {
            Self::Plain(_) => with_password(&from_home(&url, home)),
            _ => with_password(url.trim()),
        })
    }

    /// The secret text, of whatever it is.
    pub(super) fn text(&self, home: &Path, whose: &str) -> Result<String, CommandError> {
        let failed = |what: String| CommandError::new(Exit::Error, format!("{whose} {what}"));
        let text = match self {
            Self::Plain(text) => return Ok(text.clone()),
            Self::Environment(name) => std::env::var(name).map_err(|_| {
                failed(format!(
                    "is in the environment variable {name}, which is not set"
                ))
                .hint(format!("set {name}, or name the database with `--url`"))
            })?,
            Self::File(path) => {
                let path = home.join(path);
                std::fs::read_to_string(&path).map_err(|error| {
                    failed(format!("is in the file {}: {error}", path.display()))
                })?
            }
            Self::Command(words) => run(words, home)
                .map_err(|error| failed(format!("comes from `{}`: {error}", words[0])))?,
        };
        match text.trim() {
            "" => Err(failed("is empty".to_owned())),
            _ => Ok(text),
        }
    }

    /// Whether a command has to be run to get it.
    pub(super) fn is_of_a_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// Whether it stands in the file itself.
    pub(super) fn is_written_down(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

/// A database file in tightrope.toml lies where the file says, wherever the command is run.
fn from_home(url: &str, home: &Path) -> String {
    let (scheme, path) = match (
        url.strip_prefix("sqlite://"),
        url.strip_prefix("sqlite:"),
        url.contains("://"),
    ) {
        (Some(path), _, _) => ("sqlite://", path),
        (None, Some(path), _) => ("sqlite:", path),
        (None, None, false) => ("", url),
        (None, None, true) => return url.to_owned(),
    };
    if home == Path::new("") || Path::new(path).is_absolute() {
        return url.to_owned();
    }
    format!("{scheme}{}", home.join(path).display())
}

/// What a command prints; its errors go where ours go.
fn run(words: &[String], home: &Path) -> Result<String, String> {
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if home != Path::new("") {
        command.current_dir(home);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    String::from_utf8(output.stdout).map_err(|_| "its output is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_beside_the_configuration() {
        let check = |url, expect: &str| assert_eq!(from_home(url, Path::new("/shop")), expect);
        check("shop.db", "/shop/shop.db");
        check(
            "sqlite://shop.db?foreign_keys=on",
            "sqlite:///shop/shop.db?foreign_keys=on",
        );
        check("sqlite:///var/shop.db", "sqlite:///var/shop.db");
        check("postgres://host/shop", "postgres://host/shop");
        assert_eq!(from_home("shop.db", Path::new("")), "shop.db");
    }

    #[test]
    fn urls_come_from_files_and_commands() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let read = |secret: Secret| secret.read(Path::new(""), "a");
        let url = read(Secret::Command(words(&["echo", "sqlite://x.db"])))
            .ok()
            .unwrap();
        assert_eq!(url.secret(), "sqlite://x.db");
        let failed = read(Secret::Command(words(&["false"]))).err().unwrap();
        assert!(
            failed.report().message.contains("exit status"),
            "{}",
            failed.report().message
        );
        let missing = read(Secret::File("/nonexistent/url".into())).err().unwrap();
        assert!(missing.report().message.contains("/nonexistent/url"));
    }
}
