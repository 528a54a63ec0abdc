use tightrope_model::{Finding, Severity};

use super::Rule;
use super::subject::Subject;

pub(super) const RULE: Rule = Rule {
    name: "empty-rollback",
    severity: Severity::Warning,
    summary: "the rollback script holds no statement, and the forward script does",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(rollback) = &subject.rollback else {
        return;
    };
    let is_empty = rollback
        .statements
        .iter()
        .all(|s| s.kind.controls_transaction());
    if !is_empty || subject.needs_no_rollback() || !subject.changes_something() {
        return;
    }
    let message = format!(
        "rollback script of `{}` holds no statement",
        subject.migration.label()
    );
    findings.push(
        Finding::new(RULE.severity, RULE.name, message)
            .at(rollback.script.start())
            .hint(format!(
                "undo there what the forward script does, or {}",
                subject.how_to_declare_irreversible()
            )),
    );
}
