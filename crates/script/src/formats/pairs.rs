//! Matching forward and rollback files by their version.

use std::collections::BTreeMap;
use std::path::Path;

use tightrope_model::{Finding, Place, Severity, Version};

use super::source::Source;

/// A file that is one direction of a migration.
pub(super) struct Half<'r, 'a> {
    pub(super) version: Version,
    pub(super) name: &'a str,
    pub(super) source: &'r Source<'a>,
}

/// A forward file with its rollback file.
pub(super) struct Pair<'r, 'a> {
    pub(super) forward: Half<'r, 'a>,
    pub(super) rollback: Option<Half<'r, 'a>>,
}

/// Matches the halves by version alone: a name that differs is a finding and no obstacle.
pub(super) fn pair<'r, 'a>(
    forwards: Vec<Half<'r, 'a>>,
    rollbacks: Vec<Half<'r, 'a>>,
    findings: &mut Vec<Finding>,
) -> Vec<Pair<'r, 'a>> {
    let mut pairs: BTreeMap<Version, Pair<'r, 'a>> = BTreeMap::new();
    for forward in forwards {
        if let Some(first) = pairs.get(&forward.version) {
            findings.push(duplicate(
                forward.version.as_str(),
                &forward.source.file,
                &first.forward.source.file,
            ));
            continue;
        }
        let version = forward.version.clone();
        pairs.insert(
            version,
            Pair {
                forward,
                rollback: None,
            },
        );
    }
    for rollback in rollbacks {
        match pairs.get_mut(&rollback.version) {
            None => findings.push(orphan(&rollback)),
            Some(pair) => join(pair, rollback, findings),
        }
    }
    pairs.into_values().collect()
}

fn join<'r, 'a>(pair: &mut Pair<'r, 'a>, rollback: Half<'r, 'a>, findings: &mut Vec<Finding>) {
    if let Some(first) = &pair.rollback {
        findings.push(duplicate(
            rollback.version.as_str(),
            &rollback.source.file,
            &first.source.file,
        ));
        return;
    }
    if rollback.name != pair.forward.name {
        findings.push(mismatch(&pair.forward, &rollback));
    }
    pair.rollback = Some(rollback);
}

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

fn orphan(rollback: &Half<'_, '_>) -> Finding {
    Finding::new(
        Severity::Error,
        "orphan-rollback",
        format!(
            "rollback script of version `{}` has no forward script",
            rollback.version
        ),
    )
    .at(Place::file(&rollback.source.file))
    .hint("add the forward script, mend the version in the file's name, or remove the file")
}

fn mismatch(forward: &Half<'_, '_>, rollback: &Half<'_, '_>) -> Finding {
    let how = match forward.name.eq_ignore_ascii_case(rollback.name) {
        true => "differ in letter case",
        false => "differ",
    };
    Finding::new(
        Severity::Warning,
        "name-mismatch",
        format!(
            "names of the scripts of version `{}` {how}: `{}` and `{}`; they are matched by version",
            forward.version, forward.name, rollback.name
        ),
    )
    .at(Place::file(&rollback.source.file))
    .hint(format!(
        "rename the rollback script to match `{}`",
        forward.source.file_name()
    ))
}
