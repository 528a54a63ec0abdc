//! Finds `pg_dump` and `pg_restore`, and tells them where to connect without a word on their command lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use postgres::config::Host;
use tightrope_engine::{EngineError, ErrorKind};

use crate::connect::{Target, Verify};

/// Where Debian keeps the programs of every version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A pair of programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Programs {
    /// Their folder; none means that the search path finds them.
    folder: Option<PathBuf>,
    major: u32,
}

impl Programs {
    /// The programs for a server: those of the preferred folder, else the oldest that are not older than the server. (A
    /// newer `pg_dump` reads an older server, but writes settings that an older server does not know.)
    pub(super) fn find(preferred: Option<&Path>, server_major: u32) -> Result<Self, EngineError> {
        let mut found: Vec<Self> = preferred
            .map(|folder| Some(folder.to_owned()))
            .into_iter()
            .filter_map(Self::at)
            .collect();
        if !found.iter().any(|programs| programs.major >= server_major) {
            found.extend(
                [None]
                    .into_iter()
                    .chain(debian_folders().into_iter().map(Some))
                    .filter_map(Self::at),
            );
        }
        let newest = found.iter().map(|programs| programs.major).max();
        let fitting = found
            .into_iter()
            .filter(|programs| programs.major >= server_major)
            .min_by_key(|programs| programs.major);
        fitting.ok_or_else(|| {
            let why = match newest {
                None => "pg_dump was not found".to_owned(),
                Some(newest) => format!("the newest pg_dump that was found is of version {newest}, the server of version {server_major}"),
            };
            EngineError::new(ErrorKind::Unsupported, why)
                .hint(format!("install postgresql-client-{server_major}, or close all sessions on the source for a template copy"))
        })
    }

    fn at(folder: Option<PathBuf>) -> Option<Self> {
        let mut programs = Self { folder, major: 0 };
        let output = programs.command("pg_dump").arg("--version").output().ok()?;
        programs.major = major_of(&String::from_utf8_lossy(&output.stdout))?;
        Some(programs)
    }

    /// The major version of the programs.
    pub(super) fn major(&self) -> u32 {
        self.major
    }

    /// The command of one of the programs.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = match &self.folder {
            Some(folder) => Command::new(folder.join(name)),
            None => Command::new(name),
        };
        for name in OURS {
            command.env_remove(name);
        }
        // What it says is read here, in one language.
        command.env("LC_ALL", "C");
        command
    }
}

/// `pg_dump (PostgreSQL) 15.18 (Debian …)` is of version 15.
pub(super) fn major_of(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL) ")?.1;
    version
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn debian_folders() -> Vec<PathBuf> {
    let Ok(folders) = fs::read_dir(DEBIAN) else {
        return Vec::new();
    };
    folders
        .flatten()
        .map(|folder| folder.path().join("bin"))
        .filter(|folder| folder.join("pg_dump").exists())
        .collect()
}

/// Our own secrets, which are no child's business.
pub(super) const OURS: &[&str] = &[
    "TIGHTROPE_BACKUP_ENCRYPTION_KEY",
    "TIGHTROPE_BACKUP_KEY",
    "TIGHTROPE_URL",
];

/// Variables of libpq that could lead a child elsewhere than the URL says.
const INHERITED: &[&str] = &[
    "PGDATABASE",
    "PGHOST",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPORT",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGTARGETSESSIONATTRS",
    "PGUSER",
];

/// Tells a child through its own environment where to connect; the password too, for an argument list is for everybody to see.
pub(super) fn point_at(command: &mut Command, target: &Target, database: &str) {
    let config = &target.config;
    for name in INHERITED {
        command.env_remove(name);
    }
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    let ports: Vec<String> = config.get_ports().iter().map(ToString::to_string).collect();
    let addresses: Vec<String> = config
        .get_hostaddrs()
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut set = |name: &str, value: String| {
        if !value.is_empty() {
            command.env(name, value);
        }
    };
    set("PGDATABASE", database.to_owned());
    set("PGHOST", hosts.join(","));
    set("PGPORT", ports.join(","));
    set("PGHOSTADDR", addresses.join(","));
    set("PGUSER", config.get_user().unwrap_or_default().to_owned());
    set(
        "PGOPTIONS",
        config.get_options().unwrap_or_default().to_owned(),
    );
    set("PGAPPNAME", "tightrope copy".to_owned());
    set("PGSSLMODE", ssl_mode(target).to_owned());
    for (name, file) in [
        ("PGSSLROOTCERT", &target.tls.root),
        ("PGSSLCERT", &target.tls.certificate),
        ("PGSSLKEY", &target.tls.key),
    ] {
        if let Some(file) = file {
            command.env(name, file);
        }
    }
    if let Some(password) = config.get_password() {
        command.env("PGPASSWORD", String::from_utf8_lossy(password).as_ref());
    }
}

fn ssl_mode(target: &Target) -> &'static str {
    match (target.tls.verify, target.config.get_ssl_mode()) {
        (Verify::NoTls, _) => "disable",
        (Verify::Nothing, postgres::config::SslMode::Require) => "require",
        (Verify::Nothing, _) => "prefer",
        (Verify::Authority, _) => "verify-ca",
        (Verify::Full, _) => "verify-full",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn our_secrets_are_no_child_s_business() {
        let programs = super::Programs {
            folder: None,
            major: 0,
        };
        let command = programs.command("pg_dump");
        let gone: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        assert_eq!(gone, OURS);
    }

    use super::*;
    use tightrope_engine::DatabaseUrl;

    #[test]
    fn versions_are_read() {
        assert_eq!(
            major_of("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major_of("pg_dump (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_of("something else"), None);
    }

    #[test]
    fn a_password_is_in_the_environment_alone() {
        let target = Target::parse(&DatabaseUrl::new(
            "postgres://me:geheim@h:6000/shop?sslmode=require",
        ))
        .unwrap();
        let mut command = Command::new("pg_dump");
        point_at(&mut command, &target, "shop");
        assert_eq!(command.get_args().count(), 0);
        let variable = |name: &str| {
            let found = command.get_envs().find(|(key, _)| *key == name);
            found
                .and_then(|(_, value)| value)
                .map(|value| value.to_string_lossy().into_owned())
        };
        assert_eq!(variable("PGPASSWORD").as_deref(), Some("geheim"));
        assert_eq!(variable("PGHOST").as_deref(), Some("h"));
        assert_eq!(variable("PGPORT").as_deref(), Some("6000"));
        assert_eq!(variable("PGSSLMODE").as_deref(), Some("require"));
        assert_eq!(variable("PGSERVICE"), None);
    }
}
