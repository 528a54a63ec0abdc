//! What copies for rehearsal are made of: the target, its newest proven backup, a physical copy of it, or a copy that a command makes
//! elsewhere.
//!
//! Whatever it is, tightrope copies it once more and rehearses on that: a source is only read. How like the target it is, is measured on the
//! copy, and a certificate counts only on the schema that it was earned on; so a source that is old or wrong is found out.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tightrope_engine::{
    Cloner, ConnectOptions, CopyPlace, CopyReport, DatabaseUrl, Engine, EngineError, ErrorKind,
    Ground, Restored, Scratch,
};

use tightrope_selection::{Sample, Selection};

use super::base::sweep;
use super::on_server::OnServer;
use crate::backup::{
    BackupError, RestoredBy, RestoredToCopy, Watch, restore_newest_proven, sweep_ground,
};
use crate::execute::elapsed_ms;
use crate::project::Project;
use crate::run::Watchers;
use crate::{Event, Listener, Silent};

/// What copies for rehearsal are made of.
#[derive(Clone, Debug, Default)]
pub enum CopiesOf {
    /// The target itself.
    #[default]
    Target,
    /// The newest backup of it that is proven, restored where copies are made.
    Backup,
    /// A copy of all its server's files, on a throw-away server there.
    Physical(Ground),
    /// A copy that a command makes elsewhere.
    Command(CopyCommand),
}

/// What stands in a report on a copy of a backup, before its name.
const OF_BACKUP: &str = " of the restored backup ";
/// What stands at the end of a report on a copy of a physical copy.
const OF_PHYSICAL: &str = " of a physical copy";

impl CopiesOf {
    /// Whether a copy whose report says that method was made of this; of the target, in the way that is open now.
    pub(super) fn has_made(&self, method: &str, of_target: &str) -> bool {
        match self {
            Self::Target => method == of_target,
            Self::Backup => method.contains(OF_BACKUP),
            Self::Physical(_) => method.ends_with(OF_PHYSICAL),
            Self::Command(command) => method.ends_with(&command.named()),
        }
    }
}

/// A command that makes a copy of the target elsewhere and prints its URL: a snapshot that is restored, a thin clone.
#[derive(Clone, Debug)]
pub struct CopyCommand {
    /// The program and its arguments.
    pub make: Vec<String>,
    /// What removes the copy again: it finds the URL in the environment variable [`CopyCommand::VARIABLE`].
    pub remove: Option<Vec<String>>,
    /// The folder that both are run in; empty means where we are.
    pub folder: PathBuf,
    /// Makes a URL of what is printed, with the password that belongs to it.
    pub url: fn(&str) -> DatabaseUrl,
}

