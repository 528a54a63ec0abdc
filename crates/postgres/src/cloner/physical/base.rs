//! The copy of a cluster's files by `pg_basebackup`.

use std::fs;
use std::path::{Path, PathBuf};

use tightrope_engine::{BackupWatch, EngineError, ErrorKind};
use tightrope_model::Value;

use super::super::backup::Running;
use super::super::programs::point_at;
use super::home::{cannot, private};
use super::installation::Installation;
use crate::connect::Target;
use crate::session::PostgresSession;

/// What a copy needs of the log beside the files, at the least.
const LOG_BYTES: u64 = 256 << 20;

/// A tablespace that is a folder of its own on the source's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tablespace {
    oid: String,
    location: String,
}

/// What is known of a source before it is copied.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) tablespaces: Vec<Tablespace>,
    /// The size of the cluster: of what may be seen of it.
    pub(super) bytes: u64,
    /// The size of the one database.
    pub(super) database_bytes: u64,
    pub(super) is_standby: bool,
}

impl Tablespace {
    /// What its folder is called, and the link to it.
    pub(super) fn name(&self) -> &str {
        &self.oid
    }
}

impl Source {
    /// Looks whether the source can be copied at all, and says what stands in the way.
    pub(super) fn look(session: &mut PostgresSession) -> Result<Self, EngineError> {
        let sql = "select current_setting('wal_level'), current_setting('max_wal_senders'), \
                   (select (rolsuper or rolreplication)::text from pg_catalog.pg_roles where rolname = current_user), \
                   current_user::text, pg_is_in_recovery()::text, \
                   (select coalesce(sum(case when has_database_privilege(oid, 'connect') then pg_database_size(oid) else 0 end), 0)::bigint \
                    from pg_catalog.pg_database), pg_database_size(current_database())";
        let rows = session.query_own(sql, &[])?;
        let row = rows.first().map(Vec::as_slice).unwrap_or_default();
        let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
        let number = |at: usize| {
            let number = row.get(at).and_then(Value::integer).unwrap_or(0);
            u64::try_from(number).unwrap_or(0)
        };
        if text(2) != "true" {
            return Err(EngineError::new(
                ErrorKind::PermissionDenied,
                format!("the role `{}` may not copy the cluster's files", text(3)),
            )
            .hint(format!(
                "have it granted: `alter role {} replication`",
                crate::quote::quote(text(3))
            )));
        }
        if text(0) == "minimal" {
            return Err(EngineError::new(
                ErrorKind::Unsupported,
                "the server writes too little into its log for a physical copy: wal_level is `minimal`",
            )
            .hint("`alter system set wal_level = 'replica'`, and restart the server; or copy it by `from = \"target\"`"));
        }
        let senders: u32 = text(1).parse().unwrap_or(0);
        if senders < 2 {
            return Err(EngineError::new(
                ErrorKind::Unsupported,
                format!("a physical copy takes two connections for replication, and max_wal_senders is {senders}"),
            )
            .hint("`alter system set max_wal_senders = 10`, and restart the server"));
        }
        Ok(Self {
            tablespaces: tablespaces(session)?,
            bytes: number(5),
            database_bytes: number(6),
            is_standby: text(4) == "true",
        })
    }

    /// Requires room for the copy, and for so many copies of the database beside it.
    pub(super) fn require_room(&self, ground: &Path, copies: u64) -> Result<(), EngineError> {
        let bytes = self.bytes + copies * self.database_bytes + LOG_BYTES;
        require_room(ground, bytes)
    }
}

/// Requires that many free bytes below a folder that is there.
pub(super) fn require_room(folder: &Path, bytes: u64) -> Result<(), EngineError> {
    // What cannot be found out does not stand in the way: a disk that is full says so itself.
    let Ok(about) = rustix::fs::statvfs(folder) else {
        return Ok(());
    };
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    if free >= bytes {
        return Ok(());
    }
    Err(EngineError::new(
        ErrorKind::OutOfSpace,
        format!(
            "no room for a physical copy in {}: it takes about {bytes} bytes, and {free} are free",
            folder.display()
        ),
    )
    .hint("free some space, or name a folder on another disk"))
}

fn tablespaces(session: &mut PostgresSession) -> Result<Vec<Tablespace>, EngineError> {
    let sql = "select oid::text, pg_catalog.pg_tablespace_location(oid) from pg_catalog.pg_tablespace \
               where pg_catalog.pg_tablespace_location(oid) like '/%' order by 1";
    let rows = session.query_own(sql, &[])?;
    let text = |row: &[Value], at: usize| {
        let text = row.get(at).and_then(Value::text).unwrap_or_default();
        text.to_owned()
    };
    Ok(rows
        .iter()
        .map(|row| Tablespace {
            oid: text(row, 0),
            location: text(row, 1),
        })
        .collect())
}

/// One run of `pg_basebackup`.
pub(super) struct Base<'a> {
    pub(super) installation: &'a Installation,
    pub(super) target: &'a Target,
    pub(super) tablespaces: &'a [Tablespace],
    /// Where the cluster's files go: a folder that is not there.
    pub(super) data: PathBuf,
    /// Where each tablespace gets a folder, called by its number.
    pub(super) tablespaces_in: PathBuf,
    pub(super) spread_checkpoint: bool,
}

