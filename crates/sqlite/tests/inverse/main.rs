//! What the derived inverse brings back in SQLite, on real files.

#![expect(
    clippy::unwrap_used,
    reason = "everything here is a test or a part of one"
)]

mod keys;
mod objects;
mod support;
mod tables;
mod vaultwarden;
