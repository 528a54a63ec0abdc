//! dbmate: `-- migrate:up` and `-- migrate:down` in one file.

use std::collections::BTreeMap;

use tightrope_model::{EngineKind, Finding, Place, Severity, Version};

use crate::{Migration, MigrationKind, MigrationSettings, Script, TransactionMode};

use super::Reading;
use super::pairs::duplicate;
use super::sections::{Marker, Section, no_forward, sections};
use super::source::Source;

fn marker(line: &str) -> Option<Marker<'_>> {
    let rest = line.strip_prefix("--")?.trim_start();
    let rest = rest.strip_prefix("migrate:")?;
    let (is_up, options) = match (rest.strip_prefix("up"), rest.strip_prefix("down")) {
        (Some(options), _) => (true, options),
        (_, Some(options)) => (false, options),
        _ => return None,
    };
    (options.is_empty() || options.starts_with(char::is_whitespace))
        .then_some(Marker { is_up, options })
}

/// The line before a rollback script.
pub(super) const DOWN: &str = "-- migrate:down";

/// Whether a line begins a section, and whether that is the forward script's.
pub(super) fn direction(line: &str) -> Option<bool> {
    marker(line).map(|marker| marker.is_up)
}

/// Whether the file has a section of this format.
pub(super) fn recognizes(source: &Source<'_>) -> bool {
    source.is_top_level()
        && source.file_name().ends_with(".sql")
        && source.has_line(|line| marker(line).is_some())
}

/// The version and the name in a file's name; dbmate looks at no file without a number in front.
fn split_name(file_name: &str) -> Option<(&str, &str)> {
    let stem = file_name.strip_suffix(".sql")?;
    let digits = stem
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(stem.len());
    (digits > 0).then(|| (&stem[..digits], stem[digits..].trim_start_matches('_')))
}

pub(super) fn read(reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Vec<Migration> {
    let mut seen: BTreeMap<Version, &Source<'_>> = BTreeMap::new();
    let mut migrations = Vec::new();
    for source in reading
        .sources
        .iter()
        .filter(|source| source.is_top_level())
    {
        let Some((version, name)) = split_name(source.file_name()) else {
            findings.extend(stray(source));
            continue;
        };
        if let Some(first) = seen.insert(Version::new(version), source) {
            findings.push(duplicate(version, &source.file, &first.file));
        }
        match source.text() {
            Ok(text) => migrations.extend(migration(
                source,
                text,
                (version, name),
                reading.settings.dialect,
                findings,
            )),
            Err(finding) => findings.push(finding),
        }
    }
    migrations
}

fn stray(source: &Source<'_>) -> Option<Finding> {
    source.file_name().ends_with(".sql").then(|| {
        Finding::new(
            Severity::Warning,
            "stray-file",
            format!(
                "file `{}` is no migration and is left out",
                source.file_name()
            ),
        )
        .at(Place::file(&source.file))
        .hint("a migration's file name begins with its version, as in `20260412_name.sql`")
    })
}

fn migration(
    source: &Source<'_>,
    text: &str,
    (version, name): (&str, &str),
    dialect: EngineKind,
    findings: &mut Vec<Finding>,
) -> Option<Migration> {
    let sections = sections(source, text, marker, findings);
    let Some(up) = sections.up else {
        findings.push(no_forward(source, "-- migrate:up"));
        return None;
    };
    let before = source.part(text, sections.before, TransactionMode::Auto);
    if !before.is_empty(dialect) {
        findings.push(outside(source));
    }
    if let Some(down) = sections
        .down
        .as_ref()
        .filter(|down| down.marker < up.marker)
    {
        findings.push(down_first(source, text, down));
    }
    let mut script = |section: Section<'_>| script(source, text, &section, findings);
    Some(Migration {
        version: Version::new(version),
        name: name.to_owned(),
        kind: MigrationKind::Versioned,
        home: source.file.clone(),
        forward: script(up),
        rollback: sections.down.map(script),
        verify: None,
        settings: MigrationSettings::default(),
    })
}

fn script(
    source: &Source<'_>,
    text: &str,
    section: &Section<'_>,
    findings: &mut Vec<Finding>,
) -> Script {
    let mut mode = TransactionMode::Required;
    for option in section.options.split_whitespace() {
        match option {
            "transaction:false" => mode = TransactionMode::Never,
            "transaction:true" => {}
            other => findings.push(unknown_option(source, text, section, other)),
        }
    }
    source.part(text, section.range, mode)
}

fn unknown_option(source: &Source<'_>, text: &str, section: &Section<'_>, option: &str) -> Finding {
    Finding::new(
        Severity::Warning,
        "unknown-setting",
        format!("option `{option}` is not known and has no effect"),
    )
    .at(Place::at(&source.file, text, section.marker))
    .hint("known is `transaction:false`")
}

fn outside(source: &Source<'_>) -> Finding {
    Finding::new(
        Severity::Error,
        "outside-section",
        "a statement stands before `-- migrate:up`",
    )
    .at(Place::file(&source.file))
    .hint("move it below `-- migrate:up`")
}

fn down_first(source: &Source<'_>, text: &str, down: &Section<'_>) -> Finding {
    Finding::new(
        Severity::Error,
        "bad-marker",
        "`-- migrate:down` stands before `-- migrate:up`",
    )
    .at(Place::at(&source.file, text, down.marker))
    .hint("write the forward script first; dbmate reads it so")
}
