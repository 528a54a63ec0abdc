use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tightrope_engine::{BackupKind, DatabaseId, Server, TableContent, Taken};
use tightrope_model::{Digest, Fingerprint};

use crate::adopted::Adopted;
use crate::changes::LogStart;
use crate::cipher::METHOD;
use crate::files::FileDigest;
use crate::record::{self, Fault, Sealed, to_text};
use crate::{EncryptionKey, SigningKey};

/// The layout of the file: that of a logical backup, and of a physical one, which older tightropes cannot restore.
const LAYOUT: u32 = 1;
const LAYOUT_OF_PHYSICAL: u32 = 2;

/// What a backup is: of which database, as of which instant, which files, and what a restored database must be equal to.
///
/// It is the last file that is written. `seal` is the digest of all the rest; `signature` ties the seal to a key, so that also
/// who can write in the place cannot change a backup and its manifest together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout of this file.
    pub tightrope_backup: u32,
    /// The backup's name: that of its folder.
    pub name: String,
    /// The server's time of the snapshot, in RFC 3339.
    pub taken_at: String,
    /// The tool's version.
    pub tool_version: String,
    /// The server and the database.
    pub server: Server,
    /// Which database, for certain.
    pub database: DatabaseId,
    /// What it is a copy of.
    #[serde(default, skip_serializing_if = "BackupKind::is_logical")]
    pub kind: BackupKind,
    /// How it was taken.
    pub method: String,
    /// The version of the program that took it, where one did.
    pub program: Option<String>,
    /// Where in the server's log the snapshot stands.
    pub position: Option<String>,
    /// Encoding, collation and settings of the database.
    pub properties: BTreeMap<String, String>,
    /// The newest migration that was applied.
    pub applied: Option<String>,
    /// The schema.
    pub fingerprint: Fingerprint,
    /// The tables, with the checksums of their rows.
    pub tables: Vec<TableContent>,
    /// The size of the database when it was taken.
    pub source_bytes: u64,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// What a person should know about it.
    pub remarks: Vec<String>,
    /// Where the snapshot stands in the change log that was begun for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<LogStart>,
    /// What is known of a backup that another system keeps: there are no files here then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// How the files are encrypted; none where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// The files, as they are stored.
    pub files: Vec<FileDigest>,
    /// The digest over all the rest.
    pub seal: Option<Digest>,
    /// The seal, signed.
    pub signature: Option<String>,
}

/// How a backup's files are encrypted. The manifest itself is not: what a backup is can be seen without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// How.
    pub method: String,
    /// The name of the key, which says nothing about the key.
    pub key: String,
}

impl Encryption {
    /// What is written of files that are encrypted with that key.
    pub(crate) fn with(key: &EncryptionKey) -> Self {
        Self {
            method: METHOD.to_owned(),
            key: key.id(),
        }
    }
}

/// Why a file is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not the JSON that tightrope writes.
    #[error("the manifest cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// It was made by a newer tightrope.
    #[error("the manifest has layout {0}, which this tightrope does not know")]
    Layout(u64),
    /// It was edited.
    #[error("the manifest was changed after it was written")]
    Edited,
    /// A key is given, and the manifest is not signed.
    #[error("the manifest is not signed, and a key is configured")]
    Unsigned,
    /// A key is given, and the signature is not of this key.
    #[error("the manifest's signature is not of the key that is configured")]
    Forged,
}

impl Sealed for Manifest {
    fn marks(&self) -> (Option<Digest>, Option<&str>) {
        (self.seal, self.signature.as_deref())
    }

    fn mark(&mut self, seal: Digest, signature: Option<String>) {
        (self.seal, self.signature) = (Some(seal), signature);
    }
}

impl Manifest {
    /// The manifest of what was taken.
    pub fn new(
        name: String,
        taken: Taken,
        files: Vec<FileDigest>,
        tool_version: String,
        milliseconds: u64,
    ) -> Self {
        Self {
            tightrope_backup: match taken.kind {
                BackupKind::Logical => LAYOUT,
                BackupKind::Physical => LAYOUT_OF_PHYSICAL,
            },
            kind: taken.kind,
            name,
            taken_at: taken.taken_at,
            tool_version,
            server: taken.server,
            database: taken.database,
            method: taken.method,
            program: taken.program,
            position: taken.position,
            properties: taken.properties,
            applied: None,
            fingerprint: taken.fingerprint,
            tables: taken.tables,
            source_bytes: taken.source_bytes,
            milliseconds,
            remarks: taken.remarks,
            changes: None,
            adopted: None,
            encryption: None,
            files,
            seal: None,
            signature: None,
        }
    }

