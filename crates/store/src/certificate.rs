use std::collections::BTreeMap;

use crate::Extrapolation;
use serde::{Deserialize, Serialize};
use tightrope_engine::CopyReport;
use tightrope_inverse::Loss;
use tightrope_model::{Digest, EngineKind, Fingerprint, Footprint, NetPlan, Verdict};

/// The layout of the file.
const LAYOUT: u32 = 1;

/// The proof that a migration was rehearsed: forward, rollback and forward again on a copy, and everything came back.
///
/// It is a JSON file beside the migration. It is bound to the scripts' digests, the schema it started from, the engine's
/// version and the tool's version, and expires with any of them. `seal` is the digest of all the rest: an edited certificate
/// is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The layout of this file.
    pub tightrope_certificate: u32,
    /// The migration's version as written.
    pub version: String,
    /// The migration's name.
    pub name: String,
    /// What the rehearsal found; only passing verdicts earn a certificate.
    pub verdict: Verdict,
    /// When, in RFC 3339.
    pub issued_at: String,
    /// The tool's version.
    pub tool_version: String,
    /// The engine.
    pub engine: EngineKind,
    /// The server's whole version.
    pub server_version: String,
    /// The part of it that the certificate is bound to.
    pub server_major: String,
    /// The forward script's digest.
    pub forward: Digest,
    /// The rollback script's digest.
    pub rollback: Digest,
    /// The verify script's digest, if there is one.
    pub verify: Option<Digest>,
    /// The schema that the rehearsal started from.
    pub before: Fingerprint,
    /// The schema after the forward script.
    pub after: Fingerprint,
    /// The schema after the rollback: equal to `before`, at least logically.
    pub after_rollback: Fingerprint,
    /// How long the forward script took, in milliseconds.
    pub forward_ms: u64,
    /// How long the rollback took, in milliseconds.
    pub rollback_ms: u64,
    /// What the forward script touched.
    pub footprint: Footprint,
    /// What the rollback touched.
    pub rollback_footprint: Footprint,
    /// Rows per table on the copy before.
    pub rows: BTreeMap<String, u64>,
    /// How the copy was made.
    pub copy: CopyReport,
    /// Whether the rollback is the derived one; its digest is that of the script as it was derived on the copy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// What the net will keep, decided from what the rehearsal touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<NetPlan>,
    /// What the derived rollback cannot bring back exactly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Loss>,
    /// The queries of the application that were tried in the rehearsal; none if none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WitnessedWorkload>,
    /// What the times say of all rows, where they were measured on a sample; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extrapolated: Option<Extrapolation>,
    /// The digest over all the rest.
    pub seal: Option<Digest>,
}

/// The queries of the application that were tried in a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessedWorkload {
    /// The digest of the file.
    pub digest: Digest,
    /// How many queries it holds.
    pub queries: usize,
    /// How many of them failed already before, and were set aside.
    pub set_aside: usize,
    /// The fingerprints of those that the migration breaks; only a policy that warns lets any through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
    /// How many were replayed with their parameters.
    pub replayed: usize,
}

/// What a certificate has to fit before it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateTarget {
    /// The forward script's digest.
    pub forward: Digest,
    /// The rollback script's digest.
    pub rollback: Option<Digest>,
    /// The verify script's digest.
    pub verify: Option<Digest>,
    /// The schema that the migration will start from; none if it cannot be known yet.
    pub before: Option<Fingerprint>,
    /// The engine.
    pub engine: EngineKind,
    /// The part of the server's version that certificates are bound to.
    pub server_major: String,
    /// The tool's version.
    pub tool_version: String,
    /// Whether the application's queries have to be behind it.
    pub with_queries: bool,
    /// How like the target the copy has to have been, in percent.
    pub least_likeness: Option<u8>,
    /// Whether a rehearsal on a sample counts.
    pub samples: bool,
}

