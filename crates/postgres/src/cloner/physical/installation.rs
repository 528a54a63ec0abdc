//! The server's own programs: a cluster's files are read by their own major version and by no other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tightrope_engine::{EngineError, ErrorKind};

use super::super::programs::{OURS, major_of};

/// Where distributions and builds keep the programs of a major version.
const USUAL: [&str; 5] = [
    "/usr/lib/postgresql/{}/bin",
    "/usr/pgsql-{}/bin",
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
    "/usr/local/pgsql/bin",
];

/// The programs that have to be in the folder.
const NEEDED: [&str; 4] = ["postgres", "pg_basebackup", "pg_receivewal", "pg_waldump"];

/// The server's programs of one major version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Installation {
    folder: PathBuf,
}

impl Installation {
    /// The programs of that major: in the folder that the configuration names, and nowhere else then; else in the one where client
    /// programs are looked for, or in the usual places.
    pub(super) fn find(
        configured: Option<&Path>,
        beside_clients: Option<&Path>,
        major: u32,
    ) -> Result<Self, EngineError> {
        if let Some(folder) = configured {
            return Self::at(folder, major).map_err(|why| {
                EngineError::new(
                    ErrorKind::Unsupported,
                    format!("the folder {} {why}", folder.display()),
                )
                .hint(format!(
                    "`bin` in tightrope.toml names the folder with `postgres` of version {major}, or leave it out"
                ))
            });
        }
        let usual = USUAL.map(|usual| PathBuf::from(usual.replace("{}", &major.to_string())));
        let mut refusals = Vec::new();
        for folder in beside_clients.map(Path::to_owned).into_iter().chain(usual) {
            match Self::at(&folder, major) {
                Ok(found) => return Ok(found),
                Err(why) if folder.exists() => {
                    refusals.push(format!("{} {why}", folder.display()));
                }
                Err(_) => {}
            }
        }
        let error = EngineError::new(
            ErrorKind::Unsupported,
            format!("the server's programs of PostgreSQL {major} were not found on this machine"),
        )
        .hint(format!(
            "install postgresql-{major} (it need not run), or name the folder of `postgres` with `bin` in tightrope.toml"
        ));
        Err(match refusals.is_empty() {
            true => error,
            false => error.detail(refusals.join("\n")),
        })
    }

    fn at(folder: &Path, major: u32) -> Result<Self, String> {
        // A server is started from elsewhere, and as somebody else.
        let folder = fs::canonicalize(folder).map_err(|_| "is not there".to_owned())?;
        for program in NEEDED {
            if !folder.join(program).is_file() {
                return Err(format!("has no `{program}`"));
            }
        }
        let found = Self { folder };
        let output = found.command("postgres").arg("--version").output();
        let output =
            output.map_err(|error| format!("has a `postgres` that does not run: {error}"))?;
        match major_of(&String::from_utf8_lossy(&output.stdout)) {
            Some(its) if its == major => Ok(found),
            Some(its) => Err(format!(
                "is of version {its}, and the cluster of version {major}"
            )),
            None => Err("has a `postgres` that does not say its version".to_owned()),
        }
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The command of one of the programs.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        for name in OURS {
            command.env_remove(name);
        }
        // What it says is read here, in one language.
        command.env("LC_ALL", "C");
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_configured_is_the_only_one_that_counts() {
        let error = Installation::find(Some(Path::new("/nowhere")), None, 15).unwrap_err();
        assert_eq!(error.message, "the folder /nowhere is not there");
        let error = Installation::find(None, None, 3).unwrap_err();
        assert!(error.message.contains("PostgreSQL 3 were not found"));
    }
}
