//! What tightrope needs from a database engine, as object-safe traits.
//!
//! An [`Engine`] opens [`Session`]s; whatever only some engines can do is a trait of its own that is reached through an
//! `Option` ([`Cloner`]), so that planning sees what is missing before anything runs. Facts about a server are data
//! ([`Capabilities`]).
//!
//! The traits are synchronous: a migration is a sequence, and where two things must go on at once (a heartbeat, a look at who
//! holds a lock) the lifecycle opens a second session on a thread. See `docs/design/0002-synchronous-engines.md`.
//!
//! **Invariant:** nothing above this crate names an engine; nothing in this crate knows one.

mod backup;
mod capabilities;
mod changes;
mod clone;
mod error;
mod net;
mod physical;
mod queries;
mod registry;
mod session;
mod url;
mod vitals;

pub use backup::{
    Backup, BackupFiles, BackupKind, BackupWatch, DatabaseId, Kinship, Restored, TableContent,
    TakeOptions, Taken, Unfit, tables_named,
};
pub use capabilities::Capabilities;
pub use changes::{
    Change, ChangeKind, Changes, Counted, LogMark, LogNumber, LogThere, LoggedTable, NamedRelation,
    ReadUpTo, Replay, Replayed, Unreplayed, freed_beyond_the_mark,
};
pub use clone::{Cloner, CopyOutlook, CopyPlace, CopyReport, Scratch};
pub use error::{EngineError, ErrorKind};
pub use net::{
    Fill, ForwardColumn, Gauge, KeptNet, KeptSequence, KeptTable, Merged, Net, Position,
    Quarantined, Sequence, Window,
};
pub use physical::{Cluster, Ground, KeptCluster, Physical, ServerPrograms};
pub use queries::{Queries, QueryRows, StatementRecord};
pub use registry::{Registry, UnknownScheme};
pub use session::{
    Alive, Blocker, ConnectOptions, KeptFile, Liveness, Role, Row, RowDialect, RowStream,
    RunStatement, Server, Session, SessionId, StatementOutcome, StoreDialect,
};
pub use url::DatabaseUrl;
pub use vitals::{Vital, Vitals};

use tightrope_model::EngineKind;

/// A database engine: the factory of sessions and the way to its optional abilities.
pub trait Engine: Send + Sync {
    /// Which engine it is.
    fn kind(&self) -> EngineKind;

    /// The URL schemes that name it, without `://`: `postgres`, `postgresql`.
    fn schemes(&self) -> &'static [&'static str];

    /// Opens a session.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`], [`ErrorKind::AuthenticationFailed`], [`ErrorKind::DatabaseMissing`] and the like; the
    /// message never holds a password.
    fn connect(
        &self,
        url: &DatabaseUrl,
        options: &ConnectOptions,
    ) -> Result<Box<dyn Session>, EngineError>;

    /// The ability to make a copy to rehearse on.
    fn cloner(&self) -> Option<&dyn Cloner>;

    /// The ability to take backups and to restore them; none where the engine has it not.
    fn backup(&self) -> Option<&dyn Backup> {
        None
    }

    /// The ability to copy whole clusters by their files; none where the engine has it not.
    fn physical(&self) -> Option<&dyn Physical> {
        None
    }
}
