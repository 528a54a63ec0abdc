//! Flyway: `V1__name.sql` with `U1__name.sql`, `R__name.sql`, `B1__name.sql`; placeholders and `.conf` files.

use std::collections::BTreeMap;

use tightrope_model::{Finding, Place, Severity, Version};

use crate::{Migration, MigrationKind, MigrationSettings, Script, TransactionMode};

use super::Reading;
use super::pairs::{Half, Pair, duplicate, pair};
use super::placeholders::Placeholders;
use super::source::Source;

/// What a file's name says: its prefix, its version and its name.
struct FileName<'a> {
    prefix: char,
    version: &'a str,
    name: &'a str,
}

fn split_name(file_name: &str) -> Option<FileName<'_>> {
    let stem = file_name.strip_suffix(".sql")?;
    let prefix = stem.chars().next().filter(|c| "VUBR".contains(*c))?;
    let (version, name) = stem[1..].split_once("__")?;
    let numeric = version.starts_with(|c: char| c.is_ascii_digit())
        && version
            .chars()
            .all(|c| c.is_ascii_digit() || c == '.' || c == '_');
    let fits = match prefix {
        'R' => version.is_empty() && !name.is_empty(),
        _ => numeric,
    };
    fits.then_some(FileName {
        prefix,
        version,
        name,
    })
}

/// Whether the file is a migration by its name; it may lie in a folder further down.
pub(super) fn recognizes(source: &Source<'_>) -> bool {
    split_name(source.file_name()).is_some()
}

pub(super) fn read(reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Vec<Migration> {
    let reader = Reader {
        reading,
        placeholders: placeholders(reading, findings),
    };
    let mut by_prefix: BTreeMap<char, Vec<Half<'_, '_>>> = BTreeMap::new();
    for source in &reading.sources {
        match split_name(source.file_name()) {
            None => findings.extend(unsupported(source)),
            Some(found) => by_prefix.entry(found.prefix).or_default().push(Half {
                version: match found.prefix {
                    'R' => Version::new(found.name),
                    _ => Version::new(found.version.replace('_', ".")),
                },
                name: found.name,
                source,
            }),
        }
    }
    let mut take = |prefix| by_prefix.remove(&prefix).unwrap_or_default();
    let (forwards, rollbacks) = (take('V'), take('U'));
    let (baselines, repeatables) = (take('B'), take('R'));
    let mut migrations = Vec::new();
    for found in pair(forwards, rollbacks, findings) {
        migrations.extend(reader.migration(found, MigrationKind::Versioned, findings));
    }
    for found in pair(baselines, Vec::new(), findings) {
        migrations.extend(reader.migration(found, MigrationKind::Baseline, findings));
    }
    migrations.extend(reader.repeatables(repeatables, findings));
    migrations
}

/// The placeholders that the folder's own settings and the caller give, the caller's last.
fn placeholders(reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Placeholders {
    let mut placeholders = Placeholders::new();
    for source in reading
        .sources
        .iter()
        .filter(|source| source.is_top_level())
    {
        let text = match source.file_name() {
            "flyway.conf" | "flyway.toml" => source.text(),
            _ => continue,
        };
        match text {
            Err(finding) => findings.push(finding),
            Ok(text) if source.file_name() == "flyway.conf" => {
                for (key, value) in settings(text) {
                    placeholders.set(key.strip_prefix("flyway.").unwrap_or(key), value);
                }
            }
            Ok(text) => findings.extend(toml_settings(source, text, &mut placeholders)),
        }
    }
    for (name, value) in &reading.settings.placeholders {
        placeholders.set_value(name, value);
    }
    placeholders
}

/// The `key=value` lines of a `.conf` file.
fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', '!']))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
}

fn toml_settings(source: &Source<'_>, text: &str, into: &mut Placeholders) -> Option<Finding> {
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            return Some(
                Finding::new(
                    Severity::Error,
                    "bad-settings",
                    format!("settings cannot be understood: {}", error.message()),
                )
                .at(Place::at(&source.file, text, offset))
                .hint("mend the file; Flyway cannot read it either"),
            );
        }
    };
    let flyway = table.get("flyway").and_then(toml::Value::as_table)?;
    for (key, value) in flyway {
        match value.as_table() {
            Some(values) if key == "placeholders" => {
                for (name, value) in values {
                    into.set_value(name, &plain(value));
                }
            }
            _ => into.set(key, &plain(value)),
        }
    }
    None
}

