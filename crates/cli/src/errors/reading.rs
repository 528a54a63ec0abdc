//! The errors of commands that only read the target: plan, rehearse, review, status, log, check.

use tightrope_engine::{EngineError, ErrorKind};
use tightrope_lifecycle::{
    FolderError, PlanError, RehearseError, SourceError, StatusError, UnknownVersion,
};

use super::CommandError;
use crate::exit::Exit;

impl From<FolderError> for CommandError {
    fn from(error: FolderError) -> Self {
        match &error {
            FolderError::Unreadable { source, .. } => {
                let hint = match source.kind() {
                    std::io::ErrorKind::NotFound => {
                        "name the folder of migrations with `--dir FOLDER`, or make one with `tightrope init`"
                    }
                    _ => "make it readable, or name another with `--dir FOLDER`",
                };
                Self::of(Exit::Error, error).hint(hint)
            }
            FolderError::Findings { findings, .. } => {
                let findings = findings.clone();
                Self::of(Exit::Error, error).findings(findings)
            }
        }
    }
}

/// The server was reached; it is the copy that this user may not make.
fn may_not_copy(error: &EngineError) -> bool {
    error.kind == ErrorKind::PermissionDenied && error.message.contains("create database")
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Scheme(error) => error.into(),
            PlanError::Folder(error) => error.into(),
            PlanError::Situation(error) => error.into(),
            PlanError::Rehearse(error) => error.into(),
            PlanError::Engine(ref engine) => {
                let exit = super::engine::engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
        }
    }
}

impl From<RehearseError> for CommandError {
    fn from(error: RehearseError) -> Self {
        match error {
            RehearseError::Scheme(error) => error.into(),
            RehearseError::Folder(error) => error.into(),
            RehearseError::Situation(error) => error.into(),
            RehearseError::Engine(ref engine) if may_not_copy(engine) => {
                Self::of(Exit::Error, error)
                    .hint(
                        "let a user rehearse who may create databases: `alter role NAME createdb`",
                    )
                    .hint(
                        "or make the copies on another server: `url` under [targets.NAME.rehearse]",
                    )
            }
            RehearseError::Engine(ref engine) => {
                let exit = super::engine::engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
            RehearseError::NoCopies => Self::of(Exit::Error, error)
                .hint("rehearse on another server with `url` under [targets.NAME.rehearse]"),
            RehearseError::OpenRun => Self::of(Exit::Refused, error)
                .hint("see where it stands with `tightrope status`")
                .hint("finish it with `tightrope apply`, or undo it with `tightrope rollback`"),
            RehearseError::Unlike { .. } => Self::of(Exit::Refused, error)
                .hint("rehearse on a server that is set up as the target's: `url` under [targets.NAME.rehearse]")
                .hint("or ask for less: `least_likeness` under [policy]"),
            RehearseError::ClusterWide(_) => Self::of(Exit::Refused, error)
                .hint("rehearse on another server: `url` under [targets.NAME.rehearse]")
                .hint(
                    "or go without, on the record: `tightrope apply --unrehearsed --reason REASON`",
                ),
            RehearseError::Source(error) => error.into(),
            RehearseError::Workload(error) => error.into(),
            RehearseError::UnknownVersion(unknown) => unknown.into(),
        }
    }
}

impl From<SourceError> for CommandError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Command { .. } => Self::of(Exit::Error, error)
                .hint("run it by hand: what it prints last has to be the URL of a copy")
                .hint("it is `command` under [targets.NAME.rehearse]"),
            SourceError::NotThere { ref source, .. } => {
                let exit = super::engine::engine_exit(source);
                Self::of(exit, error)
                    .hint_for_engine()
                    .hint("run the command by hand, and open what it prints last: it is `command` under [targets.NAME.rehearse]")
            }
            SourceError::NoneProven { .. } => Self::of(Exit::Refused, error)
                .hint("`tightrope backup` takes one, `tightrope backup prove` restores it and proves that it is whole")
                .hint("or make copies of the target itself: `from = \"target\"` under [targets.NAME.rehearse]"),
            SourceError::Backup(error) => (*error).into(),
            SourceError::NotPhysical => Self::of(Exit::Refused, error).hint(
                "leave `from = \"physical\"` out: a database that is a file is copied as a whole anyway",
            ),
            SourceError::Physical(ref source) => {
                let exit = match source.kind {
                    ErrorKind::Unsupported | ErrorKind::OutOfSpace => Exit::Refused,
                    _ => super::engine::engine_exit(source),
                };
                Self::of(exit, error).hint_for_engine()
            }
        }
    }
}

impl From<UnknownVersion> for CommandError {
    fn from(error: UnknownVersion) -> Self {
        let hint = match &error {
            UnknownVersion::NotInFolder { near, .. } => match near.split_last() {
                None => {
                    "the folder holds no migration yet; `tightrope new NAME` makes one".to_owned()
                }
                Some((last, [])) => format!("the nearest is `{last}`"),
                Some((last, others)) => {
                    format!("the nearest are `{}` and `{last}`", others.join("`, `"))
                }
            },
            UnknownVersion::OnlyApplied { .. } => {
                "its rollback is in the database: see it with `tightrope rollback --dry-run`"
                    .to_owned()
            }
            UnknownVersion::Applied { .. } | UnknownVersion::Baseline { .. } => {
                "see what is applied and what is pending with `tightrope status`".to_owned()
            }
        };
        Self::of(Exit::Error, error).hint(hint)
    }
}

impl From<StatusError> for CommandError {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::Scheme(error) => error.into(),
            StatusError::Situation(error) => error.into(),
            StatusError::Folder(error) => error.into(),
            StatusError::Engine(ref engine) => {
                let exit = super::engine::engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
        }
    }
}
