//! The queries of an application, as a file that can be reviewed: the witness of a rehearsal.
//!
//! What comes from the server's statistics, its log or a script goes through a [`Collector`]: every text is [normalised](normalise), so
//! that literals become parameters and calls of one query meet; what is not the application's is left out and counted; samples of
//! parameters are kept only where they are asked for, and without what looks like a secret. The result is a [`Workload`], written and
//! read as text by [`Workload::to_text`] and [`Workload::parse`]. [`Plan`] and [`compare_rows`] say what has become of a query; [`Ranked`] and
//! [`Ties`], which of its order it leaves open.
//!
//! **Invariants:** pure: no I/O, no clock, no environment. No literal of a captured text is in the file, except as a sample of a parameter
//! that was asked for. What is run is the captured text with whole literals in it, and nothing is printed from a tree.

mod answer;
mod collect;
mod file;
mod logs;
mod normalise;
mod outside;
mod plan;
mod prepare;
mod quoted;
mod rank;
mod sample;
mod secret;
mod speed;
mod tables;
mod ties;
mod workload;

pub use answer::{Answer, RowsDiffer, compare_rows};
pub use collect::{Collector, Seen};
pub use file::{LAYOUT, WorkloadError};
pub use logs::{LogFormat, LogReading, read_log};
pub use normalise::{Normalised, NotAQuery, normalise};
pub use outside::{Outside, acts_outside};
pub use plan::{Plan, PlanError};
pub use prepare::{has_outer_order, picks_any_rows, variants};
pub use quoted::may_quote_values;
pub use rank::Ranked;
pub use sample::{Sample, fill_in};
pub use speed::{Speed, compare_times};
pub use ties::Ties;
pub use workload::{LeftOut, Query, Workload};
