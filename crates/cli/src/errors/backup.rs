//! The errors of taking, proving and restoring backups, and of drills.

use std::io;

use tightrope_backup::{BucketFault, PlaceError};
use tightrope_engine::ErrorKind;
use tightrope_lifecycle::BackupError;

use super::engine::{engine_exit, store_exit};
use super::{CommandError, UNCHANGED};
use crate::exit::Exit;

const ANOTHER_PLACE: &str =
    "restore into a new database instead: `--into` with a name that is free";

/// The exit code and the hint for what a place for backups says.
fn of_place(error: &PlaceError) -> (Exit, &'static str) {
    if error.is_of_the_key() {
        let hint = "name the key: `encrypt` under [backup] in tightrope.toml, or TIGHTROPE_BACKUP_ENCRYPTION_KEY";
        return (Exit::Refused, hint);
    }
    if error.source.kind() == io::ErrorKind::ResourceBusy {
        let hint = "let the other one end, then run the same command again: the database has freed nothing that is not beside the backup";
        return (Exit::Error, hint);
    }
    match error.bucket_fault() {
        None => (
            Exit::Error,
            "is the folder there, is there room, and may this user write to it?",
        ),
        Some(BucketFault::Settings) => (
            Exit::Error,
            "an address looks like s3://BUCKET/PREFIX; options come from the environment (AWS_REGION) or [backup.store]",
        ),
        Some(BucketFault::Refused) => (
            Exit::Unreachable,
            "check the credentials and what they may do: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AZURE_…, GOOGLE_…), or [backup.store]",
        ),
        Some(BucketFault::NoBucket) => (
            Exit::Unreachable,
            "make the bucket, or correct its name; `tightrope` makes none",
        ),
        Some(BucketFault::Lost) => (
            Exit::Unreachable,
            "is the server up, and is the endpoint right (AWS_ENDPOINT_URL)? the same command goes on where this one stopped",
        ),
        Some(BucketFault::Other) => (
            Exit::Error,
            "run the same command again: it goes on where this one stopped",
        ),
    }
}