/// Why a certificate does not count (any more).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Stale {
    /// The forward script was changed.
    #[error("the forward script was changed after the rehearsal")]
    Forward,
    /// The rollback script was changed.
    #[error("the rollback script was changed after the rehearsal")]
    Rollback,
    /// The verify script was changed.
    #[error("the verify script was changed after the rehearsal")]
    Verify,
    /// The database's schema is another one.
    #[error("the schema is not the one that it was rehearsed on")]
    Schema,
    /// The engine or its version is another one.
    #[error("it was rehearsed on {0}")]
    Engine(String),
    /// The tool's version is another one.
    #[error("it was rehearsed by tightrope {0}")]
    Tool(String),
    /// The application's queries were not tried.
    #[error("it was rehearsed without the application's queries")]
    Queries,
    /// The copy was not as like the target as is asked for.
    #[error("it was rehearsed on a copy that {}", match .0 {
        Some(percent) => format!("is {percent} % like the target: [policy] least_likeness asks for more"),
        None => "was not compared with the target: [policy] least_likeness asks for that".to_owned(),
    })]
    Unlike(Option<u8>),
    /// The copy was a sample, and these do not count.
    #[error(
        "it was rehearsed on a sample ({0}), which shows nothing of the other rows: [policy] samples = true lets it count"
    )]
    Sample(String),
}

/// Why a file is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It is not the JSON that tightrope writes.
    #[error("the file is not a certificate")]
    Unreadable(#[from] serde_json::Error),
    /// It was made by a newer tightrope.
    #[error("the certificate has layout {0}, which this tightrope does not know")]
    Layout(u32),
    /// It was edited.
    #[error("the certificate was edited after it was issued")]
    Edited,
    /// It does not state a passing verdict.
    #[error("the certificate states the verdict {0}, which earns none")]
    NotPassing(Verdict),
}

impl Certificate {
    /// The layout that this version writes.
    pub const LAYOUT: u32 = LAYOUT;

