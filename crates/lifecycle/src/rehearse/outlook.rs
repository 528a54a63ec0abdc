//! Where the copies of a rehearsal would come from, and what they cost: told before any is made.

use serde::Serialize;
use tightrope_backup::{free_bytes, predict};
use tightrope_engine::{Cloner, CopyOutlook, CopyPlace, EngineError, Ground};
use tightrope_script::Folder;
use tightrope_selection::Share;
use tightrope_store::Certificate;

use super::run::read_certificate;
use super::source::{CopiesOf, CopyCommand};
use crate::backup::{BackupError, BackupToCopy, backup_to_copy};
use crate::project::Project;

/// Where copies to rehearse on come from, and what they cost.
#[derive(Clone, Debug, Serialize)]
pub struct CopiesPlanned {
    /// What they are made of, in one word: `target`, `backup`, `physical`, `command`.
    pub provider: &'static str,
    /// The same for people: `the target`, `the backup shop-20260102T030405Z`.
    pub of: String,
    /// How they are made: `template`, `dump and restore`, `backup API`, `reflink`.
    pub method: String,
    /// Why not in a faster way, or why not at all.
    pub because: Option<String>,
    /// What they take, in each place.
    pub room: Vec<CopyRoom>,
    /// How long it takes until the first one is there, in milliseconds, if anything is known.
    pub milliseconds: Option<u64>,
    /// Where that time is from.
    pub source: &'static str,
    /// What those who use the target notice of it.
    pub on_target: Vec<String>,
}

/// What copies take in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyRoom {
    /// The server, or the folder.
    pub at: String,
    /// How many bytes, at the most at one time.
    pub bytes: u64,
    /// How much is free there, where that can be told.
    pub free_bytes: Option<u64>,
    /// What it is for.
    pub what: String,
}

const MEASURED: &str = "measured in the last rehearsal, at today's size";
const PREDICTED: &str = "predicted from proofs and drills, at today's size";
const ESTIMATED: &str = "estimated from the size, roughly";
const UNKNOWN: &str = "not known";

