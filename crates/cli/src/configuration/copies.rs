//! How copies for rehearsal are made: where, and of what.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tightrope_engine::{DatabaseUrl, Ground, ServerPrograms};
use tightrope_lifecycle::{CopiesOf, CopyCommand, Sampling, Selecting};
use tightrope_selection::Sample;

use super::password::with_password;
use super::secret::Secret;
use super::selection::ShareValue;
use crate::errors::CommandError;
use crate::exit::Exit;

/// `[targets.NAME.rehearse]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RehearseTable {
    /// The server on which copies are made.
    url: Option<Secret>,
    /// What they are made of.
    from: Option<FromWord>,
    /// What makes a copy elsewhere and prints its URL.
    command: Option<Vec<String>>,
    /// What removes that one.
    remove: Option<Vec<String>>,
    /// How much of every table they hold.
    sample: Option<ShareValue>,
    /// What decides which rows are picked.
    seed: Option<u32>,
    /// Up to how many rows a table is taken whole.
    whole_up_to: Option<u64>,
    /// How much of single tables they hold.
    #[serde(default)]
    tables: BTreeMap<String, ShareValue>,
    /// Whether the target's masks are put on.
    masked: Option<bool>,
    /// Where a throw-away server has its data.
    folder: Option<PathBuf>,
    /// Where the server's programs are.
    bin: Option<PathBuf>,
    /// Whether the target takes its time with the checkpoint that a physical copy begins with.
    checkpoint: Option<CheckpointWord>,
}

/// How the checkpoint is made that a physical copy begins with.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckpointWord {
    Fast,
    Spread,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FromWord {
    Target,
    Backup,
    Physical,
}

/// How copies of a target are made.
pub(crate) struct Copies {
    /// The server, or the folder; none means beside what is copied.
    pub(crate) place: Option<DatabaseUrl>,
    pub(crate) of: CopiesOf,
    /// Which rows they hold, and what of them is masked.
    pub(crate) selecting: Selecting,
    /// Whether the target's masks are put on.
    pub(crate) masked: bool,
}

impl Default for Copies {
    fn default() -> Self {
        Self {
            place: None,
            of: CopiesOf::default(),
            selecting: Selecting::default(),
            masked: true,
        }
    }
}

impl RehearseTable {
    /// Whether the target's masks are put on.
    pub(super) fn is_masked(&self) -> bool {
        self.masked.unwrap_or(true)
    }

    pub(super) fn copies(&self, home: &Path, target: &str) -> Result<Copies, CommandError> {
        let wrong = |what: &str| {
            CommandError::new(Exit::Error, format!("`[targets.{target}.rehearse]` {what}"))
                .hint("docs/reference/configuration.md says what stands there")
        };
        let place = self.url.as_ref().map(|url| url.read(home, target));
        let is_physical = self.from == Some(FromWord::Physical) && self.command.is_none();
        let has_of_server = [
            ("folder", self.folder.is_some()),
            ("bin", self.bin.is_some()),
            ("checkpoint", self.checkpoint.is_some()),
        ];
        if let Some((key, _)) = has_of_server
            .iter()
            .find(|(_, is_there)| *is_there && !is_physical)
        {
            return Err(wrong(&format!(
                "has a `{key}`, which is for `from = \"physical\"` alone"
            )));
        }
        let of = match (&self.command, self.from) {
            (None, None)
                if self.url.is_none() && self.sample.is_none() && self.masked.is_none() =>
            {
                return Err(wrong(
                    "says neither where copies are made (`url`) nor of what (`from`, `command`, `sample`, `masked`)",
                ));
            }
            (None, _) if self.remove.is_some() => {
                return Err(wrong(
                    "has a `remove`, and no `command` whose copies it could remove",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(wrong(
                    "has both `from` and `command`: copies are made of one of them",
                ));
            }
            (Some(make), None) => {
                let remove = self.remove.as_ref();
                if make.is_empty() || remove.is_some_and(Vec::is_empty) {
                    return Err(wrong("has a command that names no program"));
                }
                CopiesOf::Command(CopyCommand {
                    make: make.clone(),
                    remove: remove.cloned(),
                    folder: home.to_owned(),
                    url: with_password,
                })
            }
            (None, Some(FromWord::Physical)) => {
                let folder = self.folder.as_ref().ok_or_else(|| {
                    wrong(
                        "says `from = \"physical\"` and names no `folder` for the data of the copy",
                    )
                })?;
                CopiesOf::Physical(Ground {
                    folder: home.join(folder),
                    programs: programs(home, self.bin.as_deref(), self.checkpoint),
                })
            }
            (None, Some(FromWord::Backup)) => CopiesOf::Backup,
            (None, None | Some(FromWord::Target)) => CopiesOf::Target,
        };
        let selecting = Selecting {
            sample: self.sampling().map_err(|what| wrong(&what))?,
            ..Selecting::default()
        };
        Ok(Copies {
            place: place.transpose()?,
            of,
            selecting,
            masked: self.is_masked(),
        })
    }

    fn sampling(&self) -> Result<Option<Sampling>, String> {
        let Some(ShareValue(share)) = self.sample else {
            let left = [
                ("seed", self.seed.is_some()),
                ("whole_up_to", self.whole_up_to.is_some()),
                ("tables", !self.tables.is_empty()),
            ];
            return match left.iter().find(|(_, is_there)| *is_there) {
                Some((key, _)) => Err(format!(
                    "has `{key}`, and no `sample` that it could be about"
                )),
                None => Ok(None),
            };
        };
        let tables = self.tables.iter();
        Ok(Some(Sampling {
            seed: self.seed.map(u64::from),
            whole_up_to: self.whole_up_to.unwrap_or(Sample::WHOLE_UP_TO),
            tables: tables
                .map(|(name, share)| (name.clone(), share.0))
                .collect(),
            ..Sampling::of(share)
        }))
    }
}

/// What is said of the server's programs; paths start from the folder of tightrope.toml.
pub(super) fn programs(
    home: &Path,
    bin: Option<&Path>,
    checkpoint: Option<CheckpointWord>,
) -> ServerPrograms {
    ServerPrograms {
        bin: bin.map(|bin| home.join(bin)),
        spread_checkpoint: checkpoint == Some(CheckpointWord::Spread),
    }
}
