//! Watching an applied migration: criteria that were written down beforehand decide whether it stays.
//!
//! [`begin_watch`] fixes the criteria in the store and takes the baseline, `apply` measures the invariants inside the migration's
//! transaction (`hold.rs`), and [`Watch::go_on`] looks, judges and decides. Every look is durable before it counts, so that another
//! process ([`take_over`]) comes to the same rulings when the watcher dies. `probe/` has one file a kind of probe.
//!
//! **Invariants:** a watch rolls back at most once; nothing is rolled back by itself unless the readiness gauge says that the way
//! back is open and loses nothing; a decision is in the ledger before it is carried out.

mod begin;
mod decide;
mod events;
mod gauge;
mod hold;
mod hook;
mod messenger;
mod open;
mod post;
mod probe;
mod pulse;
mod report;
mod run;
mod sentry;
mod take_over;
mod variables;
mod way_back;
mod web;

pub use begin::{begin_watch, criteria_of};
pub use events::{WatchEvent, WatchListener};
pub use hold::Broken;
pub(crate) use hold::{Held, Measured};
pub use open::WatchReport;
pub(crate) use open::open_watch;
pub use report::{Outcome, WatchError, Watched};
pub use run::{Ask, CalledOff, Watch};
pub use take_over::take_over;
pub use way_back::WayBackNow;
