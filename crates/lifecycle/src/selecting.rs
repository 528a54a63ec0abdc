//! What copies are to hold, as it is configured: the key of the masks is asked for only when a copy is made.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tightrope_engine::{EngineError, ErrorKind};
use tightrope_selection::{MaskKey, MaskKind, Masks, Sample, Selection, Share};

/// Gives a secret, or says why it cannot.
pub type SecretSource = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// Which rows copies hold, and what of them is masked.
#[derive(Clone, Default)]
pub struct Selecting {
    /// Which rows; none means all.
    pub sample: Option<Sampling>,
    /// The masks by their columns: `customers.email`.
    pub masks: BTreeMap<String, MaskKind>,
    /// The key of the masks; none means another one for each copy.
    pub mask_key: Option<SecretSource>,
}

/// Which rows copies hold, as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// The share of every table that is not named.
    pub share: Share,
    /// What decides which rows are picked; none means another one for each copy.
    pub seed: Option<u64>,
    /// A table with so many rows or fewer is taken whole.
    pub whole_up_to: u64,
    /// Tables with a share of their own.
    pub tables: BTreeMap<String, Share>,
}

impl Sampling {
    /// A share of every table, and all else as it is if nobody says.
    pub fn of(share: Share) -> Self {
        Self {
            share,
            seed: None,
            whole_up_to: Sample::WHOLE_UP_TO,
            tables: BTreeMap::new(),
        }
    }
}

impl Selecting {
    /// Whether copies are not simply of everything.
    pub fn is_selective(&self) -> bool {
        self.sample.is_some() || !self.masks.is_empty()
    }

    /// The selection of one copy: its seed and its key are decided here, where none are given.
    ///
    /// # Errors
    /// When the key of the masks cannot be had.
    pub fn selection(&self) -> Result<Selection, EngineError> {
        let sample = self.sample.as_ref().map(|sampling| Sample {
            share: sampling.share,
            // Short enough to be typed.
            seed: sampling
                .seed
                .unwrap_or_else(|| rand::random::<u32>().into()),
            whole_up_to: sampling.whole_up_to,
            tables: sampling.tables.clone(),
        });
        Ok(Selection {
            sample,
            masks: Masks {
                key: self.key()?,
                columns: self.masks.clone(),
            },
        })
    }

    fn key(&self) -> Result<MaskKey, EngineError> {
        let Some(source) = &self.mask_key else {
            let random: [u128; 2] = [rand::random(), rand::random()];
            return Ok(MaskKey::from_secret(&format!("{random:x?}")));
        };
        if self.masks.is_empty() {
            return Ok(MaskKey::default());
        }
        let secret = source().map_err(|why| EngineError::new(ErrorKind::Other, why))?;
        Ok(MaskKey::from_secret(&secret))
    }
}

impl fmt::Debug for Selecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selecting")
            .field("sample", &self.sample)
            .field("masks", &self.masks)
            .field("mask_key", &self.mask_key.as_ref().map(|_| "…"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(mask_key: Option<SecretSource>) -> Selecting {
        Selecting {
            masks: BTreeMap::from([("a.b".to_owned(), MaskKind::Hash)]),
            mask_key,
            ..Selecting::default()
        }
    }

    fn mask(selecting: &Selecting) -> Option<String> {
        let selection = selecting.selection().ok()?;
        let masker = tightrope_selection::Masker::new(
            &selection.masks.key,
            &MaskKind::Hash,
            tightrope_selection::ValueClass::Text(None),
            "text",
            None,
        );
        masker.ok()?.mask("x")
    }

    #[test]
    fn a_given_key_masks_alike_and_none_never_twice() {
        let given = || masked(Some(Arc::new(|| Ok("geheim".to_owned()))));
        assert_eq!(mask(&given()), mask(&given()));
        assert!(mask(&given()).is_some());
        assert_ne!(mask(&masked(None)), mask(&masked(None)));
        let missing = masked(Some(Arc::new(|| Err("is not set".to_owned()))));
        assert_eq!(missing.selection().unwrap_err().message, "is not set");
        assert!(!format!("{:?}", given()).contains("geheim"));
    }

    #[test]
    fn a_seed_that_is_not_given_is_another_one_each_time() {
        let mut selecting = Selecting {
            sample: Some(Sampling::of(Share::Percent(5.0))),
            ..Selecting::default()
        };
        let seed = |selecting: &Selecting| selecting.selection().ok()?.sample.map(|one| one.seed);
        assert_ne!(seed(&selecting), seed(&selecting));
        if let Some(sample) = &mut selecting.sample {
            sample.seed = Some(7);
        }
        assert_eq!(seed(&selecting), Some(7));
    }
}