/// The error of what copies are made of.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The command gave no copy.
    #[error("the command `{program}`, which makes the copy to rehearse on, {what}")]
    Command {
        /// Its name.
        program: String,
        /// What went wrong.
        what: String,
    },
    /// The URL that the command printed leads to no database that can be opened.
    #[error("cannot open the database whose URL the command `{program}` printed")]
    NotThere {
        /// The command's name.
        program: String,
        /// Why.
        source: EngineError,
    },
    /// No backup of the target is proven.
    #[error("no backup of `{database}` is proven, and copies to rehearse on are made of one")]
    NoneProven {
        /// The target, redacted.
        database: String,
    },
    /// The backup.
    #[error("cannot make the copy to rehearse on from a backup")]
    Backup(#[from] Box<BackupError>),
    /// The engine has no physical copies.
    #[error("this engine has no servers, and no physical copies to rehearse on")]
    NotPhysical,
    /// The physical copy.
    #[error("cannot make a physical copy to rehearse on")]
    Physical(#[source] EngineError),
}

/// A source that is open: as long as it is held, it is there.
pub(crate) struct Source {
    url: DatabaseUrl,
    /// Where copies of it are made; none means beside it.
    place: Option<DatabaseUrl>,
    held: Held,
    /// How long it took to get it.
    milliseconds: u64,
}

enum Held {
    Target,
    Backup(RestoredToCopy),
    Physical(ThrowAway),
    Made(Made),
}

/// A throw-away server, which lives as long as the last copy on it.
pub(super) type ThrowAway = Arc<Mutex<Box<dyn Restored>>>;

impl Source {
    /// Makes the source ready, as the project says where its copies come from.
    pub(crate) fn open(
        project: &Project,
        engine: &dyn Engine,
        listener: &dyn Listener,
    ) -> Result<Self, SourceError> {
        let began = Instant::now();
        let (url, place, held) = match &project.copies_of {
            CopiesOf::Target => (
                project.url.clone(),
                project.rehearse_url.clone(),
                Held::Target,
            ),
            CopiesOf::Backup => {
                let newest = restore_newest_proven(project, engine, listener).map_err(Box::new)?;
                let newest = newest.ok_or_else(|| SourceError::NoneProven {
                    database: project.url.redacted(),
                })?;
                let url = newest.url.clone();
                // What another system has restored is where that puts it; ours is where copies are made already.
                let elsewhere = project.rehearse_url.clone();
                let place = elsewhere.filter(|_| newest.is_elsewhere());
                (url, place, Held::Backup(newest))
            }
            CopiesOf::Physical(ground) => {
                let copied = copy_physically(project, engine, ground, listener)?;
                (
                    copied.url().clone(),
                    project.rehearse_url.clone(),
                    Held::Physical(Arc::new(Mutex::new(copied))),
                )
            }
            CopiesOf::Command(command) => {
                listener.event(&Event::Copying {
                    source: format!("{} by `{}`", project.url.redacted(), command.program()),
                });
                let made = Made::by(command)?;
                made.is_there(project, engine)?;
                (
                    made.url.clone(),
                    project.rehearse_url.clone(),
                    Held::Made(made),
                )
            }
        };
        Ok(Self {
            url,
            place,
            held,
            milliseconds: elapsed_ms(began),
        })
    }

    /// The database that is copied.
    pub(crate) fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Makes a copy, and says so.
    pub(crate) fn copy(
        &self,
        project: &Project,
        cloner: &dyn Cloner,
        listener: &dyn Listener,
    ) -> Result<Base, EngineError> {
        let place = CopyPlace {
            url: self.place.clone(),
            empty: false,
        };
        let scratch = match project.selecting.is_selective() {
            true => {
                let selection = project.selecting.selection()?;
                select(&self.url, &place, &selection, cloner, listener)?
            }
            false => copy(&self.url, &place, cloner, listener)?,
        };
        let beside_target = match self.held {
            Held::Target => scratch.is_beside_source(),
            _ => cloner.is_one_server(&project.url, scratch.url())?,
        };
        let report = self.report(scratch.report());
        let scratch = match &self.held {
            Held::Physical(server) => OnServer::hold(scratch, server),
            Held::Backup(RestoredToCopy {
                by:
                    RestoredBy::Engine {
                        restored,
                        is_on_throw_away: true,
                    },
                ..
            }) => OnServer::hold(scratch, restored),
            _ => scratch,
        };
        Ok(Base {
            scratch,
            beside_target,
            report,
            _source: None,
        })
    }

    /// The same, and then lets go of the source; or has the copy hold it, where both are on what somebody else has made and will remove whole.
    pub(crate) fn into_base(
        self,
        project: &Project,
        cloner: &dyn Cloner,
        listener: &dyn Listener,
    ) -> Result<Base, EngineError> {
        let base = self.copy(project, cloner, listener)?;
        Ok(Base {
            _source: self.if_shared(),
            ..base
        })
    }

    /// The source, if copies beside it would go with it: where both are on what somebody else has made, and will remove whole. Whatever else
    /// it is, it has done its work once it is copied.
    pub(crate) fn if_shared(self) -> Option<Self> {
        let is_elsewhere = match &self.held {
            // Copies on a throw-away server hold that themselves.
            Held::Target | Held::Physical(_) => false,
            Held::Backup(backup) => backup.is_elsewhere(),
            Held::Made(_) => true,
        };
        (is_elsewhere && self.place.is_none()).then_some(self)
    }

    /// Makes a copy of the schema alone.
    pub(super) fn copy_without_rows(
        &self,
        project: &Project,
        cloner: &dyn Cloner,
        listener: &dyn Listener,
    ) -> Result<Box<dyn Scratch>, EngineError> {
        let place = CopyPlace {
            url: self.place.clone(),
            empty: false,
        };
        let selection = Selection {
            sample: Some(Sample::without_rows()),
            masks: project.selecting.selection()?.masks,
        };
        select(&self.url, &place, &selection, cloner, listener)
    }

    /// How a copy was made, with how its source was.
    pub(crate) fn report(&self, copied: &CopyReport) -> CopyReport {
        let mut report = copied.clone();
        report.milliseconds += self.milliseconds;
        match &self.held {
            Held::Target => {}
            Held::Backup(backup) => {
                report.method = format!("{}{OF_BACKUP}{}", report.method, backup.name);
                report.remarks.extend(backup.remarks.iter().cloned());
            }
            Held::Physical(server) => {
                report.method = format!("{}{OF_PHYSICAL}", report.method);
                if let Ok(server) = server.lock() {
                    report.remarks.extend(server.remarks().iter().cloned());
                }
            }
            Held::Made(made) => {
                report.method = format!("{}{}", report.method, made.command.named());
            }
        }
        report
    }
}

/// Copies the target's files, where what dead processes have left of servers is removed first; and says so.
fn copy_physically(
    project: &Project,
    engine: &dyn Engine,
    ground: &Ground,
    listener: &dyn Listener,
) -> Result<Box<dyn Restored>, SourceError> {
    let physical = engine.physical().ok_or(SourceError::NotPhysical)?;
    sweep_ground(physical, &ground.folder, listener).map_err(SourceError::Physical)?;
    listener.event(&Event::Copying {
        source: format!(
            "{} with all its server's files to {}",
            project.url.redacted(),
            ground.folder.display()
        ),
    });
    let watch = Watch(Watchers {
        listener,
        edges: &Silent,
    });
    let copied: Box<dyn Restored> = physical
        .copy(&project.url, ground, &watch)
        .map_err(SourceError::Physical)?;
    Ok(copied)
}

/// The first copy of a rehearsal.
pub(crate) struct Base {
    pub(crate) scratch: Box<dyn Scratch>,
    /// Whether it is on the target's server, so that what acts on the whole server would act there.
    pub(crate) beside_target: bool,
    pub(crate) report: CopyReport,
    /// What the copy would go with: it outlives all copies of the rehearsal, which are made after it.
    _source: Option<Source>,
}

impl Base {
    /// A copy of the target itself, or an empty database like it, where copies are made.
    pub(crate) fn of_target(
        project: &Project,
        empty: bool,
        cloner: &dyn Cloner,
        listener: &dyn Listener,
    ) -> Result<Self, EngineError> {
        let place = CopyPlace {
            url: project.rehearse_url.clone(),
            empty,
        };
        let scratch = copy(&project.url, &place, cloner, listener)?;
        Ok(Self {
            beside_target: scratch.is_beside_source(),
            report: scratch.report().clone(),
            scratch,
            _source: None,
        })
    }
}

/// Removes what dead rehearsals have left where a database is to be copied, and says that it is.
fn begin(
    source: &DatabaseUrl,
    place: &CopyPlace,
    cloner: &dyn Cloner,
    listener: &dyn Listener,
) -> Result<(), EngineError> {
    sweep(source, cloner, place, listener)?;
    listener.event(&Event::Copying {
        source: source.redacted(),
    });
    Ok(())
}

/// Copies a database there.
fn copy(
    source: &DatabaseUrl,
    place: &CopyPlace,
    cloner: &dyn Cloner,
    listener: &dyn Listener,
) -> Result<Box<dyn Scratch>, EngineError> {
    begin(source, place, cloner, listener)?;
    cloner.copy(source, place)
}

/// Copies what is selected of a database, likewise.
fn select(
    source: &DatabaseUrl,
    place: &CopyPlace,
    selection: &Selection,
    cloner: &dyn Cloner,
    listener: &dyn Listener,
) -> Result<Box<dyn Scratch>, EngineError> {
    begin(source, place, cloner, listener)?;
    let watch = Watch(Watchers {
        listener,
        edges: &Silent,
    });
    cloner.copy_selected(source, place, selection, &watch)
}

/// A copy that a command has made. Dropping the value removes it, where the user has said by what.
struct Made {
    command: CopyCommand,
    url: DatabaseUrl,
}

impl Made {
    fn by(command: &CopyCommand) -> Result<Self, SourceError> {
        let output = command
            .start(&command.make)
            .stdout(Stdio::piped())
            .output()
            .map_err(|error| command.failed(format!("could not be run: {error}")))?;
        if !output.status.success() {
            return Err(command.failed(format!("failed: {}", output.status)));
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        // Tools like to say what they do; the URL is what they say last.
        match printed
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty())
        {
            Some(url) => Ok(Self {
                command: command.clone(),
                url: (command.url)(url),
            }),
            None => Err(command.failed("printed no URL")),
        }
    }

    /// Requires that what was printed leads to a database of the target's engine. What is no URL is not shown: nobody knows what is in it.
    fn is_there(&self, project: &Project, engine: &dyn Engine) -> Result<(), SourceError> {
        let command = &self.command;
        let no_url = || command.failed("printed something that is no URL of a database");
        let has_scheme = self.url.scheme().is_some();
        let other = project.registry.engine(&self.url).map_err(|_| no_url())?;
        if other.kind() != engine.kind() {
            return Err(match has_scheme {
                true => command.failed("prints the URL of another engine's database"),
                false => no_url(),
            });
        }
        let options = ConnectOptions {
            application_name: Some("tightrope rehearse".to_owned()),
            read_only: true,
            must_exist: true,
        };
        match engine.connect(&self.url, &options).map(drop) {
            Ok(()) => Ok(()),
            Err(error) if error.kind == ErrorKind::BadUrl => Err(no_url()),
            Err(error) if !has_scheme && is_nowhere(error.kind) => Err(no_url()),
            Err(source) => Err(SourceError::NotThere {
                program: command.program().to_owned(),
                source,
            }),
        }
    }
}

/// Whether such an error says that nothing is there; of what has no scheme that means that it was no path either.
fn is_nowhere(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DatabaseMissing | ErrorKind::Unreachable)
}

impl Drop for Made {
    fn drop(&mut self) {
        let Some(remove) = &self.command.remove else {
            return;
        };
        // Its own words, and its failure, are on the terminal; the rehearsal has its result by now.
        let _ = self
            .command
            .start(remove)
            .env(CopyCommand::VARIABLE, self.url.secret())
            .stdout(Stdio::null())
            .status();
    }
}

impl CopyCommand {
    /// In which environment variable the command that removes a copy finds its URL.
    pub const VARIABLE: &'static str = "TIGHTROPE_COPY_URL";

    fn start(&self, words: &[String]) -> Command {
        let mut command = Command::new(words.first().map_or("", String::as_str));
        command
            .args(words.iter().skip(1))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
        }
        command
    }

    /// What stands in a report on a copy of what it made.
    fn named(&self) -> String {
        format!(" of what `{}` made", self.program())
    }

    /// The program's name.
    pub(super) fn program(&self) -> &str {
        self.make.first().map_or("", String::as_str)
    }

    fn failed(&self, what: impl Into<String>) -> SourceError {
        SourceError::Command {
            program: self.program().to_owned(),
            what: what.into(),
        }
    }
}
