//! The lint: looks at a folder as a reviewer would. One rule, one file, one line of registration.
//!
//! Its findings are advice, also where they are errors: a server that refuses a statement is the better judge.

mod cascade_drops_unseen;
mod cluster_wide;
mod destructive_without_a_way_back;
mod empty_rollback;
mod if_not_exists_hides_drift;
mod long_lock;
mod no_rollback;
mod not_in_a_transaction;
mod own_transaction;
mod rollback_equals_forward;
mod rollback_leaves_behind;
mod rollback_misses_object;
mod subject;
mod syntax_error;
mod unknown_statement;
mod wrong_object_in_rollback;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use tightrope_model::{EngineKind, Finding, Severity};

use crate::Folder;

use subject::{Key, Subject};

/// A rule of the lint.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name in kebab-case.
    pub name: &'static str,
    /// The most that a finding of it weighs.
    pub severity: Severity,
    /// What it looks for, in one sentence.
    pub summary: &'static str,
    check: fn(&Subject<'_>, &mut Vec<Finding>),
}

/// All rules, as they are run.
pub const RULES: &[Rule] = &[
    no_rollback::RULE,
    empty_rollback::RULE,
    rollback_equals_forward::RULE,
    wrong_object_in_rollback::RULE,
    rollback_leaves_behind::RULE,
    rollback_misses_object::RULE,
    destructive_without_a_way_back::RULE,
    cascade_drops_unseen::RULE,
    own_transaction::RULE,
    not_in_a_transaction::RULE,
    long_lock::RULE,
    cluster_wide::RULE,
    if_not_exists_hides_drift::RULE,
    syntax_error::RULE,
    unknown_statement::RULE,
];

/// The rules that reading a script or a folder keeps; they hold for every command, not only for the lint.
pub const READING_RULES: &[&str] = &[
    "bad-marker",
    "bad-settings",
    "duplicate-version",
    "mixed-formats",
    "name-mismatch",
    "never-closed",
    "no-forward",
    "no-migrations",
    "no-version",
    "orphan-rollback",
    "outside-section",
    "own-rollback",
    "psql-meta-command",
    "repeated-section",
    "stray-file",
    "unknown-format",
    "unknown-placeholder",
    "unknown-setting",
    "unreadable-file",
    "unsupported-file",
];

/// Looks at every migration of a folder with every rule; the findings come in the order of the migrations. What is wrong with
/// a script as a text ([`crate::Parsed::findings`]) is among them.
pub fn lint(folder: &Folder, dialect: EngineKind) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known: BTreeSet<Key> = BTreeSet::new();
    for migration in &folder.migrations {
        let mut forward = migration.forward.parse(dialect);
        findings.append(&mut forward.findings);
        let mut rollback = migration
            .rollback
            .as_ref()
            .map(|script| script.parse(dialect));
        if let Some(parsed) = &mut rollback {
            findings.append(&mut parsed.findings);
        }
        if let Some(verify) = &migration.verify {
            findings.append(&mut verify.parse(dialect).findings);
        }
        let subject = Subject::new(migration, dialect, &forward, rollback.as_ref(), &known);
        for rule in RULES {
            (rule.check)(&subject, &mut findings);
        }
        let made = subject.forward.made;
        known.extend(made);
    }
    findings
}
