//! sql-migrate: `-- +migrate Up` and `-- +migrate Down` in one file.

use std::collections::BTreeMap;

use tightrope_model::{EngineKind, Finding, Place, Severity, Span, Version};

use crate::scan::lines;
use crate::{Migration, MigrationKind, MigrationSettings, Script, TransactionMode};

use super::Reading;
use super::pairs::duplicate;
use super::sections::{Marker, Section, no_forward, sections};
use super::source::Source;

const PREFIX: &str = "-- +migrate";

/// The command on a line, and what follows it.
fn command(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix(PREFIX)?;
    let rest = rest.trim();
    Some(rest.split_once(char::is_whitespace).unwrap_or((rest, "")))
}

fn marker(line: &str) -> Option<Marker<'_>> {
    let (command, options) = command(line)?;
    let is_up = match command {
        "Up" => true,
        "Down" => false,
        _ => return None,
    };
    Some(Marker { is_up, options })
}

/// The line before a rollback script.
pub(super) const DOWN: &str = "-- +migrate Down";

/// Whether a line begins a section, and whether that is the forward script's.
pub(super) fn direction(line: &str) -> Option<bool> {
    marker(line).map(|marker| marker.is_up)
}

/// A script as sql-migrate takes it: it parts statements at every semicolon, bodies and quotes or not, unless it is told.
pub(super) fn as_section(script: &str) -> String {
    let parts_wrongly = script.lines().any(|line| {
        let code = line.split("--").next().unwrap_or_default().trim_end();
        code.trim_end_matches(';').contains(';') || code.contains('$')
    }) || script.to_lowercase().contains("create trigger");
    match parts_wrongly {
        true => format!(
            "{PREFIX} StatementBegin\n{}\n{PREFIX} StatementEnd",
            script.trim_end()
        ),
        false => script.to_owned(),
    }
}

/// Whether the file has a section of this format.
pub(super) fn recognizes(source: &Source<'_>) -> bool {
    source.is_top_level()
        && source.file_name().ends_with(".sql")
        && source.has_line(|line| marker(line).is_some())
}

pub(super) fn read(reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Vec<Migration> {
    let mut seen: BTreeMap<Version, &Source<'_>> = BTreeMap::new();
    let mut migrations = Vec::new();
    for source in &reading.sources {
        let Some(stem) = source.file_name().strip_suffix(".sql") else {
            continue;
        };
        if !source.is_top_level() {
            continue;
        }
        let (version, name) = split_name(stem);
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

/// The version and the name in a file's name; without a number in front, all of it is the version.
fn split_name(stem: &str) -> (&str, &str) {
    let digits = stem
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(stem.len());
    match digits {
        0 => (stem, ""),
        _ => (
            &stem[..digits],
            stem[digits..].trim_start_matches(['_', '-']),
        ),
    }
}

fn migration(
    source: &Source<'_>,
    text: &str,
    (version, name): (&str, &str),
    dialect: EngineKind,
    findings: &mut Vec<Finding>,
) -> Option<Migration> {
    check_commands(source, text, findings);
    let sections = sections(source, text, marker, findings);
    let Some(up) = sections.up else {
        findings.push(no_forward(source, "-- +migrate Up"));
        return None;
    };
    let before = source.part(text, sections.before, TransactionMode::Auto);
    if !before.is_empty(dialect) {
        findings.push(outside(source));
    }
    let script = |section: Section<'_>| script(source, text, &section);
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

fn script(source: &Source<'_>, text: &str, section: &Section<'_>) -> Script {
    let alone = section
        .options
        .split_whitespace()
        .any(|option| option == "notransaction");
    let mode = match alone {
        true => TransactionMode::Never,
        false => TransactionMode::Required,
    };
    source.part(text, section.range, mode)
}

fn outside(source: &Source<'_>) -> Finding {
    Finding::new(
        Severity::Warning,
        "outside-section",
        "what stands before the first section is never run",
    )
    .at(Place::file(&source.file))
    .hint("move it below `-- +migrate Up`, or remove it")
}

/// Looks for commands that are not known and for statement marks that do not match.
fn check_commands(source: &Source<'_>, text: &str, findings: &mut Vec<Finding>) {
    let whole = Span {
        start: 0,
        end: text.len(),
    };
    let mut open: Option<usize> = None;
    let mut wrong = |offset, message: String, hint: &str| {
        findings.push(
            Finding::new(Severity::Error, "bad-marker", message)
                .at(Place::at(&source.file, text, offset))
                .hint(hint),
        );
    };
    for (start, line) in lines(text, whole) {
        match (command(line).map(|(command, _)| command), open) {
            (None, _) | (Some("Up" | "Down"), None) => {}
            (Some("StatementBegin"), None) => open = Some(start),
            (Some("StatementEnd"), Some(_)) => open = None,
            (Some("StatementEnd"), None) => wrong(
                start,
                "`StatementEnd` has no `StatementBegin` before it".to_owned(),
                "add the `StatementBegin`, or remove this line",
            ),
            (Some("Up" | "Down" | "StatementBegin"), Some(begin)) => {
                wrong(
                    begin,
                    "`StatementBegin` has no `StatementEnd` in its section".to_owned(),
                    "add `-- +migrate StatementEnd` after the statement",
                );
                open = None;
            }
            (Some(other), _) => wrong(
                start,
                format!("`{other}` is no command of sql-migrate"),
                "known are Up, Down, StatementBegin and StatementEnd",
            ),
        }
    }
    if let Some(begin) = open {
        wrong(
            begin,
            "`StatementBegin` has no `StatementEnd` in its section".to_owned(),
            "add `-- +migrate StatementEnd` after the statement",
        );
    }
}
