//! What the tests of the other crates stand on: real servers.
//!
//! [`servers`] starts a database server once a run, whichever of the run's processes asks first, and sees to it that the
//! server ends with the run, however that ends.
//!
//! **Invariant:** nothing outside tests depends on this crate.

pub mod servers;

mod alive;
mod lock;
mod port;
mod run;
