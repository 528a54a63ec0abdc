//! What the tests of the other crates stand on: real servers, and the binary run as a person would run it.
//!
//! [`servers`] starts a database server once a run, whichever of the run's processes asks first, and sees to it that the
//! server ends with the run, however that ends. [`process`] runs `tightrope` in an environment of its own.
//!
//! [`phases`] takes a migration through its life and compares the end states by itself.
//!
//! [`contract`] holds every engine to what the engine traits promise.
//!
//! [`faults`] breaks connections.
//!
//! [`twin`] compares a database that migrated and came back with one that never did.
//!
//! **Invariant:** nothing outside tests depends on this crate.

pub mod contract;
pub mod faults;
pub mod phases;
pub mod process;
pub mod servers;
pub mod twin;

mod alive;
mod lock;
mod port;
mod run;

pub use port::free as free_port;
