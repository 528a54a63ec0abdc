use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tightrope_lifecycle::DroppedColumns;
use tightrope_model::{Place, nearest};

use super::backup::{BackupPolicyWord, BackupTable};
use super::copies::RehearseTable;
use super::secret::Secret;
use super::selection::MaskValue;
use super::workload::WorkloadTable;
use crate::errors::CommandError;
use crate::exit::Exit;

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The folder of migrations, from the file's own folder.
    pub(super) dir: Option<PathBuf>,
    /// The folder's format.
    pub(super) format: Option<String>,
    /// The target that is meant where none is named.
    pub(super) target: Option<String>,
    /// The databases.
    #[serde(default)]
    pub(super) targets: BTreeMap<String, TargetTable>,
    /// What is allowed and how patient we are.
    #[serde(default)]
    pub(super) policy: PolicyTable,
    /// What the net keeps, and how.
    #[serde(default)]
    pub(super) net: NetTable,
    /// The queries of the application that are tried in rehearsals.
    #[serde(default)]
    pub(super) workload: WorkloadTable,
    /// Where backups are kept, for targets that do not say it themselves.
    pub(super) backup: Option<BackupTable>,
    /// Values for placeholders in scripts.
    #[serde(default)]
    pub(super) placeholders: BTreeMap<String, String>,
    /// The criteria of watches, which are read where they are used.
    #[serde(default, rename = "watch")]
    pub(super) _watch: serde::de::IgnoredAny,
}

/// A database.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetTable {
    pub(super) url: Secret,
    pub(super) rehearse: Option<RehearseTable>,
    pub(super) backup: Option<BackupTable>,
    /// What stands in place of personal data in every copy, by `table.column`.
    #[serde(default)]
    pub(super) mask: BTreeMap<String, MaskValue>,
    /// What masks are derived from.
    pub(super) mask_key: Option<Secret>,
}

/// What is not set is at its default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyTable {
    pub(super) lock_timeout_ms: Option<u64>,
    pub(super) lock_tries: Option<u32>,
    pub(super) stall_budget_ms: Option<u64>,
    pub(super) script_budget_ms: Option<u64>,
    pub(super) statement_budget_ms: Option<u64>,
    pub(super) lease_wait_s: Option<u64>,
    pub(super) copy_limit_bytes: Option<u64>,
    pub(super) strict: Option<bool>,
    pub(super) least_likeness: Option<Percent>,
    pub(super) samples: Option<bool>,
    pub(super) backup: Option<BackupPolicyWord>,
    pub(super) drills: Option<bool>,
}

/// A share: a whole number from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Percent(pub(super) u8);

impl TryFrom<i64> for Percent {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let percent = u8::try_from(number).ok().filter(|percent| *percent <= 100);
        let percent =
            percent.ok_or_else(|| format!("{number} is no share in percent, from 0 to 100"));
        percent.map(Self)
    }
}

/// What is not set is at its default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetTable {
    pub(super) max_bytes: Option<u64>,
    pub(super) dropped_columns: Option<DroppedColumnsWord>,
    pub(super) published: Option<bool>,
}

/// How the values of dropped columns are kept.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DroppedColumnsWord {
    Auto,
    Archive,
    Hide,
}

impl From<DroppedColumnsWord> for DroppedColumns {
    fn from(word: DroppedColumnsWord) -> Self {
        match word {
            DroppedColumnsWord::Auto => Self::Auto,
            DroppedColumnsWord::Archive => Self::Archive,
            DroppedColumnsWord::Hide => Self::Hide,
        }
    }
}

/// Reads the file's text.
pub(super) fn parse(path: &Path, text: &str) -> Result<File, CommandError> {
    toml::from_str(text).map_err(|error| {
        let message = in_words(&error.message().replace('\n', ", "));
        let place = Place::at(path, text, error.span().map_or(0, |span| span.start));
        let line = text
            .lines()
            .nth(place.line - 1)
            .filter(|line| !may_hold_secret(line));
        let mut command_error = CommandError::new(
            Exit::Error,
            format!("the configuration cannot be understood: {message}"),
        )
        .at(place, line.map(str::to_owned));
        if let Some(hint) = nearest_key(&message) {
            command_error = command_error.hint(hint);
        }
        command_error.hint("docs/reference/configuration.md lists every key")
    })
}

/// What the parser says, with numbers as people call them.
fn in_words(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((what, "u8" | "u16" | "u32" | "u64" | "usize")) => {
            format!("{what}, expected a whole number, not below 0")
        }
        Some((what, "i64")) => format!("{what}, expected a whole number"),
        Some((what, "f64")) => format!("{what}, expected a number"),
        _ => message.to_owned(),
    }
}

/// A line that may hold a password is not shown, whatever is wrong with it.
fn may_hold_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    ["://", "url", "password", "secret"]
        .iter()
        .any(|sign| line.contains(sign))
}

