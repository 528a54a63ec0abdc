//! The queries of an application as witness: captured from a server, tried on the copies of a rehearsal.
//!
//! A [`Trial`] goes along with the rehearsal of one migration. It prepares every query before the forward script, after it, and after
//! the rollback: what fails already before is set aside, and what fails only then is what the migration breaks. Queries with samples of
//! their parameters are [replayed](replay), each in a transaction that is rolled back. The target is not touched.

mod call;
mod capture;
mod load;
mod prepare;
mod replay;
mod report;
mod settings;
mod ties;
mod trial;
mod upgrade;

pub use capture::{CaptureOptions, CaptureSource, Captured, capture};
pub use load::{WorkloadFailure, load_workload};
pub use report::{
    CostChange, Moment, OpenOrder, PlanChange, QueryFailure, QueryName, Replay, ResultChange,
    WorkloadTrial,
};
pub use settings::{OnHarm, WorkloadSettings};
pub use upgrade::{CollationChange, UpgradeError, Upgraded, rehearse_upgrade};

pub(crate) use load::Witness;
pub(crate) use trial::Trial;