    /// The same manifest, sealed, and signed where a key is given.
    #[must_use]
    pub fn sealed(self, key: Option<&SigningKey>) -> Self {
        record::sealed(self, key)
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        to_text(self)
    }

    /// Reads a manifest back and checks its seal and, where a key is given, its signature.
    ///
    /// # Errors
    /// When it is not whole, or not of this key.
    pub fn parse(text: &str, key: Option<&SigningKey>) -> Result<Self, ManifestError> {
        let value: serde_json::Value = serde_json::from_str(text)?;
        let layout = value
            .get("tightrope_backup")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0);
        if layout > u64::from(LAYOUT_OF_PHYSICAL) {
            return Err(ManifestError::Layout(layout));
        }
        let manifest: Self = serde_json::from_value(value)?;
        match record::check(&manifest, text, key) {
            Ok(()) => Ok(manifest),
            Err(Fault::Edited) => Err(ManifestError::Edited),
            Err(Fault::Unsigned) => Err(ManifestError::Unsigned),
            Err(Fault::Forged) => Err(ManifestError::Forged),
        }
    }

    /// The size of the backup's files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// How many rows the tables have, as far as they were counted.
    pub fn rows(&self) -> u64 {
        let sums = self
            .tables
            .iter()
            .filter_map(|table| table.checksum.as_ref());
        sums.map(|sum| sum.rows).sum()
    }

    /// Whether the rows of every table were summed up, so that a restored database can be compared.
    pub fn has_checksums(&self) -> bool {
        self.adopted.is_none() && self.tables.iter().all(|table| table.checksum.is_some())
    }

    /// The instant of the snapshot; the beginning of time if it cannot be read.
    pub fn taken(&self) -> Timestamp {
        self.taken_at.parse().unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tightrope_model::EngineKind;

    pub(crate) fn manifest(name: &str, taken_at: &str) -> Manifest {
        let digest = Digest::of("schema");
        Manifest {
            tightrope_backup: LAYOUT,
            name: name.to_owned(),
            taken_at: taken_at.to_owned(),
            tool_version: "0.1.0".to_owned(),
            server: Server {
                engine: EngineKind::Sqlite,
                version: "3.50.2".to_owned(),
                major: "3".to_owned(),
                database: "shop.db".to_owned(),
                host: "/srv".to_owned(),
                user: None,
            },
            database: DatabaseId {
                id: "/srv/shop.db".to_owned(),
                name: "shop.db".to_owned(),
            },
            kind: BackupKind::Logical,
            method: "backup API".to_owned(),
            program: None,
            position: None,
            properties: BTreeMap::new(),
            applied: None,
            fingerprint: Fingerprint {
                logical: digest,
                strict: digest,
            },
            tables: Vec::new(),
            source_bytes: 100,
            milliseconds: 1,
            remarks: Vec::new(),
            changes: None,
            adopted: None,
            encryption: None,
            files: Vec::new(),
            seal: None,
            signature: None,
        }
    }

    #[test]
    fn a_manifest_reads_back_and_an_edited_one_does_not() {
        let whole = manifest("a", "2026-01-01T00:00:00Z").sealed(None);
        let text = whole.to_text();
        assert_eq!(Manifest::parse(&text, None).unwrap(), whole);
        let edited = text.replace("\"source_bytes\": 100", "\"source_bytes\": 101");
        assert!(matches!(
            Manifest::parse(&edited, None),
            Err(ManifestError::Edited)
        ));
        assert!(matches!(
            Manifest::parse(&text[..text.len() / 2], None),
            Err(ManifestError::Unreadable(_))
        ));
        let newer = text.replace("\"tightrope_backup\": 1", "\"tightrope_backup\": 3");
        assert!(matches!(
            Manifest::parse(&newer, None),
            Err(ManifestError::Layout(3))
        ));
    }

    #[test]
    fn who_has_no_key_cannot_seal_a_manifest_anew() {
        let key = SigningKey::from_secret("geheim");
        let signed = manifest("a", "2026-01-01T00:00:00Z").sealed(Some(&key));
        assert!(Manifest::parse(&signed.to_text(), Some(&key)).is_ok());
        assert!(Manifest::parse(&signed.to_text(), None).is_ok());
        let sealed_anew = Manifest {
            source_bytes: 5,
            ..signed.clone()
        }
        .sealed(None);
        assert!(matches!(
            Manifest::parse(&sealed_anew.to_text(), Some(&key)),
            Err(ManifestError::Unsigned)
        ));
        let old_signature = Manifest {
            signature: signed.signature,
            ..sealed_anew
        };
        assert!(matches!(
            Manifest::parse(&old_signature.to_text(), Some(&key)),
            Err(ManifestError::Forged)
        ));
    }
}
