//! The formats of migration folders: one format, one file.
//!
//! A format is told from the files alone. Every reader gives what it could read and findings for the rest; one error finding
//! is enough for nothing to be run.

mod dbmate;
mod flyway;
mod golang_migrate;
mod native;
mod pairs;
mod placeholders;
mod rollback_place;
mod sections;
mod source;
mod sql_migrate;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use serde::Serialize;
use tightrope_model::{Finding, Place, Severity};

use crate::{Folder, Migration, MigrationKind, ReadSettings, SourceFile};

pub use rollback_place::NoPlace;

use source::Source;

/// The format of a migration folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `<version>_<name>/up.sql` and `down.sql`; diesel's folders are such as they are.
    Native,
    /// `N_name.up.sql` and `N_name.down.sql`.
    GolangMigrate,
    /// `V1__name.sql`, `U1__name.sql`, `R__name.sql`, `B1__name.sql`.
    Flyway,
    /// `-- +migrate Up` and `-- +migrate Down` in one file.
    SqlMigrate,
    /// `-- migrate:up` and `-- migrate:down` in one file.
    Dbmate,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [
        Self::Native,
        Self::GolangMigrate,
        Self::Flyway,
        Self::SqlMigrate,
        Self::Dbmate,
    ];

    /// The name as it stands in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::GolangMigrate => "golang-migrate",
            Self::Flyway => "flyway",
            Self::SqlMigrate => "sql-migrate",
            Self::Dbmate => "dbmate",
        }
    }

    fn recognizes(self, source: &Source<'_>) -> bool {
        match self {
            Self::Native => native::recognizes(source),
            Self::GolangMigrate => golang_migrate::recognizes(source),
            Self::Flyway => flyway::recognizes(source),
            Self::SqlMigrate => sql_migrate::recognizes(source),
            Self::Dbmate => dbmate::recognizes(source),
        }
    }

    fn read(self, reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Vec<Migration> {
        match self {
            Self::Native => native::read(reading, findings),
            Self::GolangMigrate => golang_migrate::read(reading, findings),
            Self::Flyway => flyway::read(reading, findings),
            Self::SqlMigrate => sql_migrate::read(reading, findings),
            Self::Dbmate => dbmate::read(reading, findings),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "diesel" => Ok(Self::Native),
            _ => Self::ALL
                .into_iter()
                .find(|format| format.name() == name)
                .ok_or_else(|| UnknownFormat(name.to_owned())),
        }
    }
}

/// The error of a format's name that is not known.
#[derive(Debug, thiserror::Error)]
#[error("unknown format {0:?}: known are native, golang-migrate, flyway, sql-migrate, dbmate")]
pub struct UnknownFormat(String);

/// What a format's reader is given.
struct Reading<'a> {
    folder: &'a Path,
    sources: Vec<Source<'a>>,
    settings: &'a ReadSettings,
}

/// Finds out the format and reads the migrations.
pub(crate) fn read(
    folder: &Path,
    files: &[SourceFile],
    settings: &ReadSettings,
) -> (Option<Folder>, Vec<Finding>) {
    let mut sources: Vec<Source<'_>> = files.iter().map(|file| Source::new(folder, file)).collect();
    sources.sort_by(|a, b| a.path.cmp(b.path));
    let reading = Reading {
        folder,
        sources,
        settings,
    };
    let format = match settings.format.map_or_else(|| detect(&reading), Ok) {
        Ok(format) => format,
        Err(findings) => return (None, findings),
    };
    let mut findings = Vec::new();
    let mut migrations = format.read(&reading, &mut findings);
    sort(&mut migrations);
    if migrations.is_empty() && findings.is_empty() {
        findings.push(empty(&reading, format));
    }
    let folder = Folder {
        path: folder.to_owned(),
        format,
        migrations,
    };
    (Some(folder), findings)
}

fn sort(migrations: &mut [Migration]) {
    migrations.sort_by(|a, b| {
        let repeatable = |m: &Migration| m.kind == MigrationKind::Repeatable;
        (repeatable(a), &a.version, &a.name).cmp(&(repeatable(b), &b.version, &b.name))
    });
}

fn empty(reading: &Reading<'_>, format: Format) -> Finding {
    Finding::new(
        Severity::Error,
        "no-migrations",
        format!(
            "folder `{}` holds no migration in the format {format}",
            reading.folder.display()
        ),
    )
    .hint("name another folder with `--dir`, or make a migration with `tightrope new`")
}

/// The one format that the files are in.
fn detect(reading: &Reading<'_>) -> Result<Format, Vec<Finding>> {
    let sign = |format: Format| {
        let found = reading.sources.iter().find(|s| format.recognizes(s))?;
        Some((format, found))
    };
    let found: Vec<(Format, &Source<'_>)> = Format::ALL.into_iter().filter_map(sign).collect();
    match found.as_slice() {
        [] => Err(vec![unknown(reading)]),
        [(format, _)] => Ok(*format),
        several => Err(several
            .iter()
            .map(|(format, source)| mixed(*format, source, several))
            .collect()),
    }
}

fn mixed(format: Format, source: &Source<'_>, all: &[(Format, &Source<'_>)]) -> Finding {
    let names: Vec<&str> = all.iter().map(|(format, _)| format.name()).collect();
    Finding::new(
        Severity::Error,
        "mixed-formats",
        format!(
            "the folder mixes formats ({}): this file is {format}",
            names.join(", ")
        ),
    )
    .at(Place::file(&source.file))
    .hint("keep one format per folder, or say which one is meant with `format` in tightrope.toml")
}

fn unknown(reading: &Reading<'_>) -> Finding {
    let folder = reading.folder.display();
    let finding = |rule, message: String| Finding::new(Severity::Error, rule, message);
    if let Some(source) = reading
        .sources
        .iter()
        .find(|source| source.file_name().ends_with(".sql") && source.bytes().is_none())
    {
        return source.unreadable();
    }
    if let Some(below) = reading.sources.iter().find_map(below) {
        return finding(
            "unknown-format",
            format!("folder `{folder}` holds no migrations itself, folder `{below}` in it does"),
        )
        .hint(format!(
            "use `--dir {}`",
            reading.folder.join(&below).display()
        ));
    }
    if let Some(source) = reading
        .sources
        .iter()
        .find(|s| s.has_line(|line| line.starts_with("-- +goose Up")))
    {
        return finding(
            "unknown-format",
            "the file is in goose's format, which cannot be read yet".to_owned(),
        )
        .at(Place::file(&source.file))
        .hint("known are native (and diesel), golang-migrate, flyway, sql-migrate and dbmate");
    }
    if reading.sources.is_empty() {
        return finding("no-migrations", format!("folder `{folder}` is empty"))
            .hint("make the first migration with `tightrope new NAME`");
    }
    finding(
        "unknown-format",
        format!("folder `{folder}` is in no known format"),
    )
    .hint(
        "known are native and diesel (`0001_name/up.sql`), golang-migrate (`1_name.up.sql`), flyway (`V1__name.sql`), \
         sql-migrate (`-- +migrate Up`) and dbmate (`-- migrate:up`)",
    )
}

/// The folder that this file would be a migration of, if one were to begin further down.
fn below(source: &Source<'_>) -> Option<String> {
    let mut components = source.path.components();
    let first = components
        .next()?
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    let file = SourceFile {
        path: components.as_path().to_owned(),
        content: Err(String::new()),
    };
    let inner = Source::new(Path::new(""), &file);
    [Format::Native, Format::GolangMigrate]
        .iter()
        .any(|format| format.recognizes(&inner))
        .then_some(first)
}
