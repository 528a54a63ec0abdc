//! Who makes the backup of a name.

use std::io;

use serde::{Deserialize, Serialize};

use super::Bucket;

/// The layout of the object.
const LAYOUT: u32 = 1;

/// The object's name beside the manifest.
pub(crate) const CLAIM: &str = "claim.json";

/// How far a name has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClaimState {
    /// Its files go up; there is no manifest yet.
    Making,
    /// It is a backup.
    Whole,
    /// It is being removed.
    Going,
}

/// The object that gives a name to one maker: only one can create it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    tightrope_claim: u32,
    pub(crate) id: String,
    pub(crate) state: ClaimState,
}

impl Claim {
    /// A new one that nobody else has.
    pub(crate) fn new() -> Self {
        Self {
            tightrope_claim: LAYOUT,
            id: crate::cipher::random_text(),
            state: ClaimState::Making,
        }
    }

    pub(crate) fn to_text(&self) -> String {
        crate::record::to_text(self)
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }
}

impl Bucket {
    /// Claims a name; says whether it is ours now.
    pub(crate) fn claim(&self, name: &str, claim: &Claim) -> io::Result<bool> {
        let path = format!("{name}/{CLAIM}");
        if self.create(&path, claim.to_text().as_bytes())? {
            return Ok(true);
        }
        // The answer to our own request may have been lost, and the request sent again.
        self.has_claim(name, claim)
    }

    /// Whether the name is still that maker's.
    pub(crate) fn has_claim(&self, name: &str, claim: &Claim) -> io::Result<bool> {
        Ok(self
            .claim_of(name)?
            .is_some_and(|found| found.id == claim.id))
    }

    /// Who has the name.
    pub(crate) fn claim_of(&self, name: &str) -> io::Result<Option<Claim>> {
        let text = self.get(&format!("{name}/{CLAIM}"))?;
        Ok(text.and_then(|text| Claim::parse(&text)))
    }

    /// Says how far the name has come.
    pub(crate) fn set_claim(&self, name: &str, claim: &Claim, state: ClaimState) -> io::Result<()> {
        let claim = Claim {
            state,
            ..claim.clone()
        };
        self.put(&format!("{name}/{CLAIM}"), claim.to_text().as_bytes())
    }
}