impl Base<'_> {
    /// Copies the files, and what has to be replayed onto them.
    pub(super) fn copy(&self, watch: &dyn BackupWatch) -> Result<(), EngineError> {
        let make = |folder: &Path| {
            private()
                .create(folder)
                .map_err(|error| cannot("make", folder, &error))
        };
        make(&self.data)?;
        if !self.tablespaces.is_empty() {
            make(&self.tablespaces_in)?;
        }
        let mut command = self.installation.command("pg_basebackup");
        command
            .args(["--format=plain", "--wal-method=stream", "--no-password"])
            .args(["--progress", "--verbose", "--no-sync", "--label=tightrope"])
            .arg(match self.spread_checkpoint {
                true => "--checkpoint=spread",
                false => "--checkpoint=fast",
            });
        for tablespace in self.tablespaces {
            let there = self.tablespaces_in.join(&tablespace.oid);
            let escaped = |path: &str| path.replace('\\', "\\\\").replace('=', "\\=");
            command.arg(format!(
                "--tablespace-mapping={}={}",
                escaped(&tablespace.location),
                escaped(&there.to_string_lossy())
            ));
        }
        command.arg("--pgdata").arg(&self.data);
        point_at(&mut command, self.target, self.target.database());
        let ended = Running::start("pg_basebackup", &mut command)?.each_line(|line| {
            if let Some((done, of)) = kilobytes(line) {
                watch.progress("kB of the cluster copied", done, of);
            }
        })?;
        ended
            .require("pg_basebackup")
            .map_err(|error| in_words(error, self.target))
    }
}

/// How far it is: `  23107/30000 kB (77%), 0/1 tablespace`.
fn kilobytes(line: &str) -> Option<(u64, u64)> {
    let (numbers, _) = line.trim_start().split_once(" kB (")?;
    let (done, of) = numbers.split_once('/')?;
    Some((done.parse().ok()?, of.parse().ok()?))
}

/// What a program for replication complains about, in words that say what to do.
pub(super) fn in_words(mut error: EngineError, target: &Target) -> EngineError {
    let said = error.detail.clone().unwrap_or_default();
    let role = target.config.get_user().unwrap_or("ROLE");
    let mut set = |kind: ErrorKind, message: &str, hint: String| {
        error.kind = kind;
        message.clone_into(&mut error.message);
        error.hint = Some(hint);
    };
    if said.contains("no pg_hba.conf entry for replication")
        || said.contains("pg_hba.conf rejects replication")
    {
        set(
            ErrorKind::AuthenticationFailed,
            "the server's pg_hba.conf lets nobody replicate from here",
            format!(
                "add a line to it, and `select pg_reload_conf()`: `host replication {role} ADDRESS/32 scram-sha-256`"
            ),
        );
    } else if said.contains("authentication failed") || said.contains("no password supplied") {
        set(
            ErrorKind::AuthenticationFailed,
            "the server refuses the password for replication",
            "pg_hba.conf may ask for another one, or none, where the database is `replication`"
                .to_owned(),
        );
    } else if said.contains("exceeds max_wal_senders")
        || said.contains("replication slots are in use")
    {
        set(
            ErrorKind::InUse,
            "all of the server's connections for replication are in use",
            "try again later, or raise max_wal_senders and max_replication_slots".to_owned(),
        );
    } else if said.contains("replication role")
        || said.contains("permission denied to start WAL sender")
    {
        set(
            ErrorKind::PermissionDenied,
            "the role may not copy the cluster's files",
            format!("have it granted: `alter role {role} replication`"),
        );
    } else if said.contains("has already been removed") {
        set(
            ErrorKind::Transient,
            "the server has removed a part of its log before it was copied",
            "raise wal_keep_size (wal_keep_segments before version 13) on the server, or try again at a calmer time".to_owned(),
        );
    }
    error
}

/// Makes the links to tablespaces in the data lead where they lie now, or will.
pub(super) fn link_tablespaces(
    data: &Path,
    there: &Path,
    lie_in: &Path,
) -> Result<(), EngineError> {
    let failed = |path: &Path, error: &std::io::Error| cannot("link the tablespace", path, error);
    let entries = match fs::read_dir(lie_in) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(lie_in, &error)),
    };
    for entry in entries {
        let oid = entry.map_err(|error| failed(lie_in, &error))?.file_name();
        let link = data.join("pg_tblspc").join(&oid);
        super::server::remove(&link)
            .and_then(|()| std::os::unix::fs::symlink(there.join(&oid), &link))
            .map_err(|error| failed(&link, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_engine::DatabaseUrl;

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_copied() {
        let error = require_room(Path::new("/tmp"), u64::MAX).unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutOfSpace);
        assert!(require_room(Path::new("/tmp"), 0).is_ok());
    }

    #[test]
    fn progress_is_read() {
        assert_eq!(
            kilobytes("  23107/30000 kB (77%), 0/1 tablespace (data/base/5/1249)"),
            Some((23_107, 30_000))
        );
        assert_eq!(kilobytes("pg_basebackup: checkpoint completed"), None);
    }

    #[test]
    fn what_keeps_from_copying_says_what_to_do() {
        let target = Target::parse(&DatabaseUrl::new("postgres://me:geheim@h/shop")).unwrap();
        let check = |said: &str, kind: ErrorKind, hint: &str| {
            let error = EngineError::new(ErrorKind::Other, "pg_basebackup failed").detail(said);
            let error = in_words(error, &target);
            assert_eq!(error.kind, kind, "{said}");
            assert!(error.hint.unwrap_or_default().contains(hint), "{said}");
        };
        check(
            "FATAL:  no pg_hba.conf entry for replication connection from host \"1.2.3.4\"",
            ErrorKind::AuthenticationFailed,
            "host replication me ADDRESS/32",
        );
        check(
            "FATAL:  number of requested standby connections exceeds max_wal_senders",
            ErrorKind::InUse,
            "max_wal_senders",
        );
        check(
            "FATAL:  must be superuser or replication role to start walsender",
            ErrorKind::PermissionDenied,
            "alter role me replication",
        );
        check(
            "ERROR:  requested WAL segment 000000010000000000000002 has already been removed",
            ErrorKind::Transient,
            "wal_keep_size",
        );
    }
}
