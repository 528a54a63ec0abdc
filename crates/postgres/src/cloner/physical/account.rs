//! As whom a server runs: PostgreSQL refuses root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use tightrope_engine::{EngineError, ErrorKind};

/// The account that servers run as where this process is root's.
const NAME: &str = "postgres";

/// Who runs a server: this process's own account, or another one where that is root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account(Option<(u32, u32)>);

impl Account {
    /// The account for this process's servers.
    pub(super) fn find() -> Result<Self, EngineError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = lookup(&accounts, NAME).ok_or_else(|| {
            EngineError::new(
                ErrorKind::Unsupported,
                format!("a PostgreSQL server does not run as root, and there is no account `{NAME}` that it could run as"),
            )
            .hint(format!(
                "run tightrope as another user, or make the account: `useradd --system {NAME}`"
            ))
        })?;
        Ok(Self(Some(found)))
    }

    /// Runs a command as that account.
    pub(super) fn takes(self, command: &mut Command) {
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
    }

    /// Requires that the account can get into a folder that is there.
    pub(super) fn require_way_to(self, folder: &Path) -> Result<(), EngineError> {
        let Some((user, group)) = self.0 else {
            return Ok(());
        };
        let closed = |above: &&Path| {
            fs::metadata(above).is_ok_and(|found| {
                let right = match (found.uid() == user, found.gid() == group) {
                    (true, _) => 0o100,
                    (false, true) => 0o010,
                    (false, false) => 0o001,
                };
                found.mode() & right == 0
            })
        };
        let Some(closed) = folder.ancestors().find(closed) else {
            return Ok(());
        };
        Err(EngineError::new(
            ErrorKind::Unsupported,
            format!(
                "the account `{NAME}`, which servers run as where tightrope is root's, cannot get into {}",
                closed.display()
            ),
        )
        .hint(format!(
            "name a folder that it can reach, or open the way: `chmod o+x {}`",
            closed.display()
        )))
    }

    /// Gives the account a folder with all that is in it; links are left as they are.
    pub(super) fn own_all(self, path: &Path) -> io::Result<()> {
        let Some((user, group)) = self.0 else {
            return Ok(());
        };
        let kind = fs::symlink_metadata(path)?.file_type();
        if kind.is_symlink() {
            return Ok(());
        }
        if kind.is_dir() {
            for entry in fs::read_dir(path)? {
                self.own_all(&entry?.path())?;
            }
        }
        chown(path, Some(user), Some(group))
    }

    /// What stands before a command that somebody types as this process's user.
    pub(super) fn typed(self) -> &'static str {
        match self.0 {
            Some(_) => "runuser -u postgres -- ",
            None => "",
        }
    }
}

/// An account's number and its group's in the text of `/etc/passwd`.
fn lookup(accounts: &str, name: &str) -> Option<(u32, u32)> {
    let line = accounts
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut numbers = line.split(':').skip(2).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_looked_up_by_their_whole_name() {
        let accounts = "root:x:0:0::/:/bin/sh\npostgresql:x:5:6::/:\npostgres:x:101:104:a,,,:/:\n";
        assert_eq!(lookup(accounts, "postgres"), Some((101, 104)));
        assert_eq!(lookup(accounts, "mysql"), None);
    }
}
