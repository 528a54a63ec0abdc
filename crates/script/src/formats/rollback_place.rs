//! Where a rollback script goes that is written for a migration: into a file of its own, or into a section of the forward one's.

use std::path::{Path, PathBuf};

use tightrope_model::Span;

use super::{Format, dbmate, sql_migrate};
use crate::scan::lines;
use crate::{Migration, MigrationKind};

/// Why a rollback script has no place in a folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// Such a migration has no way back in its format.
    #[error("`{0}` is of a kind that has no rollback script in its format")]
    Kind(String),
    /// Flyway would replace what looks like a placeholder.
    #[error("the script holds `${{`, which Flyway takes for a placeholder")]
    Placeholder,
}

impl Format {
    /// The file that holds a migration's rollback script, or that would hold it.
    ///
    /// # Errors
    /// When the migration's kind has none.
    pub fn rollback_file(self, migration: &Migration) -> Result<PathBuf, NoPlace> {
        if migration.kind != MigrationKind::Versioned {
            return Err(NoPlace::Kind(migration.label()));
        }
        if let Some(rollback) = &migration.rollback {
            return Ok(rollback.file.clone());
        }
        let forward = &migration.forward.file;
        Ok(match self {
            Self::Native => migration.home.join("down.sql"),
            Self::GolangMigrate => {
                let name = file_name(forward);
                let stem = name.strip_suffix(".up.sql").unwrap_or(name);
                forward.with_file_name(format!("{stem}.down.sql"))
            }
            Self::Flyway => {
                let name = file_name(forward).trim_start_matches('V');
                forward.with_file_name(format!("U{name}"))
            }
            Self::SqlMigrate | Self::Dbmate => forward.clone(),
        })
    }

    /// The whole text of that file with the rollback script in it; `now` is its text as it is, empty if it is not there.
    ///
    /// # Errors
    /// When the format would read the script as something else.
    pub fn with_rollback(self, now: &str, rollback: &str) -> Result<String, NoPlace> {
        match self {
            Self::Native | Self::GolangMigrate => Ok(rollback.to_owned()),
            Self::Flyway if rollback.contains("${") => Err(NoPlace::Placeholder),
            Self::Flyway => Ok(rollback.to_owned()),
            Self::SqlMigrate => Ok(with_section(
                now,
                sql_migrate::DOWN,
                &sql_migrate::as_section(rollback),
                sql_migrate::direction,
            )),
            Self::Dbmate => Ok(with_section(now, dbmate::DOWN, rollback, dbmate::direction)),
        }
    }
}

/// The text with its section for the way back replaced, or with one at its end.
fn with_section(
    now: &str,
    marker: &str,
    rollback: &str,
    is_up: impl Fn(&str) -> Option<bool>,
) -> String {
    let whole = Span {
        start: 0,
        end: now.len(),
    };
    let (mut start, mut end) = (None, now.len());
    for (offset, line) in lines(now, whole) {
        match (is_up(line.trim_end_matches(['\r', '\n'])), start) {
            (Some(false), None) => start = Some(offset),
            (Some(_), Some(_)) => {
                end = offset;
                break;
            }
            _ => {}
        }
    }
    let before = &now[..start.unwrap_or(now.len())];
    let after = match start {
        Some(_) => &now[end..],
        None => "",
    };
    // The forward script stays to the letter: its digest is what certificates are bound to.
    let line_end = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let gap = if after.is_empty() { "" } else { "\n" };
    format!(
        "{before}{line_end}{marker}\n{}\n{gap}{after}",
        rollback.trim_end()
    )
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}
