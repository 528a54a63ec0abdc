use tightrope_model::{Finding, Severity};

use crate::statement::{LongLock, LongLockReason, Statement};

use super::Rule;
use super::subject::Subject;

pub(super) const RULE: Rule = Rule {
    name: "long-lock",
    severity: Severity::Warning,
    summary: "a statement keeps a strong lock for as long as the table is large",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let side = &subject.forward;
    for (index, statement) in side.statements.iter().enumerate() {
        for long in &statement.long_locks {
            // A table that the migration makes is empty, and nobody else knows it.
            if side.makes_table(&long.table) || is_prepared(subject, index, long) {
                continue;
            }
            let mode = mode(statement, long);
            let message = format!(
                "`{}` {}, with {mode} on `{}` all the while",
                statement.kind, long.reason, long.table
            );
            findings.push(
                side.finding((RULE.name, RULE.severity), long.span.start, message)
                    .hint(hint(long.reason)),
            );
        }
    }
}

fn mode(statement: &Statement, long: &LongLock) -> String {
    let lock = statement
        .locks
        .iter()
        .find(|lock| lock.relation == long.table);
    lock.map_or_else(|| "a lock".to_owned(), |lock| format!("`{}`", lock.mode))
}

/// Whether a validated check constraint spares `SET NOT NULL` the scan.
fn is_prepared(subject: &Subject<'_>, index: usize, long: &LongLock) -> bool {
    long.reason == LongLockReason::ChecksNotNull
        && subject.forward.statements[..index].iter().any(|earlier| {
            let text = subject.forward.script.text_of(earlier).to_lowercase();
            text.contains("validate constraint")
        })
}

fn hint(reason: LongLockReason) -> &'static str {
    match reason {
        LongLockReason::BuildsIndex => {
            "build it with CREATE INDEX CONCURRENTLY (or REINDEX … CONCURRENTLY), in a migration of its own outside of a \
             transaction"
        }
        LongLockReason::BuildsConstraintIndex => {
            "build the unique index with CREATE UNIQUE INDEX CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX"
        }
        LongLockReason::ChecksForeignKey | LongLockReason::ChecksConstraint => {
            "add it NOT VALID, and VALIDATE CONSTRAINT in a migration after it"
        }
        LongLockReason::ChecksNotNull => {
            "add CHECK (column IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT in a migration after it, then SET NOT NULL: it \
             needs no scan then (PostgreSQL 12)"
        }
        LongLockReason::ChangesType => {
            "add a column of the new type, fill it in batches, and swap the names; or be sure that the table is small"
        }
        LongLockReason::FillsColumn => {
            "add the column without the default, set the default, and fill the rows in batches"
        }
        LongLockReason::RewritesTable => {
            "be sure that the table is small, or that nobody needs it meanwhile"
        }
    }
}
