use serde::{Deserialize, Serialize};
use tightrope_engine::{Counted, LogNumber, LoggedTable, NamedRelation, Unreplayed};
use tightrope_model::{Digest, TableName};

use super::FOLDER;
use crate::FileDigest;
use crate::manifest::Encryption;
use crate::record::Sealed;

/// Where a backup stands in a change log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStart {
    /// The log.
    pub log: LogNumber,
    /// What the snapshot sees of it.
    pub mark: String,
    /// What the tables are called in the snapshot; none where an older tightrope has taken the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<Vec<NamedRelation>>,
}

/// The record of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The layout of this file.
    pub tightrope_changes: u32,
    /// The backup's name.
    pub backup: String,
    /// The seal of its manifest.
    pub manifest: Option<Digest>,
    /// Which one, from 1.
    pub number: u32,
    /// The mark that it was read from.
    pub since: String,
    /// The mark that it was read to.
    pub mark: String,
    /// The server's time of that, in RFC 3339: a recovery point.
    pub at: String,
    /// How many changes it has.
    pub changes: u64,
    /// The size of its file, as it is stored.
    pub bytes: u64,
    /// The digest of its file.
    pub digest: Digest,
    /// How its file is encrypted; none where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// The tables that its changes name.
    pub tables: Vec<LoggedTable>,
    /// How far sequences had counted.
    pub counted: Vec<Counted>,
    /// Tables whose changes are not in the log.
    pub unlogged: Vec<TableName>,
    /// Why nothing comes after it; none while the log goes on.
    pub ended: Option<String>,
    /// The seal of the segment before.
    pub before: Option<Digest>,
    /// The digest over all the rest.
    pub seal: Option<Digest>,
    /// The seal, signed.
    pub signature: Option<String>,
}

impl Segment {
    /// Its file in the backup. Named by its content: two who carry at once never write over each other.
    pub(crate) fn file(&self) -> FileDigest {
        let (number, digest) = (self.number, self.digest.short());
        FileDigest {
            path: format!("{FOLDER}/{number:06}-{digest}.changes"),
            bytes: self.bytes,
            digest: self.digest,
        }
    }
}

impl Sealed for Segment {
    fn marks(&self) -> (Option<Digest>, Option<&str>) {
        (self.seal, self.signature.as_deref())
    }

    fn mark(&mut self, seal: Digest, signature: Option<String>) {
        (self.seal, self.signature) = (Some(seal), signature);
    }
}

/// The record of a replay, whatever came out: with what could not be replayed, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRecord {
    /// The layout of this file.
    pub tightrope_replay: u32,
    /// The backup's name.
    pub backup: String,
    /// When, in RFC 3339.
    pub replayed_at: String,
    /// The database that it was restored to, redacted.
    pub into: String,
    /// All that was committed up to then is there.
    pub recovery_point: String,
    /// Changes that were replayed.
    pub changes: u64,
    /// Changes that were left out, for they came after the moment that was asked for.
    pub left_out: u64,
    /// What could not be replayed. Beside an encrypted backup, without the rows.
    pub unreplayed: Vec<Unreplayed>,
    /// How long it took.
    pub milliseconds: u64,
    /// The digest over all the rest.
    pub seal: Option<Digest>,
    /// The seal, signed.
    pub signature: Option<String>,
}

impl ReplayRecord {
    /// The layout that this version writes.
    pub const LAYOUT: u32 = 1;
}

impl Sealed for ReplayRecord {
    fn marks(&self) -> (Option<Digest>, Option<&str>) {
        (self.seal, self.signature.as_deref())
    }

    fn mark(&mut self, seal: Digest, signature: Option<String>) {
        (self.seal, self.signature) = (Some(seal), signature);
    }
}
