//! Versions that a person names: up to which to go, and what is said where there is no such migration.

use tightrope_model::{Version, nearest};
use tightrope_script::{Folder, Migration, MigrationKind};
use tightrope_store::AppliedMigration;

use crate::plan::label_of;

/// A version that was asked for and is not there.
#[derive(Debug, thiserror::Error)]
pub enum UnknownVersion {
    /// The folder does not have it.
    #[error("the folder has no migration of version {version}")]
    NotInFolder {
        /// The version.
        version: Version,
        /// The labels of those that are near.
        near: Vec<String>,
    },
    /// It is applied, and the folder does not have it any more.
    #[error(
        "the folder has no migration of version {version}: `{label}` is applied, and its files are not here"
    )]
    OnlyApplied {
        /// The version.
        version: Version,
        /// Its label.
        label: String,
    },
    /// It is in the folder and applied.
    #[error("no migration of version {version} is pending: `{label}` is applied already")]
    Applied {
        /// The version.
        version: Version,
        /// Its label.
        label: String,
    },
    /// It is in the folder and never pending here.
    #[error(
        "no migration of version {version} is pending: `{label}` is a baseline, for empty databases"
    )]
    Baseline {
        /// The version.
        version: Version,
        /// Its label.
        label: String,
    },
}

impl UnknownVersion {
    /// What is to be said of a version that the folder does not have.
    pub(super) fn not_in(folder: &Folder, applied: &[AppliedMigration], version: &Version) -> Self {
        let known = applied
            .iter()
            .find(|one| Version::new(&one.version) == *version);
        match known {
            Some(one) => Self::OnlyApplied {
                version: version.clone(),
                label: label_of(&one.version, &one.name),
            },
            None => Self::NotInFolder {
                version: version.clone(),
                near: near(folder, version),
            },
        }
    }
}

/// The labels of the migrations before and after a version, and of one that is written almost so.
fn near(folder: &Folder, version: &Version) -> Vec<String> {
    let versioned = folder.migrations.iter();
    let mut versioned: Vec<&Migration> = versioned
        .filter(|migration| migration.kind == MigrationKind::Versioned)
        .collect();
    versioned.sort_by(|left, right| left.version.cmp(&right.version));
    let known: Vec<&str> = versioned.iter().map(|one| one.version.as_str()).collect();
    let alike = nearest(version.as_str(), &known);
    let after = versioned.partition_point(|one| one.version < *version);
    let around = after.saturating_sub(1)..versioned.len().min(after + 1);
    let is_near = |(at, one): &(usize, &&Migration)| {
        around.contains(at) || alike == Some(one.version.as_str())
    };
    let near = versioned.iter().enumerate().filter(is_near);
    near.map(|(_, one)| one.label()).collect()
}

/// Those of the pending migrations that come before a version, and that one.
pub(crate) fn up_to<'f>(
    pending: Vec<&'f Migration>,
    to: Option<&Version>,
    folder: &Folder,
) -> Result<Vec<&'f Migration>, UnknownVersion> {
    let Some(to) = to else { return Ok(pending) };
    let last = pending
        .iter()
        .position(|migration| &migration.version == to);
    if let Some(last) = last {
        return Ok(pending[..=last].to_vec());
    }
    let there = folder.migrations.iter().find(|one| &one.version == to);
    Err(match there {
        Some(one) if one.kind == MigrationKind::Baseline => UnknownVersion::Baseline {
            version: to.clone(),
            label: one.label(),
        },
        Some(one) => UnknownVersion::Applied {
            version: to.clone(),
            label: one.label(),
        },
        None => UnknownVersion::not_in(folder, &[], to),
    })
}
