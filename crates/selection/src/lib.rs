//! What a selective copy holds: a *sample* of the rows, and *masks* over personal data.
//!
//! An engine reads rows, and asks here: [`Follow`] which rows are still missing so that every foreign key holds, a [`Masker`] what stands
//! in a column instead of its value. How rows are read and written is the engine's business.
//!
//! **Invariant:** pure. No I/O, no clock, no randomness: seed and key are given.
//!
//! **Invariant:** a mask depends on the key and the value alone, so that equal values stay equal wherever they stand.

mod follow;
mod mask;
mod report;
mod sample;
mod survey;

pub use follow::{Follow, Hold, Missing, Refer};
pub use mask::{
    FakeKind, MaskError, MaskKey, MaskKind, MaskName, Masker, Masks, UnknownMask, ValueClass,
};
pub use report::{SampledTable, SelectionReport};
pub use sample::{Sample, SampleError, Share};
pub use survey::{
    ColumnShape, KeyShape, Links, Masking, ReferenceShape, Survey, TableShape, Unmaskable,
};

/// What a copy is to hold; everything as it is where neither is given.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Which rows; none means all of them.
    pub sample: Option<Sample>,
    /// What stands in place of personal data.
    pub masks: Masks,
}

impl Selection {
    /// Whether it selects anything: a copy without a selection is made by faster ways.
    pub fn is_selective(&self) -> bool {
        self.sample.is_some() || !self.masks.columns.is_empty()
    }
}

/// What to do about a name that is not there.
pub fn hint_at(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "names are written as reports write them: `customers`, and `shop.customers` in another schema than public".to_owned(),
    }
}
