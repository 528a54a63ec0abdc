//! The native format: a directory per migration. Diesel's folders are such as they are.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tightrope_model::{Finding, Place, Severity, Version};

use crate::{Migration, MigrationKind, MigrationSettings, TransactionMode, WatchText};

use super::Reading;
use super::pairs::duplicate;
use super::source::Source;

/// Whether the file is a migration's forward script.
pub(super) fn recognizes(source: &Source<'_>) -> bool {
    matches!(
        source.parts().as_deref(),
        Some([directory, "up.sql"]) if split_name(directory).is_some()
    )
}

/// The version and the name in a directory's name: `0041_split_name`, or without a `_` behind the version `2024-04-12-split-name`,
/// which diesel takes, too.
fn split_name(directory: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_digit() || c == '-' || c == '.';
    let (version, name) = match directory.split_once('_') {
        Some((version, name)) if version.chars().all(is_part) => (version, name),
        _ => {
            let numbers = directory.find(|c| !is_part(c)).unwrap_or(directory.len());
            let version = directory[..numbers].trim_end_matches(['-', '.']);
            let name = &directory[version.len()..];
            (
                version,
                name.strip_prefix('-')
                    .or(Some(name).filter(|name| name.is_empty()))?,
            )
        }
    };
    version
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some((version, name))
}

/// The files of one directory by their names.
type Files<'r, 'a> = BTreeMap<&'a str, &'r Source<'a>>;

pub(super) fn read(reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Vec<Migration> {
    let mut directories: BTreeMap<&str, Files<'_, '_>> = BTreeMap::new();
    for source in &reading.sources {
        if let Some([directory, file]) = source.parts().as_deref() {
            directories
                .entry(directory)
                .or_default()
                .insert(file, source);
        }
    }
    let unset = match is_diesel(reading) {
        true => TransactionMode::Required,
        false => TransactionMode::Auto,
    };
    let mut versions: BTreeMap<Version, &Source<'_>> = BTreeMap::new();
    let mut migrations = Vec::new();
    for (directory, files) in &directories {
        if !["up.sql", "down.sql"]
            .iter()
            .any(|file| files.contains_key(file))
        {
            continue;
        }
        let Some(forward) = files.get("up.sql") else {
            findings.push(no_forward(directory, files));
            continue;
        };
        let Some((version, _)) = split_name(directory) else {
            findings.push(no_version(directory, forward));
            continue;
        };
        if let Some(first) = versions.insert(Version::new(version), forward) {
            findings.push(duplicate(version, &forward.file, &first.file));
        }
        migrations.extend(migration(reading.folder, directory, files, unset, findings));
    }
    migrations
}

/// Whether diesel made the folder: then a script runs in one transaction unless it says otherwise.
fn is_diesel(reading: &Reading<'_>) -> bool {
    reading.sources.iter().any(|source| {
        let Some(parts) = source.parts() else {
            return false;
        };
        parts == ["diesel.toml"]
            || matches!(
                parts.as_slice(),
                [directory, _] if directory.ends_with("_diesel_initial_setup")
                    || split_name(directory).is_some_and(|(version, _)| is_dashed_date(version))
            )
    })
}

/// Whether a version is written as diesel writes it: `2024-04-12-144536`, perhaps with `-0000` after it.
fn is_dashed_date(version: &str) -> bool {
    let lengths: Vec<usize> = version.split('-').map(str::len).collect();
    matches!(lengths.as_slice(), [4, 2, 2, 6] | [4, 2, 2, 6, 4])
}

fn migration(
    folder: &Path,
    directory: &str,
    files: &Files<'_, '_>,
    unset: TransactionMode,
    findings: &mut Vec<Finding>,
) -> Option<Migration> {
    let (version, name) = split_name(directory)?;
    let (settings, transaction) = match files.get("metadata.toml") {
        Some(source) => settings(source, findings)?,
        None => (MigrationSettings::default(), None),
    };
    let mode = match transaction {
        Some(true) => TransactionMode::Required,
        Some(false) => TransactionMode::Never,
        None => unset,
    };
    let mut script = |file: &str, mode| files.get(file).map(|s| s.script(mode, findings));
    let forward = script("up.sql", mode).flatten();
    let rollback = script("down.sql", mode).flatten();
    let verify = script("verify.sql", TransactionMode::Auto).flatten();
    Some(Migration {
        version: Version::new(version),
        name: name.to_owned(),
        kind: MigrationKind::Versioned,
        home: folder.join(directory),
        forward: forward?,
        rollback,
        verify,
        settings,
    })
}

fn no_forward(directory: &str, files: &Files<'_, '_>) -> Finding {
    let finding = Finding::new(
        Severity::Error,
        "orphan-rollback",
        format!("migration `{directory}` has a rollback script and no forward script"),
    )
    .hint("add `up.sql`, or remove the directory");
    match files.get("down.sql") {
        Some(source) => finding.at(Place::file(&source.file)),
        None => finding,
    }
}

fn no_version(directory: &str, forward: &Source<'_>) -> Finding {
    Finding::new(
        Severity::Error,
        "no-version",
        format!(
            "directory `{directory}` holds a migration, and its name does not begin with a version"
        ),
    )
    .at(Place::file(&forward.file))
    .hint(format!(
        "rename it to `<version>_{directory}`, as in `0041_{directory}`"
    ))
}

/// The settings in `metadata.toml`. Diesel knows only the first of them.
#[derive(Deserialize)]
struct Metadata {
    run_in_transaction: Option<bool>,
    irreversible: Option<Irreversible>,
    lock_timeout_ms: Option<u64>,
    rollback_budget_s: Option<u64>,
    #[serde(default)]
    fill: BTreeMap<String, String>,
    watch: Option<toml::Value>,
    #[serde(flatten)]
    unknown: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Irreversible {
    Declared(bool),
    Because(String),
}

/// The settings of a migration, and whether they say that it runs in a transaction.
fn settings(
    source: &Source<'_>,
    findings: &mut Vec<Finding>,
) -> Option<(MigrationSettings, Option<bool>)> {
    let metadata = source.text().and_then(|text| {
        toml::from_str::<Metadata>(text).map_err(|error| bad_settings(source, text, &error))
    });
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(finding) => {
            findings.push(finding);
            return None;
        }
    };
    for key in metadata.unknown.keys() {
        findings.push(unknown_setting(source, key));
    }
    let irreversible = metadata.irreversible.and_then(|declared| match declared {
        Irreversible::Declared(false) => None,
        Irreversible::Declared(true) => Some("declared in metadata.toml".to_owned()),
        Irreversible::Because(reason) => Some(reason),
    });
    let settings = MigrationSettings {
        irreversible,
        lock_timeout_ms: metadata.lock_timeout_ms,
        rollback_budget_s: metadata.rollback_budget_s,
        fill_places: places(source, metadata.fill.keys()),
        fill: metadata.fill,
        watch: metadata.watch.and_then(|_| {
            Some(WatchText {
                file: source.file.clone(),
                text: source.text().ok()?.to_owned(),
            })
        }),
    };
    Some((settings, metadata.run_in_transaction))
}

/// Where each name stands under `[fill]`.
fn places<'n>(
    source: &Source<'_>,
    names: impl Iterator<Item = &'n String>,
) -> BTreeMap<String, Place> {
    let text = source.text().unwrap_or_default();
    let table = text.find("fill").unwrap_or(0);
    let place = |name: &String| {
        let at = text[table..].find(name.as_str());
        let offset = table + at.unwrap_or(0);
        (name.clone(), Place::at(&source.file, text, offset))
    };
    names.map(place).collect()
}

