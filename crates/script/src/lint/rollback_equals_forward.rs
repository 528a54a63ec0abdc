use tightrope_model::{Finding, Severity};

use super::Rule;
use super::subject::Subject;

pub(super) const RULE: Rule = Rule {
    name: "rollback-equals-forward",
    severity: Severity::Warning,
    summary: "both scripts say the same",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some((forward, rollback)) = subject.both() else {
        return;
    };
    let meaning = |side: &super::subject::Side<'_>| side.script.meaning_digest(subject.dialect);
    if !subject.changes_something() || meaning(forward) != meaning(rollback) {
        return;
    }
    let message = format!(
        "rollback script of `{}` says the same as the forward script",
        subject.migration.label()
    );
    findings.push(
        Finding::new(RULE.severity, RULE.name, message)
            .at(rollback.script.start())
            .hint(
                "it was probably copied and never changed: undo there what the forward script does",
            ),
    );
}
