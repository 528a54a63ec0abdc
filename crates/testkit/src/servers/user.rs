use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::run;

/// The user that a server runs as: PostgreSQL refuses root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerUser(Option<(u32, u32)>);

impl ServerUser {
    /// This process's own user; `postgres` or else `nobody` where that is root.
    pub(super) fn find() -> anyhow::Result<Self> {
        if run::effective_user() != 0 {
            return Ok(Self(None));
        }
        let users = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
        let found = lookup(&users, "postgres").or_else(|| lookup(&users, "nobody"));
        match found {
            Some(numbers) => Ok(Self(Some(numbers))),
            None => bail!("a server cannot run as root, and there is no user postgres or nobody"),
        }
    }

    /// A command that this user runs, with nothing of this process's environment but the path.
    pub(super) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(folder).process_group(0);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }

    /// Whether the user can use what is in that folder, as far as others' rights on the folders above tell.
    pub(super) fn reaches(self, folder: &Path) -> bool {
        let Ok(folder) = fs::canonicalize(folder) else {
            return false;
        };
        let open = |above: &Path| fs::metadata(above).is_ok_and(|found| found.mode() & 0o001 != 0);
        self.0.is_none() || folder.ancestors().all(open)
    }

    /// Gives the user a folder.
    pub(super) fn own(self, folder: &Path) -> anyhow::Result<()> {
        match self.0 {
            Some((user, group)) => chown(folder, Some(user), Some(group))
                .with_context(|| format!("giving away {}", folder.display())),
            None => Ok(()),
        }
    }
}

/// A user's number and group in the text of `/etc/passwd`.
fn lookup(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut numbers = line.split(':').skip(2).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_looked_up_by_their_whole_name() {
        let users = "root:x:0:0::/:/bin/sh\npostgresql:x:5:6::/:\npostgres:x:101:104:a,,,:/:\n";
        assert_eq!(lookup(users, "postgres"), Some((101, 104)));
        assert_eq!(lookup(users, "nobody"), None);
    }
}
