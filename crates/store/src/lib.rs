//! What tightrope keeps: in the target database the lease, the journal, the applied migrations, catalog snapshots and the
//! ledger; beside a migration its certificate.
//!
//! The reverse travels with the database: an applied migration is stored with its rollback script, so that an older
//! checkout, or none, can still roll back. Types that land on disk or in a table are versioned types of their own here, apart
//! from the in-memory model.
//!
//! **Invariants:** only the holder of the lease writes; every write names the lease's fencing number; the journal's last entry
//! tells whether a run is open; the ledger is append-only and each entry carries the digest of the one before.

mod applied;
mod certificate;
mod error;
mod extrapolation;
mod forward;
mod journal;
mod layout;
mod lease;
mod ledger;
mod quarantine;
mod snapshot;
mod watch;

pub use applied::{AppliedMigration, StoredScript};
pub use certificate::{Certificate, CertificateError, CertificateTarget, Stale, WitnessedWorkload};
pub use error::StoreError;
pub use extrapolation::{Extrapolated, Extrapolation};
pub use forward::{ForwardImage, KeptImage};
pub use journal::{
    Direction, Edge, JournalEntry, MigrationBegun, OpenMigration, OpenRun, RunBegun, StepBegun,
};
pub use lease::{HEARTBEAT_TTL_S, Holder, Lease, LeaseOutcome};
pub use ledger::{LedgerBreak, LedgerEntry, LedgerTail, Record};
pub use quarantine::QuarantinedRow;
pub use watch::{AppliedMark, OpenWatch, WatchPhase, WatchRecord};

use tightrope_engine::Session;

/// tightrope's own tables, seen through a session.
pub struct Store<'s> {
    session: &'s mut dyn Session,
}

impl<'s> Store<'s> {
    /// The store of the database that the session is on; nothing is read or made yet.
    pub fn new(session: &'s mut dyn Session) -> Self {
        Self { session }
    }

    /// The name of one of tightrope's own tables, ready to stand in SQL.
    fn table(&self, name: &str) -> String {
        format!("{}{name}", self.session.store_dialect().prefix)
    }
}