/// The error of finding out what copies cost.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutlookError {
    /// The target, or where copies are made.
    #[error("cannot find out what copies to rehearse on would cost")]
    Engine(#[from] EngineError),
    /// The backups.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// Says where the copies of a rehearsal would come from now; `derives` says that a rollback will be derived, on a copy of its own.
pub(crate) fn copies(
    project: &Project,
    cloner: &dyn Cloner,
    folder: &Folder,
    derives: bool,
) -> Result<CopiesPlanned, OutlookError> {
    let place = CopyPlace {
        url: project.rehearse_url.clone(),
        empty: false,
    };
    let there = selective(project, cloner.outlook(&project.url, &place)?);
    let outlook = Outlook {
        measured: last_measured(folder, &project.copies_of, &there),
        many: if derives { 3 } else { 2 },
        there,
    };
    Ok(match &project.copies_of {
        CopiesOf::Target => outlook.of_target(),
        CopiesOf::Backup => outlook.of_backup(project, backup_to_copy(project)?),
        CopiesOf::Physical(ground) => outlook.of_physical(project, ground),
        CopiesOf::Command(command) => outlook.of_command(project, command),
    })
}

/// The same where copies hold a part of the rows, or masks: these are read and written row by row, whatever would be the fastest way to copy
/// the whole. Of a sample it is told how much the share of every table takes; what it refers to comes on top.
fn selective(project: &Project, whole: CopyOutlook) -> CopyOutlook {
    if !project.selecting.is_selective() {
        return whole;
    }
    let sample = project.selecting.sample.as_ref();
    let share = sample.map_or(Share::Whole, |sample| sample.share);
    CopyOutlook {
        method: "selective copy",
        because: None,
        bytes: match share {
            Share::Percent(percent) => (whole.bytes as f64 * percent / 100.0) as u64,
            Share::Whole | Share::Rows(_) => whole.bytes,
        },
        on_source: vec!["what is copied is read once, in one snapshot".to_owned()],
        ..whole
    }
}

/// What is known before it is looked at what copies are made of.
struct Outlook {
    /// How the target would be copied to that place.
    there: CopyOutlook,
    /// How many copies there are at one time.
    many: u64,
    /// The size and the time of the last copy that was made of that source.
    measured: Option<(Option<u64>, u64)>,
}

impl Outlook {
    fn of_target(self) -> CopiesPlanned {
        let bytes = self.there.bytes;
        let (milliseconds, source) = self
            .last(bytes)
            .unwrap_or_else(|| (estimate(bytes, self.there.bytes_per_second), ESTIMATED));
        CopiesPlanned {
            provider: "target",
            of: "the target".to_owned(),
            method: self.there.method.to_owned(),
            room: vec![self.room(&self.there.at, bytes)],
            because: self.there.because,
            milliseconds: Some(milliseconds),
            source,
            on_target: self.there.on_source,
        }
    }

    fn of_backup(self, project: &Project, backup: Option<BackupToCopy>) -> CopiesPlanned {
        let is_adopted = backup.as_ref().is_some_and(|backup| backup.is_adopted);
        let (at, on_target) = match (&project.rehearse_url, is_adopted) {
            (Some(_), _) => (&*self.there.at, "its rows are not read"),
            (None, true) => (
                "the server or folder into which its own system restores it, and beside that",
                "its rows are not read",
            ),
            (None, false) => (
                &*self.there.at,
                "its rows are not read; the backup is restored and copied beside it, on its server or in its folder",
            ),
        };
        let planned = CopiesPlanned {
            provider: "backup",
            of: "its newest proven backup".to_owned(),
            method: "restore".to_owned(),
            because: None,
            room: Vec::new(),
            milliseconds: None,
            source: UNKNOWN,
            on_target: vec![on_target.to_owned()],
        };
        let Some(backup) = backup else {
            return CopiesPlanned {
                because: Some("no backup of it is proven".to_owned()),
                ..planned
            };
        };
        let known = self.last(backup.bytes).or_else(|| {
            let predicted = predict(&backup.restores, backup.bytes)?;
            Some((predicted.milliseconds, PREDICTED))
        });
        let is_elsewhere = is_adopted && project.rehearse_url.is_none();
        let mut room = vec![CopyRoom {
            free_bytes: self.there.free_bytes.filter(|_| !is_elsewhere),
            ..self.room(at, backup.bytes)
        }];
        room.extend(backup.staged);
        CopiesPlanned {
            of: format!("the backup {}", backup.name),
            room,
            milliseconds: known.map(|(milliseconds, _)| milliseconds),
            source: known.map_or(UNKNOWN, |(_, source)| source),
            ..planned
        }
    }

    fn of_command(self, project: &Project, command: &CopyCommand) -> CopiesPlanned {
        let bytes = self.there.bytes;
        let at = match &project.rehearse_url {
            Some(_) => self.there.at.clone(),
            None => "the server of what it makes, which stays as long".to_owned(),
        };
        let known = self.last(bytes);
        let beside = project.rehearse_url.is_some();
        CopiesPlanned {
            provider: "command",
            of: format!("what `{}` makes", command.program()),
            method: "command".to_owned(),
            because: None,
            room: vec![CopyRoom {
                free_bytes: self.there.free_bytes.filter(|_| beside),
                ..self.room(&at, bytes)
            }],
            milliseconds: known.map(|(milliseconds, _)| milliseconds),
            source: known.map_or(UNKNOWN, |(_, source)| source),
            on_target: vec!["whatever the command does to it; it is not read otherwise".to_owned()],
        }
    }

    fn of_physical(self, project: &Project, ground: &Ground) -> CopiesPlanned {
        let bytes = self.there.bytes;
        let known = self.last(bytes);
        let folder = ground.folder.display().to_string();
        let there = ground.folder.ancestors().find(|folder| folder.is_dir());
        let free_bytes = there.and_then(free_bytes);
        let files = CopyRoom {
            at: folder.clone(),
            bytes,
            free_bytes,
            what: "the files of the whole cluster: at least those of the database".to_owned(),
        };
        let copies = match &project.rehearse_url {
            Some(_) => self.room(&self.there.at, bytes),
            None => CopyRoom {
                free_bytes,
                ..self.room(&folder, bytes)
            },
        };
        CopiesPlanned {
            provider: "physical",
            of: "a physical copy".to_owned(),
            method: "physical".to_owned(),
            because: None,
            room: vec![files, copies],
            milliseconds: known.map(|(milliseconds, _)| milliseconds),
            source: known.map_or(UNKNOWN, |(_, source)| source),
            on_target: vec![
                "all files of its cluster are read once, over two connections for replication"
                    .to_owned(),
            ],
        }
    }

    /// The copies that there are at one time.
    fn room(&self, at: &str, bytes: u64) -> CopyRoom {
        let what = match self.many {
            2 => "two at a time, each as large as the database",
            _ => "three at a time where the rollback is derived, each as large as the database",
        };
        CopyRoom {
            at: at.to_owned(),
            bytes: bytes.saturating_mul(self.many),
            free_bytes: self.there.free_bytes,
            what: what.to_owned(),
        }
    }

    /// What the last rehearsal has measured, for that size.
    fn last(&self, bytes: u64) -> Option<(u64, &'static str)> {
        let (copied, milliseconds) = self.measured?;
        let scaled = copied.and_then(|copied| predict(&[(copied, milliseconds)], bytes));
        let milliseconds = scaled.map_or(milliseconds, |scaled| scaled.milliseconds);
        Some((milliseconds, MEASURED))
    }
}

fn estimate(bytes: u64, bytes_per_second: u64) -> u64 {
    let milliseconds = u128::from(bytes) * 1_000 / u128::from(bytes_per_second.max(1));
    u64::try_from(milliseconds).unwrap_or(u64::MAX).max(1)
}

/// The size and the time of the last copy of that kind, of which a certificate in the folder tells.
fn last_measured(
    folder: &Folder,
    of: &CopiesOf,
    there: &CopyOutlook,
) -> Option<(Option<u64>, u64)> {
    let whole = |migration| read_certificate(migration)?.ok();
    let made_so = |certificate: &Certificate| of.has_made(&certificate.copy.method, there.method);
    let certificates = folder.migrations.iter().filter_map(whole).filter(made_so);
    let last = certificates.max_by(|a, b| a.issued_at.cmp(&b.issued_at))?;
    Some((last.copy.bytes, last.copy.milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlook(measured: Option<(Option<u64>, u64)>) -> Outlook {
        Outlook {
            there: CopyOutlook {
                method: "dump and restore",
                because: Some("others are connected".to_owned()),
                at: "db:5432".to_owned(),
                bytes: 2_000,
                free_bytes: None,
                bytes_per_second: 100,
                on_source: vec!["it is read".to_owned()],
            },
            many: 2,
            measured,
        }
    }

    #[test]
    fn what_was_measured_comes_before_what_is_estimated() {
        let check = |measured, milliseconds, source| {
            let planned = outlook(measured).of_target();
            assert_eq!(
                (planned.milliseconds, planned.source),
                (Some(milliseconds), source)
            );
            assert_eq!(
                (planned.room[0].bytes, &*planned.room[0].at),
                (4_000, "db:5432")
            );
        };
        check(None, 20_000, ESTIMATED);
        check(Some((Some(1_000), 30)), 60, MEASURED);
        check(Some((None, 30)), 30, MEASURED);
    }

    #[test]
    fn a_copy_is_told_by_what_it_was_made_of() {
        let command = CopiesOf::Command(CopyCommand {
            make: vec!["clone".to_owned()],
            remove: None,
            folder: std::path::PathBuf::new(),
            url: |text| tightrope_engine::DatabaseUrl::new(text),
        });
        let check = |method: &str, of_target, of_backup, of_command| {
            assert_eq!(
                CopiesOf::Target.has_made(method, "template"),
                of_target,
                "{method}"
            );
            assert_eq!(
                CopiesOf::Backup.has_made(method, "template"),
                of_backup,
                "{method}"
            );
            assert_eq!(command.has_made(method, "template"), of_command, "{method}");
        };
        check("template", true, false, false);
        check("dump and restore", false, false, false);
        check("template of the restored backup shop-1", false, true, false);
        check("template of what `clone` made", false, false, true);
        check("template of what `other` made", false, false, false);
    }
}
