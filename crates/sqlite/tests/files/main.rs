//! SQLite through the engine traits, on real files.

#![expect(
    clippy::unwrap_used,
    reason = "everything here is a test or a part of one"
)]

mod backups;
mod catalog;
mod copies;
mod sessions;
mod speed;
mod support;
mod vaultwarden;
