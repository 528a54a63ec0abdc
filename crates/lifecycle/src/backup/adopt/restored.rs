//! A backup that another system has restored for us, for as long as it is needed.

use std::process::Stdio;

use tightrope_backup::{Place, RestoreMark, RestoreNote};
use tightrope_engine::{
    Backup, BackupWatch as _, ConnectOptions, DatabaseId, DatabaseUrl, Engine, ErrorKind, Kinship,
};

use super::error::{AdoptError, AdoptStep};
use super::hook::AdoptCommands;
use crate::backup::settings::{place_of, taker};
use crate::backup::watch::Watch;
use crate::backup::{BackupError, whole};
use crate::project::Project;
use crate::run::Watchers;
use crate::{Event, Listener};

/// A database that the other system has restored. Dropping the value has it removed.
pub(crate) struct AdoptedRestored {
    commands: AdoptCommands,
    id: String,
    /// Taken when it is removed.
    mark: Option<RestoreMark>,
    /// Empty until it is known to lead to what was restored: what the target is must never be removed.
    url: DatabaseUrl,
}

/// Which backup is restored.
#[derive(Clone, Copy)]
pub(crate) struct ToRestore<'a> {
    /// What the other system calls it.
    pub(crate) id: &'a str,
    /// The database that it is of.
    pub(crate) database: &'a DatabaseId,
}

impl AdoptedRestored {
    /// Has a backup restored, and makes sure that what came out is a database that can be opened, and not the target.
    ///
    /// What is restored is written down first: should we die, the next command has it removed.
    pub(crate) fn of(
        project: &Project,
        engine: &dyn Engine,
        backup: ToRestore<'_>,
        watchers: Watchers<'_>,
    ) -> Result<Self, BackupError> {
        let commands = commands_of(project)?.clone();
        let place = place_of(project)?;
        sweep(&commands, place, watchers.listener)?;
        watchers.listener.event(&Event::Copying {
            source: format!("the adopted backup {}", backup.id),
        });
        let watch = Watch(watchers);
        watch.reached("before the restore is noted");
        let mark = place.mark_restore(RestoreNote {
            name: name(),
            id: backup.id.to_owned(),
        })?;
        watch.reached("restore noted");
        let mut restored = Self {
            commands,
            id: backup.id.to_owned(),
            mark: Some(mark),
            url: DatabaseUrl::new(""),
        };
        let printed = restored.command(AdoptStep::Restore)?;
        watch.reached("restored elsewhere");
        let url = printed.map(|line| (restored.commands.url)(&line));
        let url = url.ok_or_else(|| restored.nonsense("no URL"))?;
        restored.accept(project, engine, url, backup.database)?;
        Ok(restored)
    }

    /// How to connect to it.
    pub(crate) fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Has it removed now; gives a remark where that did not work.
    pub(crate) fn remove(mut self) -> Option<String> {
        self.try_to_remove().err().map(|error| left(&error))
    }

    /// Takes the URL, if it leads to a restored database of that engine.
    fn accept(
        &mut self,
        project: &Project,
        engine: &dyn Engine,
        url: DatabaseUrl,
        database: &DatabaseId,
    ) -> Result<(), BackupError> {
        let other = project.registry.engine(&url);
        let other = other.map_err(|_| self.nonsense("something that is no URL of a database"))?;
        if other.kind() != engine.kind() {
            let what = match url.scheme() {
                Some(_) => "the URL of another engine's database",
                None => "something that is no URL of a database",
            };
            return Err(self.nonsense(what).into());
        }
        let program = self.commands.program(AdoptStep::Restore);
        let options = ConnectOptions {
            application_name: Some("tightrope compare".to_owned()),
            read_only: true,
            must_exist: true,
        };
        if let Err(source) = engine.connect(&url, &options).map(drop) {
            let is_no_url = source.kind == ErrorKind::BadUrl || url.scheme().is_none();
            return Err(match is_no_url {
                true => self.nonsense("something that is no URL of a database"),
                false => AdoptError::NotOpened { program, source },
            }
            .into());
        }
        let what = match kinship(taker(engine)?, project, database, &url)? {
            Kinship::Itself => "the target itself",
            Kinship::Standby => "a standby of a server that goes on",
            Kinship::Sibling => "another database of a copy of the target's server",
            Kinship::Copy | Kinship::Unknown => {
                self.url = url;
                return Ok(());
            }
        };
        Err(AdoptError::NotRestored { program, what }.into())
    }

    fn command(&self, step: AdoptStep) -> Result<Option<String>, AdoptError> {
        let name = self.mark.as_ref().map_or("", |mark| &mark.note.name);
        let variables = [
            (AdoptCommands::ID, &*self.id),
            (AdoptCommands::NAME, name),
            (AdoptCommands::URL, self.url.secret()),
        ];
        // The lock goes with the command: should we die, it is seen to be at work for as long as it is.
        let lock = self.mark.as_ref().and_then(|mark| mark.lock().ok());
        let stdin = lock.map_or_else(Stdio::null, Stdio::from);
        self.commands.run(step, &variables, stdin)
    }

    fn nonsense(&self, what: &str) -> AdoptError {
        AdoptError::Nonsense {
            step: AdoptStep::Restore,
            program: self.commands.program(AdoptStep::Restore),
            what: what.to_owned(),
        }
    }

    fn try_to_remove(&mut self) -> Result<(), BackupError> {
        if self.mark.is_none() {
            return Ok(());
        }
        self.command(AdoptStep::Remove)?;
        match self.mark.take() {
            Some(mark) => Ok(mark.clear()?),
            None => Ok(()),
        }
    }
}

impl Drop for AdoptedRestored {
    fn drop(&mut self) {
        // Where that does not work, the note stays, and the next command tries again.
        let _ = self.try_to_remove();
    }
}

/// How a restored database stands to the target, which may be gone.
fn kinship(
    taker: &dyn Backup,
    project: &Project,
    of: &DatabaseId,
    restored: &DatabaseUrl,
) -> Result<Kinship, BackupError> {
    taker
        .kinship(&project.url, of, restored)
        .map_err(BackupError::doing("ask the restored database who it is"))
}

/// Has removed what dead commands have had restored, and says so.
pub(crate) fn sweep(
    commands: &AdoptCommands,
    place: &Place,
    listener: &dyn Listener,
) -> Result<(), BackupError> {
    for mark in place.left_restores()? {
        let name = mark.note.name.clone();
        let mut left_behind = AdoptedRestored {
            commands: commands.clone(),
            id: mark.note.id.clone(),
            mark: Some(mark),
            url: DatabaseUrl::new(""),
        };
        match left_behind.try_to_remove() {
            Ok(()) => listener.event(&Event::Swept { names: vec![name] }),
            // It is tried again by the next command, and not once more by this one.
            Err(error) => {
                left_behind.mark = None;
                listener.event(&Event::Notice {
                    message: format!("{name}: {}", left(&error)),
                });
            }
        }
    }
    Ok(())
}

fn left(error: &BackupError) -> String {
    format!(
        "what was restored could not be removed, which the next command tries again: {}",
        whole(error)
    )
}

/// The commands that the project names.
pub(crate) fn commands_of(project: &Project) -> Result<&AdoptCommands, AdoptError> {
    let commands = project.backup.adopt.as_ref();
    commands.ok_or(AdoptError::NotConfigured)
}

/// A name that nothing else has, and that clouds take as well as folders do.
fn name() -> String {
    format!("tightrope-restore-{:08x}", rand::random::<u32>())
}
