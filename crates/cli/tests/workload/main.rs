//! The application's queries as witness, end to end: what is captured, and what a rehearsal makes of it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod broken;
mod capture;
mod fifty;
mod replay;
mod stage;
mod ties;
mod upgrade;
