//! Applying: the pending migrations, each proven or decided, each all or nothing.

mod prepare;
mod report;
mod run;
mod stepwise;
mod transaction;

pub use prepare::{ApplyOptions, Prepared, Proof, prepare_apply};
pub use report::{Applied, AppliedOne, ApplyError, Left};

pub(crate) use prepare::fresh_certificate;
pub(crate) use run::Job;
pub(crate) use stepwise::{StepFailure, StepJob, carry_out, finish};
