//! The net on real servers: a migration, the application's writes, and the way back, compared with a twin that never
//! migrated. The schema's way back is written by hand here.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod columns;
mod conflicts;
mod keyless;
mod moves;
mod published;
mod references;
mod rows;
mod stack;
mod stand_in;
#[path = "../support/mod.rs"]
mod support;
mod traps;
mod walk;
