use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tightrope_model::{Digest, Fingerprint};

use crate::record::{self, Sealed, to_text};
use crate::{Manifest, SigningKey};

/// The layout of the file.
const LAYOUT: u32 = 1;

/// The record of having restored a backup elsewhere and compared it with its manifest, whatever came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The layout of this file.
    pub tightrope_proof: u32,
    /// The backup's name.
    pub backup: String,
    /// The seal of its manifest: a proof counts for that manifest alone.
    pub manifest: Digest,
    /// When, in RFC 3339.
    pub proven_at: String,
    /// The server that it was restored on.
    pub server_version: String,
    /// The part of its version that the proof is bound to.
    pub server_major: String,
    /// How long reading and checking the files took.
    pub files_ms: u64,
    /// How long restoring took.
    pub restore_ms: u64,
    /// How long comparing took.
    pub compare_ms: u64,
    /// Whether the rows were only read and counted: an adopted backup has no checksums that they could be compared with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// How many tables were equal, or counted.
    pub tables: usize,
    /// How many rows they have.
    pub rows: u64,
    /// How many verify queries held.
    pub queries: usize,
    /// The size of the database that was backed up.
    pub source_bytes: u64,
    /// What was not equal; empty means proven.
    pub failures: Vec<String>,
    /// The digest over all the rest.
    pub seal: Option<Digest>,
    /// The seal, signed.
    pub signature: Option<String>,
}

impl Sealed for Proof {
    fn marks(&self) -> (Option<Digest>, Option<&str>) {
        (self.seal, self.signature.as_deref())
    }

    fn mark(&mut self, seal: Digest, signature: Option<String>) {
        (self.seal, self.signature) = (Some(seal), signature);
    }
}

impl Proof {
    /// The layout that this version writes.
    pub const LAYOUT: u32 = LAYOUT;

    /// The same proof, sealed, and signed where a key is given.
    #[must_use]
    pub fn sealed(self, key: Option<&SigningKey>) -> Self {
        record::sealed(self, key)
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        to_text(self)
    }

    /// Reads a proof back; none where it is not whole, or not of this key: an edited proof proves nothing.
    pub fn parse(text: &str, key: Option<&SigningKey>) -> Option<Self> {
        let proof: Self = serde_json::from_str(text).ok()?;
        let whole = record::check(&proof, text, key).is_ok();
        (whole && proof.tightrope_proof <= LAYOUT).then_some(proof)
    }

    /// Whether everything was equal.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// How long getting the database back takes: files checked, restored, compared.
    pub fn milliseconds(&self) -> u64 {
        self.files_ms + self.restore_ms + self.compare_ms
    }
}

/// What proofs are held against.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The time.
    pub time: Timestamp,
    /// How old a backup may be, in seconds.
    pub max_age_s: u64,
    /// The part of the target's version that proofs are bound to; none where it is not known.
    pub server_major: Option<&'a str>,
    /// The target's schema; none where it is not known.
    pub fingerprint: Option<Fingerprint>,
}

/// Why a proof does not count any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// The backup is too old.
    #[error("it is older than {0} h")]
    Age(u64),
    /// The server was upgraded since.
    #[error("it was proven on version {0}, the server is another one now")]
    Engine(String),
    /// The schema was changed since.
    #[error("the schema was changed since it was taken")]
    Schema,
}

/// How far a backup can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "because")]
pub enum ProofStanding {
    /// It was restored and found equal, and that still counts.
    Proven,
    /// It was, and that does not count any more.
    Stale(Vec<Expiry>),
    /// It was never restored.
    Unproven,
    /// It was restored, and was not equal.
    Failed(Vec<String>),
}

impl ProofStanding {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Stale(_) => "stale",
            Self::Unproven => "unproven",
            Self::Failed(_) => "failed",
        }
    }
}