    /// The same certificate, sealed.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.seal = Some(self.content_digest());
        self
    }

    fn content_digest(&self) -> Digest {
        let mut bare = self.clone();
        bare.seal = None;
        Digest::of(serde_json::to_vec(&bare).unwrap_or_default())
    }

    /// The file's text: readable JSON with a newline at its end.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a certificate back and checks its invariants.
    ///
    /// # Errors
    /// When it is not whole.
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        let value: serde_json::Value = serde_json::from_str(text)?;
        let layout = value
            .get("tightrope_certificate")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0);
        if layout > u64::from(LAYOUT) {
            return Err(CertificateError::Layout(
                u32::try_from(layout).unwrap_or(u32::MAX),
            ));
        }
        let certificate: Self = serde_json::from_value(value)?;
        if certificate.seal != Some(certificate.content_digest()) {
            return Err(CertificateError::Edited);
        }
        if !certificate.verdict.passes() {
            return Err(CertificateError::NotPassing(certificate.verdict));
        }
        Ok(certificate)
    }

    /// The share of the rows that it was earned on, in words; none where all were there.
    pub fn sample(&self) -> Option<&str> {
        self.copy.selection.as_ref()?.sample.as_deref()
    }

    /// Everything that makes the certificate stale for a target; none means it is fresh.
    pub fn stale(&self, target: &CertificateTarget) -> Vec<Stale> {
        let checks = [
            (self.forward != target.forward, Stale::Forward),
            (
                !self.derived && Some(self.rollback) != target.rollback,
                Stale::Rollback,
            ),
            (self.verify != target.verify, Stale::Verify),
            (
                target
                    .before
                    .is_some_and(|before| before.strict != self.before.strict),
                Stale::Schema,
            ),
            (
                self.engine != target.engine || self.server_major != target.server_major,
                Stale::Engine(format!("{} {}", self.engine.product(), self.server_major)),
            ),
            (
                self.tool_version != target.tool_version,
                Stale::Tool(self.tool_version.clone()),
            ),
            (
                target.with_queries && self.workload.is_none(),
                Stale::Queries,
            ),
            (
                !self.copy.is_like_enough(target.least_likeness),
                Stale::Unlike(self.copy.likeness.as_ref().map(|like| like.percent)),
            ),
            (
                self.sample().is_some() && !target.samples,
                Stale::Sample(self.sample().unwrap_or_default().to_owned()),
            ),
        ];
        checks
            .into_iter()
            .filter(|(is_stale, _)| *is_stale)
            .map(|(_, stale)| stale)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_model::Likeness;

    fn certificate() -> Certificate {
        let digest = Digest::of("x");
        let fingerprint = Fingerprint {
            logical: digest,
            strict: digest,
        };
        Certificate {
            tightrope_certificate: LAYOUT,
            version: "0001".to_owned(),
            name: "first".to_owned(),
            verdict: Verdict::Exact,
            issued_at: "2026-01-01T00:00:00Z".to_owned(),
            tool_version: "0.1.0".to_owned(),
            engine: EngineKind::Sqlite,
            server_version: "3.50.2".to_owned(),
            server_major: "3".to_owned(),
            forward: digest,
            rollback: digest,
            verify: None,
            before: fingerprint,
            after: fingerprint,
            after_rollback: fingerprint,
            forward_ms: 1,
            rollback_ms: 1,
            footprint: Footprint::default(),
            rollback_footprint: Footprint::default(),
            rows: BTreeMap::new(),
            copy: CopyReport {
                method: "backup API".to_owned(),
                bytes: None,
                milliseconds: 1,
                remarks: Vec::new(),
                likeness: None,
                selection: None,
            },
            derived: false,
            net: None,
            losses: Vec::new(),
            workload: None,
            extrapolated: None,
            seal: None,
        }
        .sealed()
    }

    fn target() -> CertificateTarget {
        let certificate = certificate();
        CertificateTarget {
            forward: certificate.forward,
            rollback: Some(certificate.rollback),
            verify: None,
            before: Some(certificate.before),
            engine: certificate.engine,
            server_major: certificate.server_major,
            tool_version: certificate.tool_version,
            with_queries: false,
            least_likeness: None,
            samples: false,
        }
    }

    #[test]
    fn a_sample_counts_only_where_a_policy_says_so() {
        let mut on_sample = certificate();
        on_sample.copy.selection = Some(tightrope_selection::SelectionReport {
            sample: Some("5 %".to_owned()),
            ..Default::default()
        });
        let on_sample = Certificate::parse(&on_sample.sealed().to_text()).unwrap();
        assert_eq!(
            on_sample.stale(&target()),
            [Stale::Sample("5 %".to_owned())]
        );
        let lenient = CertificateTarget {
            samples: true,
            ..target()
        };
        assert_eq!(on_sample.stale(&lenient), []);
        assert_eq!(certificate().stale(&lenient), []);
    }

    #[test]
    fn a_certificate_reads_back_and_an_edited_one_does_not() {
        let text = certificate().to_text();
        assert_eq!(Certificate::parse(&text).unwrap(), certificate());
        let edited = text.replace("\"forward_ms\": 1", "\"forward_ms\": 2");
        assert!(matches!(
            Certificate::parse(&edited),
            Err(CertificateError::Edited)
        ));
        assert!(matches!(
            Certificate::parse("{"),
            Err(CertificateError::Unreadable(_))
        ));
        let newer = text.replace(
            "\"tightrope_certificate\": 1",
            "\"tightrope_certificate\": 2",
        );
        assert!(matches!(
            Certificate::parse(&newer),
            Err(CertificateError::Layout(2))
        ));
    }

    #[test]
    fn a_certificate_expires_with_each_thing_it_is_bound_to() {
        let other = Digest::of("y");
        assert_eq!(certificate().stale(&target()), []);
        let check = |target: CertificateTarget, expect: &Stale| {
            assert_eq!(certificate().stale(&target), std::slice::from_ref(expect))
        };
        check(
            CertificateTarget {
                forward: other,
                ..target()
            },
            &Stale::Forward,
        );
        check(
            CertificateTarget {
                rollback: None,
                ..target()
            },
            &Stale::Rollback,
        );
        check(
            CertificateTarget {
                verify: Some(other),
                ..target()
            },
            &Stale::Verify,
        );
        let before = Some(Fingerprint {
            logical: other,
            strict: other,
        });
        check(CertificateTarget { before, ..target() }, &Stale::Schema);
        let engine = Stale::Engine("SQLite 3".to_owned());
        check(
            CertificateTarget {
                server_major: "4".to_owned(),
                ..target()
            },
            &engine,
        );
        check(
            CertificateTarget {
                tool_version: "9".to_owned(),
                ..target()
            },
            &Stale::Tool("0.1.0".to_owned()),
        );
        check(
            CertificateTarget {
                with_queries: true,
                ..target()
            },
            &Stale::Queries,
        );
        let least_likeness = Some(90);
        check(
            CertificateTarget {
                least_likeness,
                ..target()
            },
            &Stale::Unlike(None),
        );
        let on_copy = |method: &str, likeness: Option<u8>| {
            let mut certificate = certificate();
            certificate.copy.method = method.to_owned();
            certificate.copy.likeness = likeness.map(|percent| Likeness {
                percent,
                differences: Vec::new(),
            });
            certificate.sealed().stale(&CertificateTarget {
                least_likeness,
                ..target()
            })
        };
        assert_eq!(on_copy("template", Some(90)), []);
        assert_eq!(on_copy("template", Some(89)), [Stale::Unlike(Some(89))]);
        assert_eq!(on_copy("empty database", None), []);
    }
}
