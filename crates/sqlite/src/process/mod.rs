//! What the operating system knows about other processes: whether one lives, and which holds a lock on a file.

mod describe;
mod liveness;
mod locks;
mod space;

pub use liveness::{evidence, is_alive};
pub(crate) use locks::{CAN_NAME_HOLDERS, beside, holders};
pub(crate) use space::{free_bytes, shares_blocks};
