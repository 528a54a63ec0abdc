use std::fmt;
use std::io;

use crate::bucket::{BucketError, BucketFault};

/// The error of reading or writing the place.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {at}")]
pub struct PlaceError {
    /// What was to be done.
    pub what: &'static str,
    /// With what: a path, or the address of an object.
    pub at: String,
    /// Why it did not work.
    pub source: io::Error,
}

impl PlaceError {
    /// What kind of trouble a bucket gave; none where it was a folder.
    pub fn bucket_fault(&self) -> Option<BucketFault> {
        let behind = self.source.get_ref()?.downcast_ref::<BucketError>()?;
        Some(behind.fault)
    }
}

/// Names what was to be done, and with what.
pub(crate) fn failed(
    what: &'static str,
    at: impl fmt::Display,
) -> impl FnOnce(io::Error) -> PlaceError {
    let at = at.to_string();
    move |source| PlaceError { what, at, source }
}
