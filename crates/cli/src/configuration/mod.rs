//! `tightrope.toml`: found here or in a folder above; every command works without it.

mod backup;
mod copies;
mod file;
mod password;
mod password_file;
mod secret;
mod selection;
mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tightrope_engine::DatabaseUrl;
use tightrope_lifecycle::{BackupSettings, Policy, Selecting, WorkloadSettings};
use tightrope_script::Format;

use crate::errors::CommandError;
use crate::exit::Exit;

pub(crate) use backup::place as place_of_backups;
pub(crate) use copies::Copies;
pub(crate) use password::with_password;

/// The file's name.
pub(crate) const FILE: &str = "tightrope.toml";

/// What the file says, with the folder that it lies in; all of it empty where there is none.
#[derive(Default)]
pub(crate) struct Configuration {
    /// The folder that paths in it start from.
    home: PathBuf,
    file: file::File,
    /// The file and its text: the criteria of watches say where in it a mistake stands.
    pub(crate) source: Option<(PathBuf, String)>,
    pub(crate) placeholders: BTreeMap<String, String>,
}

/// A database, and how copies of it are made.
pub(crate) struct Target {
    pub(crate) url: DatabaseUrl,
    pub(crate) copies: Copies,
    /// What is masked in copies for people.
    pub(crate) masks: Selecting,
    /// What its own table says of backups; none where it has none.
    pub(crate) backup: Option<BackupSettings>,
}

/// Reads the file that is named, else the one here or in the nearest folder above; without any, nothing is configured.
pub(crate) fn find(named: Option<&Path>) -> Result<Configuration, CommandError> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => match nearest_file() {
            Some(path) => path,
            None => return Ok(Configuration::default()),
        },
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        CommandError::new(
            Exit::Error,
            format!("cannot read the configuration {}: {error}", path.display()),
        )
        .hint("name another with `--config FILE`, or go without: `--dir` and `--url` are enough")
    })?;
    let file = file::parse(&path, &text)?;
    let home = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok(Configuration {
        home,
        placeholders: file.placeholders.clone(),
        file,
        source: Some((path, text)),
    })
}

/// The path is relative where the file is here, so that messages stay short.
fn nearest_file() -> Option<PathBuf> {
    let here = Path::new(FILE);
    if here.is_file() {
        return Some(here.to_owned());
    }
    let folder = std::env::current_dir().ok()?;
    folder
        .ancestors()
        .skip(1)
        .map(|folder| folder.join(FILE))
        .find(|path| path.is_file())
}