/// Holds a backup and its proof against what is the case now. The age that counts is the backup's, not the proof's: what was
/// written since it was taken is what would be lost.
pub fn standing(manifest: &Manifest, proof: Option<&Proof>, now: &Now<'_>) -> ProofStanding {
    let proof = match proof {
        Some(proof) if Some(proof.manifest) == manifest.seal => proof,
        _ => return ProofStanding::Unproven,
    };
    if !proof.passed() {
        return ProofStanding::Failed(proof.failures.clone());
    }
    let age = now.time.duration_since(manifest.taken());
    let most = SignedDuration::from_secs(i64::try_from(now.max_age_s).unwrap_or(i64::MAX));
    let mut expired = Vec::new();
    if age > most {
        expired.push(Expiry::Age(now.max_age_s / 3_600));
    }
    if now
        .server_major
        .is_some_and(|major| major != proof.server_major || major != manifest.server.major)
    {
        expired.push(Expiry::Engine(proof.server_major.clone()));
    }
    if now
        .fingerprint
        .is_some_and(|fingerprint| fingerprint.strict != manifest.fingerprint.strict)
    {
        expired.push(Expiry::Schema);
    }
    if expired.is_empty() {
        ProofStanding::Proven
    } else {
        ProofStanding::Stale(expired)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::manifest::tests::manifest;

    pub(crate) fn proof_of(manifest: &Manifest) -> Proof {
        Proof {
            tightrope_proof: LAYOUT,
            backup: manifest.name.clone(),
            manifest: manifest.seal.unwrap(),
            proven_at: "2026-01-01T00:10:00Z".to_owned(),
            server_version: "3.50.2".to_owned(),
            server_major: "3".to_owned(),
            files_ms: 1,
            restore_ms: 10,
            compare_ms: 5,
            counted: false,
            tables: 0,
            rows: 0,
            queries: 0,
            source_bytes: 100,
            failures: Vec::new(),
            seal: None,
            signature: None,
        }
        .sealed(None)
    }

    #[test]
    fn an_edited_proof_proves_nothing() {
        let manifest = manifest("a", "2026-01-01T00:00:00Z").sealed(None);
        let text = proof_of(&manifest).to_text();
        assert!(Proof::parse(&text, None).is_some());
        let edited = text.replace("\"restore_ms\": 10", "\"restore_ms\": 9");
        assert!(Proof::parse(&edited, None).is_none());
        let key = SigningKey::from_secret("geheim");
        assert!(Proof::parse(&text, Some(&key)).is_none());
    }

    #[test]
    fn a_proof_expires_with_age_engine_and_schema_and_is_of_one_manifest() {
        let manifest = manifest("a", "2026-01-01T00:00:00Z").sealed(None);
        let proof = proof_of(&manifest);
        let now = Now {
            time: "2026-01-01T05:00:00Z".parse().unwrap(),
            max_age_s: 6 * 3_600,
            server_major: Some("3"),
            fingerprint: Some(manifest.fingerprint),
        };
        let check =
            |now: Now<'_>, expect| assert_eq!(standing(&manifest, Some(&proof), &now), expect);
        check(now, ProofStanding::Proven);
        let late = "2026-01-01T06:00:01Z".parse().unwrap();
        check(
            Now { time: late, ..now },
            ProofStanding::Stale(vec![Expiry::Age(6)]),
        );
        check(
            Now {
                server_major: Some("4"),
                ..now
            },
            ProofStanding::Stale(vec![Expiry::Engine("3".to_owned())]),
        );
        let digest = Digest::of("another schema");
        let fingerprint = Some(Fingerprint {
            logical: digest,
            strict: digest,
        });
        check(
            Now { fingerprint, ..now },
            ProofStanding::Stale(vec![Expiry::Schema]),
        );
        assert_eq!(standing(&manifest, None, &now), ProofStanding::Unproven);
        let sealed_anew = Manifest {
            milliseconds: 7,
            ..manifest.clone()
        }
        .sealed(None);
        assert_eq!(
            standing(&sealed_anew, Some(&proof), &now),
            ProofStanding::Unproven
        );
        let failed = Proof {
            failures: vec!["rows differ".to_owned()],
            ..proof.clone()
        };
        assert_eq!(standing(&manifest, Some(&failed), &now).name(), "failed");
    }
}
