//! The net in SQLite, on real files: one migration there and back, held against a twin that never migrated.

#![expect(
    clippy::unwrap_used,
    reason = "everything here is a test or a part of one"
)]

mod columns;
mod conflicts;
mod facts;
mod large;
mod left;
mod plan;
mod rows;
mod stacked;
mod walk;
mod written;