fn plain(value: &toml::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

struct Reader<'r, 'a> {
    reading: &'r Reading<'a>,
    placeholders: Placeholders,
}

impl Reader<'_, '_> {
    fn migration(
        &self,
        pair: Pair<'_, '_>,
        kind: MigrationKind,
        findings: &mut Vec<Finding>,
    ) -> Option<Migration> {
        let forward = self.script(pair.forward.source, findings);
        let rollback = pair
            .rollback
            .and_then(|rollback| self.script(rollback.source, findings));
        Some(Migration {
            version: pair.forward.version,
            name: pair.forward.name.to_owned(),
            kind,
            home: pair.forward.source.file.clone(),
            forward: forward?,
            rollback,
            verify: None,
            settings: MigrationSettings::default(),
        })
    }

    fn repeatables(
        &self,
        halves: Vec<Half<'_, '_>>,
        findings: &mut Vec<Finding>,
    ) -> Vec<Migration> {
        let mut seen: BTreeMap<&str, &Source<'_>> = BTreeMap::new();
        let mut migrations = Vec::new();
        for half in &halves {
            if let Some(first) = seen.insert(half.name, half.source) {
                findings.push(duplicate(half.name, &half.source.file, &first.file));
            }
        }
        for half in halves {
            let pair = Pair {
                forward: half,
                rollback: None,
            };
            migrations.extend(self.migration(pair, MigrationKind::Repeatable, findings));
        }
        migrations
    }

    fn script(&self, source: &Source<'_>, findings: &mut Vec<Finding>) -> Option<Script> {
        let mut placeholders = self.placeholders.clone();
        let mut mode = TransactionMode::Auto;
        if let Some(text) = self.sidecar(source, findings) {
            for (key, value) in settings(text) {
                match key.strip_prefix("flyway.").unwrap_or(key) {
                    "executeInTransaction" if value == "false" => mode = TransactionMode::Never,
                    "executeInTransaction" => {}
                    key => placeholders.set(key, value),
                }
            }
        }
        // What the caller gives wins over every file.
        for (name, value) in &self.reading.settings.placeholders {
            placeholders.set_value(name, value);
        }
        let mut script = source.script(mode, findings)?;
        let dialect = self.reading.settings.dialect;
        script.text = placeholders.fill(source, &script.text, dialect, findings);
        script.range.end = script.text.len();
        Some(script)
    }

    /// The text of `<file>.conf` beside a script.
    fn sidecar(&self, source: &Source<'_>, findings: &mut Vec<Finding>) -> Option<&str> {
        let name = format!("{}.conf", source.file_name());
        let path = source.path.with_file_name(name);
        let sidecar = self.reading.sources.iter().find(|s| s.path == path)?;
        sidecar
            .text()
            .map_err(|finding| findings.push(finding))
            .ok()
    }
}

/// The finding about a file that Flyway would run and tightrope does not.
fn unsupported(source: &Source<'_>) -> Option<Finding> {
    let name = source.file_name();
    let finding = |severity, rule, message: String, hint: &str| {
        let place = Place::file(&source.file);
        Some(Finding::new(severity, rule, message).at(place).hint(hint))
    };
    let coded = [".java", ".class", ".kt", ".groovy", ".py", ".sh"];
    if let Some(ending) = coded.iter().find(|ending| name.ends_with(*ending)) {
        let stem = name.trim_end_matches(ending);
        split_name(&format!("{stem}.sql"))?;
        return finding(
            Severity::Error,
            "unsupported-file",
            format!("migration `{name}` is not SQL and cannot be run"),
            "write what it does in SQL",
        );
    }
    let stem = name.strip_suffix(".sql")?;
    let callback = stem.split("__").next().unwrap_or(stem);
    if CALLBACKS
        .iter()
        .any(|event| callback.eq_ignore_ascii_case(event))
    {
        return finding(
            Severity::Warning,
            "unsupported-file",
            format!("callback `{name}` is not run"),
            "move what it does into a migration, or run it around tightrope by yourself",
        );
    }
    finding(
        Severity::Note,
        "stray-file",
        format!("file `{name}` is no migration and is left out"),
        "a migration is `V1__name.sql`, with two underscores",
    )
}

const CALLBACKS: &[&str] = &[
    "beforeMigrate",
    "beforeRepeatables",
    "beforeEachMigrate",
    "beforeEachMigrateStatement",
    "afterEachMigrateStatement",
    "afterEachMigrate",
    "afterMigrate",
    "afterMigrateApplied",
    "afterVersioned",
    "beforeUndo",
    "beforeEachUndo",
    "afterEachUndo",
    "afterUndo",
    "createSchema",
    "beforeConnect",
    "afterConnect",
];
