//! Drills: the way back practised while nobody needs it, timed, and on the record.

mod restore;
mod rollback;
mod status;

pub use restore::{DrillChoice, drill_restore};
pub use rollback::drill_rollback;
pub use status::{DrillKindStatus, DrillStatus, drill_status};

pub(crate) use status::require_held;