impl Configuration {
    /// The folder of migrations, from here.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        let folder = self.file.dir.as_ref().map(|dir| self.home.join(dir));
        // Where the file is above, its own `migrations` is meant, not one beneath the current folder.
        folder.or_else(|| (self.home != Path::new("")).then(|| self.home.join("migrations")))
    }

    pub(crate) fn format(&self) -> Result<Option<Format>, CommandError> {
        let parse = |name: &String| {
            name.parse::<Format>().map_err(|error| {
                CommandError::of(Exit::Error, error).hint("mend `format` in tightrope.toml")
            })
        };
        self.file.format.as_ref().map(parse).transpose()
    }

    pub(crate) fn policy(&self) -> Policy {
        let (said, net) = (&self.file.policy, &self.file.net);
        let default = Policy::default();
        Policy {
            lock_timeout_ms: said.lock_timeout_ms.unwrap_or(default.lock_timeout_ms),
            lock_tries: said.lock_tries.unwrap_or(default.lock_tries).max(1),
            stall_budget_ms: said.stall_budget_ms,
            script_budget_ms: said.script_budget_ms,
            statement_budget_ms: said.statement_budget_ms,
            lease_wait_s: said.lease_wait_s.unwrap_or(default.lease_wait_s),
            copy_limit_bytes: said.copy_limit_bytes.unwrap_or(default.copy_limit_bytes),
            strict: said.strict.unwrap_or(default.strict),
            least_likeness: said.least_likeness.map(|percent| percent.0),
            samples: said.samples.unwrap_or(default.samples),
            dropped_columns: net
                .dropped_columns
                .map_or(default.dropped_columns, Into::into),
            net_max_bytes: net.max_bytes,
            net_published: net.published.unwrap_or(default.net_published),
        }
    }

    /// The queries of the application, and what is asked of them.
    pub(crate) fn workload(&self) -> WorkloadSettings {
        self.file.workload.settings(&self.home)
    }

    /// The target of that name, or the default one; none if there are no targets.
    pub(crate) fn target(&self, name: Option<&str>) -> Result<Option<Target>, CommandError> {
        let targets = &self.file.targets;
        let only = || {
            if targets.len() == 1 {
                targets.keys().next()
            } else {
                None
            }
        };
        let chosen = match name
            .or(self.file.target.as_deref())
            .or_else(|| only().map(String::as_str))
        {
            Some(name) => name,
            None if targets.is_empty() => return Ok(None),
            None => {
                return Err(CommandError::new(
                    Exit::Error,
                    "several targets are configured, and none is the default",
                )
                .hint(format!("choose with `--target NAME`: {}", names(targets)))
                .hint("or set `target = \"NAME\"` at the top of tightrope.toml"));
            }
        };
        let Some(target) = targets.get(chosen) else {
            let known = if targets.is_empty() {
                "there is none in tightrope.toml".to_owned()
            } else {
                names(targets)
            };
            return Err(
                CommandError::new(Exit::Error, format!("no target is called `{chosen}`"))
                    .hint(format!("known targets: {known}")),
            );
        };
        let copies = target
            .rehearse
            .as_ref()
            .map(|rehearse| rehearse.copies(&self.home, chosen))
            .transpose()?;
        let mut copies = copies.unwrap_or_default();
        let masks = selection::masks(&target.mask, target.mask_key.as_ref(), &self.home)?;
        if copies.masked {
            copies.selecting.masks.clone_from(&masks.masks);
            copies.selecting.mask_key.clone_from(&masks.mask_key);
        }
        let backup = target
            .backup
            .as_ref()
            .map(|backup| backup.settings(&self.home))
            .transpose()?;
        Ok(Some(Target {
            url: target.url.read(&self.home, chosen)?,
            copies,
            masks,
            backup,
        }))
    }

    /// What the own tables of the target with that URL say of backups and of masks: who names the database by its URL means that target
    /// all the same. A URL that only a command gives is not asked for.
    pub(crate) fn target_at(&self, url: DatabaseUrl) -> Result<Target, CommandError> {
        let (mut backup, mut copies) = (None, Copies::default());
        let known = self.file.targets.iter().filter(|(name, target)| {
            let is_it = |known: DatabaseUrl| {
                known.secret() == url.secret()
                    || file_of(&known).is_some_and(|file| Some(file) == file_of(&url))
            };
            // A target that cannot be read is another one: this one was.
            !target.url.is_of_a_command() && target.url.read(&self.home, name).is_ok_and(is_it)
        });
        let known: Vec<&file::TargetTable> = known.map(|(_, target)| target).collect();
        if let Some(own) = known.iter().find_map(|target| target.backup.as_ref()) {
            backup = Some(own.settings(&self.home)?);
        }
        let mut masks = Selecting::default();
        if let Some(target) = known.iter().find(|target| !target.mask.is_empty()) {
            masks = selection::masks(&target.mask, target.mask_key.as_ref(), &self.home)?;
            if target.rehearse.as_ref().is_none_or(|own| own.is_masked()) {
                copies.selecting.clone_from(&masks);
            }
        }
        Ok(Target {
            url,
            copies,
            masks,
            backup,
        })
    }

    /// What is asked of backups: by the target's own table, else by the one for all; with what `apply` asks for.
    pub(crate) fn backup(
        &self,
        own: Option<BackupSettings>,
    ) -> Result<BackupSettings, CommandError> {
        let settings = match (own, &self.file.backup) {
            (Some(own), _) => own,
            (None, Some(all)) => all.settings(&self.home)?,
            (None, None) => backup::settings_of_environment(),
        };
        let policy = &self.file.policy;
        Ok(BackupSettings {
            policy: policy.backup.unwrap_or_default().into(),
            drills_required: policy.drills.unwrap_or(false),
            ..settings
        })
    }
}

/// The file that a URL of SQLite names, from the root.
fn file_of(url: &DatabaseUrl) -> Option<PathBuf> {
    let text = url.secret();
    let path = text
        .strip_prefix("sqlite://")
        .or_else(|| text.strip_prefix("sqlite:"))
        .or_else(|| (!text.contains("://")).then_some(text))?;
    std::path::absolute(path.split('?').next()?).ok()
}

fn names<T>(targets: &BTreeMap<String, T>) -> String {
    targets.keys().cloned().collect::<Vec<_>>().join(", ")
}
