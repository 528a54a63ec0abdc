//! golang-migrate: `N_name.up.sql` and `N_name.down.sql`.

use tightrope_model::{EngineKind, Finding, Place, Severity, Version};

use crate::{Migration, MigrationKind, MigrationSettings, Script, TransactionMode};

use super::Reading;
use super::pairs::{Half, Pair, pair};
use super::source::Source;

/// Which way a file leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// The version, the name and the direction in a file's name.
fn split_name(file_name: &str) -> Option<(&str, &str, Direction)> {
    let (version, rest) = file_name.split_once('_')?;
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let suffix = |suffix, direction| Some((version, rest.strip_suffix(suffix)?, direction));
    suffix(".up.sql", Direction::Up).or_else(|| suffix(".down.sql", Direction::Down))
}

/// Whether the file is one direction of a migration.
pub(super) fn recognizes(source: &Source<'_>) -> bool {
    source.is_top_level() && split_name(source.file_name()).is_some()
}

pub(super) fn read(reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Vec<Migration> {
    let (mut forwards, mut rollbacks) = (Vec::new(), Vec::new());
    for source in reading
        .sources
        .iter()
        .filter(|source| source.is_top_level())
    {
        match split_name(source.file_name()) {
            None => findings.extend(stray(source)),
            Some((version, name, direction)) => {
                let half = Half {
                    version: Version::new(version),
                    name,
                    source,
                };
                match direction {
                    Direction::Up => forwards.push(half),
                    Direction::Down => rollbacks.push(half),
                }
            }
        }
    }
    let dialect = reading.settings.dialect;
    pair(forwards, rollbacks, findings)
        .into_iter()
        .filter_map(|pair| migration(pair, dialect, findings))
        .collect()
}

fn migration(
    pair: Pair<'_, '_>,
    dialect: EngineKind,
    findings: &mut Vec<Finding>,
) -> Option<Migration> {
    let forward = script(pair.forward.source, dialect, findings);
    let rollback = pair
        .rollback
        .and_then(|rollback| script(rollback.source, dialect, findings));
    Some(Migration {
        version: pair.forward.version,
        name: pair.forward.name.to_owned(),
        kind: MigrationKind::Versioned,
        home: pair.forward.source.file.clone(),
        forward: forward?,
        rollback,
        verify: None,
        settings: MigrationSettings::default(),
    })
}

/// A file is sent as one query: several statements in it share one implicit transaction, a single one has its own.
fn script(source: &Source<'_>, dialect: EngineKind, findings: &mut Vec<Finding>) -> Option<Script> {
    let mut script = source.script(TransactionMode::Auto, findings)?;
    if script.statement_count(dialect) > 1 {
        script.transaction = TransactionMode::Required;
    }
    Some(script)
}

fn stray(source: &Source<'_>) -> Option<Finding> {
    let name = source.file_name();
    if !name.ends_with(".sql") {
        return None;
    }
    let severity = match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => Severity::Warning,
        false => Severity::Note,
    };
    Some(
        Finding::new(
            severity,
            "stray-file",
            format!("file `{name}` is no migration and is left out"),
        )
        .at(Place::file(&source.file))
        .hint("a migration is `N_name.up.sql` with `N_name.down.sql`"),
    )
}