impl From<BackupError> for CommandError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Scheme(error) => error.into(),
            BackupError::Situation(error) => error.into(),
            BackupError::Store(ref store) => Self::of(store_exit(store), error).hint_for_engine(),
            BackupError::Run(error) => error.into(),
            BackupError::Engine { ref source, .. } => {
                let exit = match source.kind {
                    // The place does not have what the backup needs, or has what it must not have.
                    ErrorKind::Unsupported | ErrorKind::AlreadyExists => Exit::Refused,
                    _ => engine_exit(source),
                };
                Self::of(exit, error).state(UNCHANGED).hint_for_engine()
            }
            BackupError::Place(ref place) => {
                let (exit, hint) = of_place(place);
                Self::of(exit, error).hint(hint)
            }
            BackupError::PlaceMissing { .. } => Self::of(Exit::Error, error)
                .hint("is the disk mounted, and is the path right?")
                .hint("the first `tightrope backup` makes the folder"),
            BackupError::NoRoom { .. } => Self::of(Exit::Refused, error)
                .hint("free some space, remove old backups with `tightrope backup prune`, or name another place with `--to`"),
            BackupError::NoPlace => Self::of(Exit::Error, error).hint(
                "name a folder on another disk: `--to FOLDER`, or `to` under [targets.NAME.backup]",
            ),
            BackupError::NoBackups => Self::of(Exit::Error, error),
            BackupError::NoPhysical => Self::of(Exit::Refused, error).hint(
                "take a logical one: a database that is a file is copied as a whole anyway",
            ),
            BackupError::NoGround => Self::of(Exit::Error, error)
                .hint("name one with room for the cluster: `prove = { folder = \"/var/tmp/tightrope\" }` under [backup] in tightrope.toml"),
            BackupError::NoLogWithPhysical => Self::of(Exit::Refused, error)
                .hint("take a logical backup for way (d): `kind = \"logical\"`, or leave `--physical` out")
                .hint("or leave `--with-changes` and `changes` out"),
            BackupError::OfACluster { ref name, .. } => {
                let folder = format!("restore the cluster: `tightrope restore {name} --folder FOLDER`");
                Self::of(Exit::Refused, error)
                    .hint(folder)
                    .hint("start it, and take out of it what is needed: `pg_dump --table …`")
            }
            BackupError::OfOneDatabase { ref name } => {
                let into = format!("it becomes a database: `tightrope restore {name} --into URL`");
                Self::of(Exit::Refused, error).hint(into)
            }
            BackupError::FolderInUse { .. } => Self::of(Exit::Refused, error)
                .hint("name a folder that is not there: `--folder`"),
            BackupError::NoFolderAbove { .. } => Self::of(Exit::Error, error)
                .hint("is the path right? that folder is made, the ones above it are not"),
            BackupError::NoneThere { .. } => Self::of(Exit::Error, error)
                .hint("take one with `tightrope backup --prove`")
                .hint("or name the backup that is meant: `tightrope backup list` shows them all"),
            BackupError::SeveralDatabases { .. } => Self::of(Exit::Refused, error)
                .hint("name the backup: `tightrope backup list` shows them all"),
            BackupError::Unknown { ref near, .. } => {
                let near = near.as_ref().map(|near| format!("did you mean `{near}`?"));
                Self::of(Exit::Error, error)
                    .maybe_hint(near)
                    .hint("`tightrope backup list` shows them all")
            }
            BackupError::Damaged { ref damage, .. } => {
                let all: Vec<String> = damage.iter().skip(1).map(|one| one.to_string()).collect();
                let all = (!all.is_empty()).then(|| format!("also: {}", all.join("; ")));
                Self::of(Exit::Refused, error)
                    .maybe_hint(all)
                    .hint("restore an older one: `tightrope backup list` shows them")
                    .hint("take a fresh one, if the database is still there: `tightrope backup --prove`")
            }
            BackupError::OtherDatabase { .. } => Self::of(Exit::Refused, error)
                .hint("name the database that it is of, or another backup")
                .hint("to lay it over another database all the same: `--from-another`"),
            BackupError::Unfit { .. } => Self::of(Exit::Refused, error).hint(
                "restore on a server, or into a database, with the same encoding and collation",
            ),
            BackupError::IsThere { ref database } => {
                let overwrite = format!(
                    "or over it, which is kept under another name: `--overwrite {database}`"
                );
                Self::of(Exit::Refused, error)
                    .hint(ANOTHER_PLACE)
                    .hint(overwrite)
            }
            BackupError::NotConfirmed { ref database, .. } => {
                let hint = format!("if that is meant: `--overwrite {database}`");
                Self::of(Exit::Refused, error).hint(hint)
            }
            BackupError::NothingToOverwrite { .. } => {
                Self::of(Exit::Refused, error).hint("leave `--overwrite` out, or correct `--into`")
            }
            BackupError::NoSuchTables { .. } => Self::of(Exit::Error, error)
                .hint("the manifest.json of the backup lists its tables"),
            BackupError::NoChecksums { .. } => Self::of(Exit::NotProven, error)
                .hint("take one with checksums: `tightrope backup --prove`"),
            BackupError::NotEqual { ref failures, .. } => {
                let all =
                    (failures.len() > 1).then(|| format!("also: {}", failures[1..].join("; ")));
                Self::of(Exit::NotProven, error)
                    .maybe_hint(all)
                    .hint("take a fresh one with `tightrope backup --prove`, or with the system that keeps it, and keep this one to find out why")
            }
            BackupError::VerifyScript { .. } => Self::of(Exit::Error, error)
                .hint("correct `verify` under [backup] in tightrope.toml"),
            BackupError::NotProven { .. } => Self::of(Exit::Refused, error)
                .hint("take and prove one: `tightrope backup --prove`, then apply")
                .hint("where another system takes them: `tightrope backup adopt --prove`")
                .hint("or let `apply` do so by itself: `backup = \"take\"` under [policy]"),
            BackupError::DrillOverdue { .. } => {
                Self::of(Exit::Refused, error).hint("hold one: `tightrope drill restore`")
            }
            BackupError::Time { .. } => Self::of(Exit::Error, error)
                .hint("nothing was removed; `tightrope status` says what is applied"),
            BackupError::NoChangeLog => Self::of(Exit::Error, error),
            BackupError::NoneLogged { .. } | BackupError::NotLogged { .. } => {
                Self::of(Exit::Error, error)
                    .hint("take one that has: `tightrope backup --with-changes`")
                    .hint("to get back to the backup's own instant, restore it without `--replay`")
            }
            BackupError::LogGone { .. } => Self::of(Exit::Error, error)
                .hint("begin a new one with a fresh backup: `tightrope backup --with-changes`"),
            BackupError::ChangesDamaged {
                ref damage,
                ref recovery_point,
                ..
            } => {
                let all: Vec<String> = damage.iter().skip(1).map(|one| one.to_string()).collect();
                let all = (!all.is_empty()).then(|| format!("also: {}", all.join("; ")));
                let whole = recovery_point
                    .as_ref()
                    .map(|at| format!("they are whole up to {at}"));
                Self::of(Exit::Refused, error)
                    .maybe_hint(all)
                    .maybe_hint(whole)
                    .hint("look for another copy of that folder; without `--replay` the backup itself can be restored")
            }
            BackupError::MigrationInBetween {
                ref migration,
                ref at,
                ..
            } => {
                let before = format!(
                    "replay what was committed before it, then apply it again: `--before '{migration}'` (it began at {at})"
                );
                Self::of(Exit::Refused, error).hint(before).hint(
                    "or replay everything into the schema of before, without the migration: `--without-migrations`; what has no place there is told",
                )
            }
            BackupError::NoSuchMigration { .. } => Self::of(Exit::Error, error)
                .hint("leave `--before` out, or name a moment: `--until TIME`"),
            BackupError::Adopt(error) => error.into(),
            BackupError::Source(error) => (*error).into(),
            BackupError::Drill(_) => Self::of(Exit::Error, error),
        }
    }
}
