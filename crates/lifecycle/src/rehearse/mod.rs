//! Rehearsal: forward, rollback and forward again on a copy; schema and every row must come back.
//!
//! Two scratch databases stand side by side: the *base*, which stays in the state before the migration, and the *work* copy,
//! on which the scripts run. What differs afterwards is therefore not only noticed by a checksum but shown by row. A passing
//! rehearsal leaves the work copy in the state after the migration, where the next one begins.

mod base;
mod certify;
mod cluster;
mod derived;
mod extrapolate;
mod generated;
mod on_server;
mod one;
mod outcome;
mod outlook;
mod report;
mod review;
mod rows;
mod run;
mod scripts;
mod source;
mod state;
mod versions;
mod witness;
mod write;

pub use cluster::ClusterRefusal;
pub use generated::GeneratedRows;
pub use outlook::{CopiesPlanned, CopyRoom};
pub use report::{DerivedRehearsal, MigrationRehearsal, RehearsalDifference};
pub use review::{Review, ReviewOptions, review};
pub use run::{RehearseError, RehearseOptions, Rehearsed, WorkloadNamed, rehearse};
pub use source::{CopiesOf, CopyCommand, SourceError};
pub use versions::UnknownVersion;
pub use write::{DeriveWhich, DerivedRollback, derive_rollbacks};

pub(crate) use base::{free_nets, sweep};
pub(crate) use cluster::{makes_roles, refuse_busy};
pub(crate) use outlook::{OutlookError, copies};
pub(crate) use run::{read_certificate, rehearse_pending};
pub(crate) use source::Source;
pub(crate) use state::State;
pub(crate) use versions::up_to;
