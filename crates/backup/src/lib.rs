//! Backups in their place: what is written there, and what can be said about it without a database.
//!
//! A [`Place`] is a folder. Every backup in it is a folder of its own with the engine's files, a [`Manifest`] that was written
//! last, and the [`Proof`]s of having restored it. What is being made has a name that begins with a dot and a lock that its
//! maker holds: a half backup never looks whole, and what a dead maker left is told from what a living one makes. The manifest
//! names the digest of every file, so that one flipped byte is [`Damage`] with a name.
//!
//! **Invariants:** nothing here opens a database; what lands on disk is a versioned type, sealed over all of it; a file is
//! durable before the name that makes it count is.

mod adopted;
mod bucket;
mod changes;
mod cipher;
mod damage;
mod drill;
mod files;
mod found;
mod manifest;
mod name;
mod place;
mod predict;
mod proof;
mod record;
mod retention;

pub use adopted::{Adopted, CountsCompared, LedgerBegin, TableRows};
pub use bucket::{BucketFault, BucketOptions, SCHEMES};
pub use changes::{Carried, LogStart, ReplayRecord, Segment, SegmentDraft};
pub use cipher::EncryptionKey;
pub use damage::Damage;
pub use drill::{DrillKind, DrillRecord, DrillVerdict};
pub use files::FileDigest;
pub use found::Found;
pub use manifest::{Encryption, Manifest, ManifestError};
pub use place::{Draft, KeyError, Opened, Place, PlaceError, RestoreMark, RestoreNote, free_bytes};
pub use predict::{Prediction, predict};
pub use proof::{Expiry, Now, Proof, ProofStanding, standing};
pub use record::SigningKey;
pub use retention::{Kept, Retention, retain};

/// A watcher of long work on files: bytes done, bytes in all.
pub type Progress<'a> = &'a dyn Fn(u64, u64);
