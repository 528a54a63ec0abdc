use serde::{Deserialize, Serialize};
use tightrope_model::Likeness;
use tightrope_selection::{Selection, SelectionReport};

use crate::{BackupWatch, DatabaseUrl, EngineError, ErrorKind};

/// Where a copy is made.
#[derive(Clone, Debug, Default)]
pub struct CopyPlace {
    /// Another server (or folder) for the copy; none means beside the source.
    pub url: Option<DatabaseUrl>,
    /// Do not copy: start from an empty database on the same server and version.
    pub empty: bool,
}

/// How a copy was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyReport {
    /// The method in words: `template`, `dump and restore`, `backup API`, `reflink`.
    pub method: String,
    /// The size of the copy, if known.
    pub bytes: Option<u64>,
    /// How long it took.
    pub milliseconds: u64,
    /// What the copy lacks against its source, and why it does not (or does) matter.
    pub remarks: Vec<String>,
    /// How like its source it is; none where there is no source, or nobody has compared them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likeness: Option<Likeness>,
    /// Which rows it holds and what of them is masked; none where it holds everything as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<SelectionReport>,
}

impl CopyReport {
    /// Whether the copy is as like its source as is asked for, in percent. One of a database that is not there yet has nothing that
    /// it could be like; of one that was not compared nobody knows.
    pub fn is_like_enough(&self, least: Option<u8>) -> bool {
        least.is_none_or(|least| match &self.likeness {
            Some(likeness) => likeness.percent >= least,
            None => self.method.starts_with("empty"),
        })
    }
}

/// How a copy would be made as things stand now, and what that costs; told without making it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyOutlook {
    /// The method in words, as the [`CopyReport`] would have it.
    pub method: &'static str,
    /// Why a faster one is not open now, where that is so.
    pub because: Option<String>,
    /// Where the copy would be: a server, or a folder.
    pub at: String,
    /// How large it would be.
    pub bytes: u64,
    /// How much is free there, where that can be told.
    pub free_bytes: Option<u64>,
    /// How many bytes a second such a copy makes, roughly: for where nothing was measured.
    pub bytes_per_second: u64,
    /// What those who use the source notice of it, a sentence each.
    pub on_source: Vec<String>,
}

/// The ability to make copies to rehearse on.
pub trait Cloner: Send + Sync {
    /// Copies the source into a new scratch database, in the fastest way that works there.
    ///
    /// The scratch database is tagged as tightrope's from the instant it exists. The source is only read; no session of
    /// ours may be open on it (PostgreSQL's template copy needs it alone, and falls back to dump and restore if others
    /// are connected).
    ///
    /// # Errors
    /// When no way of copying works; the message says which were tried.
    fn copy(
        &self,
        source: &DatabaseUrl,
        place: &CopyPlace,
    ) -> Result<Box<dyn Scratch>, EngineError>;

    /// Copies the source to another server, into a scratch database that is like the one which the URL names there, in encoding and
    /// collation: what a dump would become that is restored into it.
    ///
    /// # Errors
    /// As [`Cloner::copy`].
    fn copy_to(
        &self,
        source: &DatabaseUrl,
        there: &DatabaseUrl,
    ) -> Result<Box<dyn Scratch>, EngineError> {
        let place = CopyPlace {
            url: Some(there.clone()),
            empty: false,
        };
        self.copy(source, &place)
    }

    /// How [`Cloner::copy`] would copy the source now, and what that costs. Nothing is made, and nobody is disturbed.
    ///
    /// # Errors
    /// When the source or the place cannot be reached.
    fn outlook(&self, source: &DatabaseUrl, place: &CopyPlace) -> Result<CopyOutlook, EngineError>;

    /// Copies of the source what the selection says, into a new scratch database: a sample of the rows with whatever they refer to, and
    /// masks in place of values, which are never written anywhere. The source is only read, in one snapshot.
    ///
    /// # Errors
    /// When the engine cannot do that, when the selection names what the source does not have or what a column cannot hold, and as
    /// [`Cloner::copy`].
    fn copy_selected(
        &self,
        source: &DatabaseUrl,
        place: &CopyPlace,
        selection: &Selection,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Scratch>, EngineError> {
        let _ = (source, place, selection, watch);
        Err(EngineError::new(
            ErrorKind::Unsupported,
            "this engine copies databases only whole and unmasked",
        ))
    }

    /// Where a scratch database is made that becomes the database of that URL, which is not there yet.
    ///
    /// # Errors
    /// When it is there already, or the place cannot be reached.
    fn place_of_new(&self, url: &DatabaseUrl) -> Result<CopyPlace, EngineError> {
        Ok(CopyPlace {
            url: Some(url.clone()),
            empty: false,
        })
    }

    /// The size of a database in bytes, to decide whether copying it unasked is polite.
    ///
    /// # Errors
    /// When it cannot be reached.
    fn size(&self, source: &DatabaseUrl) -> Result<u64, EngineError>;

    /// Whether two databases are on one server, whose roles and settings they share.
    ///
    /// # Errors
    /// When one of them cannot be reached.
    fn is_one_server(&self, one: &DatabaseUrl, other: &DatabaseUrl) -> Result<bool, EngineError> {
        let _ = (one, other);
        Ok(false)
    }

    /// Removes scratch databases at that place whose makers are dead, and the roles that they marked; returns their names.
    ///
    /// # Errors
    /// When the place cannot be reached.
    fn sweep(&self, source: &DatabaseUrl, place: &CopyPlace) -> Result<Vec<String>, EngineError>;
}

/// A scratch database. Dropping the value removes the database.
pub trait Scratch: Send {
    /// How to connect to it.
    fn url(&self) -> &DatabaseUrl;

    /// Its name, for people.
    fn name(&self) -> &str;

    /// How it was made.
    fn report(&self) -> &CopyReport;

    /// A copy of this scratch database as it is now, at the same place. No session may be open on this one.
    ///
    /// # Errors
    /// When the copy fails.
    fn fork(&self) -> Result<Box<dyn Scratch>, EngineError>;

    /// Gives the scratch database the name in that URL, under which it stays; no session of ours may be open on it. A database that has
    /// the name is never replaced.
    ///
    /// # Errors
    /// When the name is taken; the scratch database is removed then.
    fn keep_as(
        self: Box<Self>,
        url: &DatabaseUrl,
        watch: &dyn BackupWatch,
    ) -> Result<(), EngineError> {
        let _ = (url, watch);
        Err(EngineError::new(
            ErrorKind::Unsupported,
            "this engine's copies cannot be kept",
        ))
    }

    /// Whether it is on the server of its source, so that what acts on the whole server would act there.
    fn is_beside_source(&self) -> bool {
        false
    }

    /// With what roles are marked that scripts make here and on its forks; none where an engine has no roles. Roles with this
    /// mark are dropped with the last of these scratch databases.
    fn mark(&self) -> Option<&str> {
        None
    }

    /// Drops the roles with this mark, except these. What cannot be dropped stays, and is swept later.
    ///
    /// # Errors
    /// When the connection breaks.
    fn drop_roles(&self, except: &[String]) -> Result<(), EngineError> {
        let _ = except;
        Ok(())
    }
}
