//! Matching forward and rollback files by their version.

use std::path::Path;

use tightrope_model::{Finding, Place, Severity};

/// The finding that two files claim one version.
pub(super) fn duplicate(version: &str, file: &Path, first: &Path) -> Finding {
    Finding::new(
        Severity::Error,
        "duplicate-version",
        format!(
            "version `{version}` is taken already by `{}`",
            first.display()
        ),
    )
    .at(Place::file(file))
    .hint("give one of the two another version")
}
