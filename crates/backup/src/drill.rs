use serde::{Deserialize, Serialize};
use tightrope_engine::DatabaseId;
use tightrope_model::Digest;

use crate::SigningKey;
use crate::record::{self, Sealed, to_text};

/// The layout of the file.
const LAYOUT: u32 = 1;

/// What was practised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillKind {
    /// Restoring a backup.
    Restore,
    /// Rolling a migration back on a copy that was written to.
    Rollback,
}

impl DrillKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Restore, Self::Rollback];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Rollback => "rollback",
        }
    }
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillVerdict {
    /// It works.
    Pass,
    /// It does not.
    Fail,
}

/// The record of a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillRecord {
    /// The layout of this file.
    pub tightrope_drill: u32,
    /// What was practised.
    pub kind: DrillKind,
    /// On which database.
    pub database: DatabaseId,
    /// When, in RFC 3339.
    pub at: String,
    /// Which backup, or which migration.
    pub what: String,
    /// The size of the database.
    pub bytes: u64,
    /// How long the way back took.
    pub milliseconds: u64,
    /// What came out.
    pub verdict: DrillVerdict,
    /// What was compared, or what was not equal.
    pub findings: Vec<String>,
    /// The digest over all the rest.
    pub seal: Option<Digest>,
    /// The seal, signed.
    pub signature: Option<String>,
}

impl Sealed for DrillRecord {
    fn marks(&self) -> (Option<Digest>, Option<&str>) {
        (self.seal, self.signature.as_deref())
    }

    fn mark(&mut self, seal: Digest, signature: Option<String>) {
        (self.seal, self.signature) = (Some(seal), signature);
    }
}

impl DrillRecord {
    /// The layout that this version writes.
    pub const LAYOUT: u32 = LAYOUT;

    /// The same record, sealed, and signed where a key is given.
    #[must_use]
    pub fn sealed(self, key: Option<&SigningKey>) -> Self {
        record::sealed(self, key)
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> String {
        to_text(self)
    }

    /// Reads a record back; none where it is not whole, or not of this key.
    pub(crate) fn parse(text: &str, key: Option<&SigningKey>) -> Option<Self> {
        let read: Self = serde_json::from_str(text).ok()?;
        let whole = record::check(&read, text, key).is_ok();
        (whole && read.tightrope_drill <= LAYOUT).then_some(read)
    }
}