/// For an unknown key, the known one that it may have been meant to be: the parser lists all that it knows.
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted
        .next()
        .filter(|_| message.starts_with("unknown field"))?;
    let known: Vec<&str> = quoted.collect();
    nearest(unknown, &known).map(|known| format!("did you mean `{known}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> tightrope_report::ErrorReport {
        parse(Path::new("tightrope.toml"), text)
            .err()
            .unwrap()
            .report()
    }

    #[test]
    fn a_whole_file_is_understood() {
        let text = r#"
            dir = "db/migrations"
            target = "staging"
            [targets.staging]
            url = { env = "DATABASE_URL" }
            [targets.staging.rehearse]
            url = "postgres://localhost/postgres"
            [targets.production]
            url = { command = ["vault", "read"] }
            [policy]
            lock_timeout_ms = 500
            strict = true
            [placeholders]
            schema = "shop"
        "#;
        let file = parse(Path::new("x"), text).ok().unwrap();
        assert_eq!(file.targets.len(), 2);
        assert_eq!(file.policy.lock_timeout_ms, Some(500));
        assert_eq!(file.placeholders["schema"], "shop");
    }

    #[test]
    fn an_unknown_key_comes_back_with_its_place_and_the_nearest() {
        let report = refused("dir = \"x\"\n[policy]\nlock_timeout = 3\n");
        let place = report.place.unwrap();
        assert_eq!((place.line, place.column), (3, 1));
        assert_eq!(report.hints[0], "did you mean `lock_timeout_ms`?");
    }

    #[test]
    fn numbers_are_asked_for_as_people_call_them() {
        let check = |policy: &str, expect: &str| {
            let report = refused(&format!("[policy]\n{policy}\n"));
            assert!(report.message.ends_with(expect), "{}", report.message);
        };
        check(
            "least_likeness = 150",
            "150 is no share in percent, from 0 to 100",
        );
        check(
            "least_likeness = -1",
            "-1 is no share in percent, from 0 to 100",
        );
        check("least_likeness = \"ninety\"", "expected a whole number");
        check("lock_tries = -1", "expected a whole number, not below 0");
        check(
            "lock_timeout_ms = 0.5",
            "expected a whole number, not below 0",
        );
        let file = parse(Path::new("x"), "[policy]\nleast_likeness = 100");
        assert_eq!(file.ok().unwrap().policy.least_likeness, Some(Percent(100)));
    }

    #[test]
    fn a_line_with_a_password_is_never_shown() {
        let report = refused("[targets.a]\nurl = \"postgres://me:secret@host/x\" oops\n");
        assert_eq!(report.line, None);
        assert!(!serde_json::to_string(&report).unwrap().contains("secret"));
    }

    #[test]
    fn a_secret_has_one_source() {
        let check = |value: &str, expect: &str| {
            let report = refused(&format!("[targets.a]\nurl = {value}\n"));
            assert!(report.message.contains(expect), "{}", report.message);
        };
        check(
            "{ env = \"A\", file = \"b\" }",
            "one of `env`, `file` and `command`",
        );
        check("{ }", "one of `env`, `file` and `command`");
        check("{ environment = \"A\" }", "unknown field `environment`");
        check("{ command = [] }", "`command` names no program");
        check("3", "invalid type");
    }

    #[test]
    fn the_documentation_s_example_is_understood_and_names_every_key() {
        let page = include_str!("../../../../docs/reference/configuration.md");
        let example = page
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap();
        assert!(parse(Path::new("example"), example).is_ok(), "{example}");
        for key in [
            "dir",
            "format",
            "target",
            "targets",
            "policy",
            "placeholders",
            "rehearse",
            "folder",
            "bin",
            "kind",
            "checkpoint",
            "url",
        ]
        .into_iter()
        .chain([
            "lock_timeout_ms",
            "lock_tries",
            "stall_budget_ms",
            "script_budget_ms",
            "statement_budget_ms",
            "lease_wait_s",
            "copy_limit_bytes",
            "strict",
            "least_likeness",
            "samples",
            "sample",
            "seed",
            "whole_up_to",
            "tables",
            "masked",
            "mask",
            "mask_key",
            "backup",
            "drills",
            "to",
            "key",
            "jobs",
            "prove",
            "verify",
            "max_age_h",
            "keep_last",
            "keep_daily",
            "keep_weekly",
            "drill_days",
            "changes",
            "adopt",
            "latest",
            "restore",
            "remove",
            "timeout_s",
            "restore_timeout_s",
            "net",
            "max_bytes",
            "dropped_columns",
            "published",
            "workload",
            "broken_queries",
            "changed_queries",
            "blocks_limit",
            "time_limit",
            "search_path",
        ])
        .chain(["env", "file", "command"])
        {
            assert!(page.contains(&format!("`{key}`")), "{key}");
        }
    }
}
