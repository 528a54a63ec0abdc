use tightrope_model::{Finding, Severity};

use super::Rule;
use super::subject::Subject;

pub(super) const RULE: Rule = Rule {
    name: "no-rollback",
    severity: Severity::Warning,
    summary: "a migration has no rollback script",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.rollback.is_some() || subject.needs_no_rollback() {
        return;
    }
    let message = format!(
        "migration `{}` has no rollback script",
        subject.migration.label()
    );
    findings.push(
        Finding::new(RULE.severity, RULE.name, message)
            .at(subject.forward.script.start())
            .hint(format!(
                "write one, derive one with `tightrope new --derive {}`, or {}",
                subject.migration.version,
                subject.how_to_declare_irreversible()
            )),
    );
}
