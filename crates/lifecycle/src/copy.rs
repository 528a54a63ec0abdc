//! A copy for people: masked, or a sample, or both, in a new database that stays.
//!
//! It is made under a scratch name and gets its own as the last step. So what is there under that name is whole, and what a killed copy leaves
//! is swept by the next.

use serde::Serialize;
use tightrope_engine::{
    ConnectOptions, CopyReport, DatabaseUrl, Engine, EngineError, Scratch, Server, UnknownScheme,
};
use tightrope_store::{AppliedMigration, Store, StoreError};

use crate::Event;
use crate::backup::Watch;
use crate::project::{Access, Project};
use crate::rehearse::{free_nets, sweep};
use crate::run::Watchers;
use crate::selecting::Selecting;

/// What copy to make.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// The database that it becomes.
    pub to: DatabaseUrl,
    /// What it holds.
    pub selecting: Selecting,
    /// Make it although nothing in it is masked.
    pub unmasked: bool,
}

/// A copy that was made.
#[derive(Clone, Debug, Serialize)]
pub struct CopyMade {
    /// The database that was copied.
    pub source: Server,
    /// The database that it became, redacted.
    pub to: String,
    /// How it was made, and what it holds.
    pub copy: CopyReport,
}

/// The error of making a copy for people.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// No engine for a URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The other URL is of another engine.
    #[error("{to} is of another engine, and copies are made by the one of the source")]
    OtherEngine {
        /// Which, redacted.
        to: String,
    },
    /// The engine makes no copies.
    #[error("this engine cannot make copies")]
    NoCopies,
    /// Nothing is masked.
    #[error("nothing would be masked: the copy would hold everybody's data as it is")]
    Unmasked,
    /// The source, or the copy.
    #[error("cannot make the copy")]
    Engine(#[from] EngineError),
    /// tightrope's own tables in the copy.
    #[error("cannot take out of the copy what belongs to the source alone")]
    Store(#[from] StoreError),
}

/// Copies the target into a new database, which people may use.
///
/// # Errors
/// When the new database is there already, when what is selected cannot be copied, or when nothing is masked and nobody said that this is
/// meant. Nothing is left behind then.
pub fn copy_for_people(
    project: &Project,
    options: &CopyOptions,
    watchers: Watchers<'_>,
) -> Result<CopyMade, CopyError> {
    let engine = project.engine()?;
    let other = project.registry.engine(&options.to)?;
    if other.kind() != engine.kind() {
        let to = options.to.redacted();
        return Err(CopyError::OtherEngine { to });
    }
    if options.selecting.masks.is_empty() && !options.unmasked {
        return Err(CopyError::Unmasked);
    }
    let cloner = engine.cloner().ok_or(CopyError::NoCopies)?;
    let source = project
        .connect(engine.as_ref(), Access::Read)?
        .server()
        .clone();
    let place = cloner.place_of_new(&options.to)?;
    let selection = options.selecting.selection()?;
    sweep(&project.url, cloner, &place, watchers.listener)?;
    watchers.listener.event(&Event::Copying {
        source: project.url.redacted(),
    });
    let watch = Watch(watchers);
    let scratch = cloner.copy_selected(&project.url, &place, &selection, &watch)?;
    let copy = scratch.report().clone();
    seal(engine.as_ref(), scratch.as_ref())?;
    scratch.keep_as(&options.to, &watch)?;
    Ok(CopyMade {
        source,
        to: options.to.redacted(),
        copy,
    })
}

/// Frees the nets in the copy: what they held is not there, so the way back of what is applied ends here.
fn seal(engine: &dyn Engine, scratch: &dyn Scratch) -> Result<(), CopyError> {
    let options = ConnectOptions {
        application_name: Some("tightrope copy".to_owned()),
        ..ConnectOptions::default()
    };
    let mut session = engine.connect(scratch.url(), &options)?;
    free_nets(session.as_mut())?;
    if !session.has_store()? {
        return Ok(());
    }
    let mut store = Store::new(session.as_mut());
    let now = jiff::Timestamp::now().to_string();
    for migration in store.applied()?.iter().filter(|one| one.is_open()) {
        store.replace_applied(&AppliedMigration {
            net: None,
            sealed_at: Some(now.clone()),
            kept_file: None,
            ..migration.clone()
        })?;
    }
    Ok(())
}