fn bad_settings(source: &Source<'_>, text: &str, error: &toml::de::Error) -> Finding {
    let offset = error.span().map_or(0, |span| span.start);
    let message = error.message().trim_end_matches('.').replace('\n', ", ");
    Finding::new(
        Severity::Error,
        "bad-settings",
        format!("settings cannot be understood: {message}"),
    )
    .at(Place::at(&source.file, text, offset))
    .hint(
        "known are run_in_transaction, irreversible (true or a reason), lock_timeout_ms, rollback_budget_s and the tables \
         [fill] and [watch]",
    )
}

fn unknown_setting(source: &Source<'_>, key: &str) -> Finding {
    let text = source.text().unwrap_or_default();
    Finding::new(
        Severity::Warning,
        "unknown-setting",
        format!("setting `{key}` is not known and has no effect"),
    )
    .at(Place::at(&source.file, text, text.find(key).unwrap_or(0)))
    .hint(
        "known are run_in_transaction, irreversible, lock_timeout_ms, rollback_budget_s and the tables [fill] and [watch]",
    )
}

#[cfg(test)]
mod tests {
    use super::split_name;

    #[test]
    fn a_version_ends_before_the_name() {
        let check = |directory: &str, expect| assert_eq!(split_name(directory), expect);
        check("0041_split_name", Some(("0041", "split_name")));
        check("2024-04-12-144536_a-b", Some(("2024-04-12-144536", "a-b")));
        check("00000000000000_diesel", Some(("00000000000000", "diesel")));
        check(
            "2023-05-23-1715-update-a_b",
            Some(("2023-05-23-1715", "update-a_b")),
        );
        check("1.2-x", Some(("1.2", "x")));
        check("7", Some(("7", "")));
        check("2nd_try", None);
        check("b", None);
        check("-1_b", None);
    }
}
