//! Criteria, statistics and verdicts: what was agreed before a migration decides whether it stays.
//!
//! [`Criteria`] are read from text that can be read aloud (`"more than 10 errors"`), and have a digest, so that the ones which decide
//! are the ones that were agreed. A watch feeds a [`Judge`] with [`Look`]s, one at a time; the judge keeps every sample and gives a
//! [`Ruling`] for each criterion. The same looks give the same rulings, whoever feeds them: a process that takes over replays them.
//!
//! **Invariants:** pure: no I/O, no clock, no environment. A criterion never passes on missing data.

mod compare;
mod criterion;
mod duration;
mod judge;
mod look;
mod ruling;
mod sentence;
mod settings;
mod shift;
mod statistics;
mod track;

pub use criterion::{Bound, Condition, Criteria, Criterion, Invariant, Policy, Stat};
pub use duration::{duration_in_words, duration_ms};
pub use judge::{Judge, SOON};
pub use look::{Failure, FailureKind, Look, Observation};
pub use ruling::{Decision, Ruling, Verdict};
pub use settings::{HttpValue, OnFailure, Probe, ProbeSource, read, read_more};
pub use shift::{Shift, shift};
