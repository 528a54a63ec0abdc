//! The control twin: a database that never migrated but received the same writes judges one that migrated and came back.
//!
//! A seed gives a random schema with rows, a random migration and random writes ([`generate()`]). The migration is applied and
//! rolled back with the writes in between; the twin gets the writes alone, in the words of its own schema. Afterwards the
//! strict fingerprint and every table's checksum must be the same on both sides ([`run_case`]). What fails is made as small as
//! it gets ([`shrink()`]), and printed as SQL.
//!
//! The generators are careless on purpose: each statement is tried on the twin first, and what the server refuses is left out.
//! They need to know only what a statement *means* for later writes, which is what `schema.rs` models.
//!
//! **Invariant:** a write stays on both sides or on neither, and only if both have told the same of it.

mod case;
mod chance;
mod counterpart;
mod draft;
mod generate;
mod hunt;
mod make;
mod migration;
mod positions;
mod rows;
mod runner;
mod schema;
mod shrink;
mod stage;
mod things;
mod translate;
mod values;
mod writes;

pub use case::{Stacked, TwinCase, Write};
pub use generate::{Bench, generate};
pub use hunt::{Bag, Hunt, Make};
pub use runner::{Outcome, run_case, run_seed};
pub use shrink::shrink;
pub use stage::Stage;
