//! Watching, end to end: a load that goes on, migrations that are bad in different ways, and one that is good.
//!
//! Every writer keeps a log of its own of what the database has acknowledged; after a rollback all of it has to be there.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod clock;
mod forward;
mod lost_answers;
mod postgres;
mod probes;
mod proxy;
mod restarted;
mod sqlite;
mod stage;
mod statistics;
mod taken_over;
mod web;
