//! From two catalogs to the way back: the *derived rollback*.
//!
//! The catalog before a migration and the catalog now, read in the same database, say what is different; where the engine
//! numbers its objects, a rename is told from a drop-and-add with certainty ([`Matching`]). The [`Inverse`] of that difference
//! is a list of steps in three phases: what stands in the way is cleared, tables get their shape back, and what hangs on them
//! is made again. Between the second and the third, rows are merged. The script's text is never read: DO blocks, functions and
//! CASCADE are covered like everything else.
//!
//! Everything here is pure. What an engine's DDL looks like is the business of one module a dialect.
//!
//! **Invariant:** what cannot be inverted exactly is a [`Loss`], never a guess.

mod matching;
mod outcome;
mod postgres;
mod source;
mod sqlite;

pub use matching::{Matching, Rename};
pub use outcome::{Inverse, Loss, Phase, Step};
pub use postgres::can_stand_in;
pub use source::{MoreRows, Setting, Sources, StandIn, TableSource};

use tightrope_model::{Catalog, EngineKind};

/// What an inverse is derived from.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The catalog to return to.
    pub before: &'a Catalog,
    /// The catalog as it is now.
    pub now: &'a Catalog,
    /// Renames that the statements told, for engines that do not number their objects.
    pub renames: &'a [Rename],
    /// Where the values of lost columns and rows come from.
    pub sources: &'a Sources,
}

/// Derives the steps that lead from the catalog now back to the one before.
pub fn derive(dialect: EngineKind, change: &Change<'_>) -> Inverse {
    match dialect {
        EngineKind::Postgres => postgres::derive(change),
        EngineKind::Sqlite => sqlite::derive(change),
    }
}
