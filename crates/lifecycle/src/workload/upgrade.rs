//! The same queries on two servers: what an upgrade would change.

use serde::Serialize;
use tightrope_engine::{
    ConnectOptions, CopyPlace, CopyReport, DatabaseUrl, EngineError, ErrorKind, Scratch, Server,
    Session, UnknownScheme,
};

use super::load::{Witness, WorkloadFailure};
use super::report::WorkloadTrial;
use super::trial::Trial;
use crate::project::Project;
use crate::rehearse::{Source, SourceError, sweep};
use crate::{Event, Listener};

/// What the queries of the application have to say about another server.
#[derive(Clone, Debug, Serialize)]
pub struct Upgraded {
    /// The server of the target.
    pub from: Server,
    /// The other one.
    pub to: Server,
    /// How the copy on the target's server was made.
    pub copy: CopyReport,
    /// How the copy on the other server was made.
    pub copy_there: CopyReport,
    /// What orders and compares text in either copy, where that differs: (what, here, there).
    pub collations: Vec<CollationChange>,
    /// What the queries have to say.
    pub workload: WorkloadTrial,
}

/// Something that decides how text is ordered and compared, and that is not the same on both servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CollationChange {
    /// What: `the database`, or the name of a collation.
    pub what: String,
    /// What it is here; none if it is not there.
    pub from: Option<String>,
    /// What it is there.
    pub to: Option<String>,
}

impl Upgraded {
    /// Whether nothing speaks against it.
    pub fn passed(&self) -> bool {
        !self.workload.fails
    }
}

/// The error of rehearsing an upgrade.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// No engine for a URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The workload.
    #[error(transparent)]
    Workload(#[from] WorkloadFailure),
    /// There is none.
    #[error("an upgrade is rehearsed with the application's queries, and none are named")]
    NoWorkload,
    /// The other URL is of another engine, or its engine makes no copies.
    #[error("{to} is no server that this database can be upgraded to")]
    OtherEngine {
        /// Which, redacted.
        to: String,
    },
    /// What the copies are made of.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The target or a copy.
    #[error("cannot rehearse on copies on both servers")]
    Engine(#[from] EngineError),
}

/// Copies the target on its own server and on another one, and tries the application's queries on both.
///
/// The copy on the other server is made like the database that the URL names, as whoever dumps and restores into it would get it: its
/// encoding and its collation are that server's.
///
/// # Errors
/// When a workload is missing or unfit, or a copy cannot be made; what the queries do otherwise there is no error.
pub fn rehearse_upgrade(
    project: &Project,
    to: &DatabaseUrl,
    listener: &dyn Listener,
) -> Result<Upgraded, UpgradeError> {
    let engine = project.engine()?;
    let other = project.registry.engine(to)?;
    let refused = || UpgradeError::OtherEngine { to: to.redacted() };
    let cloner = engine.cloner().ok_or_else(refused)?;
    if other.kind() != engine.kind() {
        return Err(refused());
    }
    if project.selecting.is_selective() {
        return Err(whole_copies_only().into());
    }
    let witness = Witness::of(project, engine.kind())?.ok_or(UpgradeError::NoWorkload)?;
    let there = CopyPlace {
        url: Some(to.clone()),
        ..CopyPlace::default()
    };
    sweep(&project.url, cloner, &there, listener)?;
    let copied = |scratch: &dyn Scratch, report: &CopyReport| {
        listener.event(&Event::Copied {
            name: scratch.name().to_owned(),
            report: report.clone(),
        });
    };
    let source = Source::open(project, engine.as_ref(), listener)?;
    let here = source.copy(project, cloner, listener)?;
    copied(here.scratch.as_ref(), &here.report);
    listener.event(&Event::Copying {
        source: source.url().redacted(),
    });
    let after = cloner.copy_to(source.url(), to)?;
    let copy_there = source.report(after.report());
    copied(after.as_ref(), &copy_there);
    // Held until the copy that is made next to it is gone, which is before this is.
    let _source = source.if_shared();
    let before = here.scratch;
    let connect = |scratch: &dyn Scratch| -> Result<Box<dyn Session>, EngineError> {
        let options = ConnectOptions {
            application_name: Some("tightrope rehearse".to_owned()),
            ..ConnectOptions::default()
        };
        engine.connect(scratch.url(), &options)
    };
    let mut on_before = connect(before.as_ref())?;
    let mut on_after = connect(after.as_ref())?;
    let mut trial = Trial::begin(&witness, on_before.as_mut(), listener, false)?;
    trial.upgrade(on_after.as_mut(), &mut || connect(before.as_ref()))?;
    Ok(Upgraded {
        from: on_before.server().clone(),
        to: on_after.server().clone(),
        copy: here.report,
        copy_there,
        collations: collations(on_before.as_mut(), on_after.as_mut())?,
        workload: trial.finish(),
    })
}

/// What orders text differently on the two.
fn collations(
    here: &mut dyn Session,
    there: &mut dyn Session,
) -> Result<Vec<CollationChange>, EngineError> {
    let read = |session: &mut dyn Session| match session.queries() {
        Some(queries) => queries.collations(),
        None => Ok(Vec::new()),
    };
    let (here, there) = (read(here)?, read(there)?);
    let of = |list: &[(String, String)], name: &str| {
        let found = list.iter().find(|(known, _)| known == name);
        found.map(|(_, meaning)| meaning.clone())
    };
    let mut names: Vec<&String> = here.iter().map(|(name, _)| name).collect();
    names.dedup();
    let changes = names.into_iter().map(|name| CollationChange {
        what: name.clone(),
        from: of(&here, name),
        to: of(&there, name),
    });
    Ok(changes.filter(|change| change.from != change.to).collect())
}

/// Both servers have to hold the same rows, and masks or samples are made for one copy.
fn whole_copies_only() -> EngineError {
    EngineError::new(
        ErrorKind::Unsupported,
        "an upgrade is rehearsed on whole copies, and copies of this target are samples or masked",
    )
    .hint("leave `sample` out, and set `masked = false` under [targets.NAME.rehearse], if the other server may hold everything")
}
