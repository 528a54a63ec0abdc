//! The change log of a backup: begun with it, carried out beside it, replayed onto it.
//!
//! Everything that is replayed comes from the segments beside the backup. A restore carries out the rest of the log first, if the
//! damaged database can still be read: so there is one way by which changes come back, and what was read once is not lost again.

mod begin;
mod carry;
mod cut;
mod places;
mod replay;
mod standing;

pub use begin::{LogEnded, end_logs};
pub use carry::{CarriedOut, CarryOptions, carry_changes};
pub use cut::ReplayUntil;
pub use replay::ReplayedChanges;
pub use standing::LogStanding;

pub(super) use begin::{begin_log, end_those, give_up, replace_older};
pub(super) use replay::{catch_up, free_logs, replay, write_record};
pub(super) use standing::{logs_there, standing_of};
