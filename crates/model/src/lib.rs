//! The vocabulary of tightrope, shared by every other crate.
//!
//! Everything here is pure: no I/O, no clock, no environment. The idea it carries: a database's schema is *data*
//! ([`Catalog`]), its digest is the [`Fingerprint`], its rows are summed up by a [`TableChecksum`], and whatever a person
//! should look at is a [`Finding`] with the [`Place`] it was found in.

mod catalog;
mod checksum;
mod digest;
mod engine_kind;
mod finding;
mod footprint;
mod likeness;
mod nearest;
mod net;
mod part;
pub mod sql_text;
mod value;
mod verdict;
mod version;
mod words;

pub use catalog::{
    Attribute, AttributeLevel, Catalog, Change, Difference, Differences, Fingerprint, NativeId,
    Object, ObjectId, ObjectKind, differences_in_words, squeeze_text,
};
pub use checksum::{DataDifference, RowSample, TableChecksum, TableName, TableShape};
pub use digest::{Digest, DigestParseError};
pub use engine_kind::{EngineKind, UnknownEngine};
pub use finding::{Finding, Place, Severity, Span};
pub use footprint::{Footprint, LockHeld, TableChange};
pub use likeness::{Likeness, Surroundings, Unlike};
pub use nearest::nearest;
pub use net::{ColumnPlan, Conflict, Keep, KeyColumn, NetPlan, SequencePlan, TablePlan};
pub use part::Part;
pub use value::Value;
pub use verdict::Verdict;
pub use version::Version;
pub use words::{cut_where_they_differ, grouped};
