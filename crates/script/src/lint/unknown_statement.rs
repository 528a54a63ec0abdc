use tightrope_model::{Finding, Severity};

use crate::StatementKind;

use super::Rule;
use super::subject::Subject;

pub(super) const RULE: Rule = Rule {
    name: "unknown-statement",
    severity: Severity::Note,
    summary: "a statement is not understood, so nothing is known of its locks and of what it destroys",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for side in subject.sides() {
        for statement in side.statements {
            if statement.kind != StatementKind::Unknown {
                continue;
            }
            let text = side.script.text_of(statement);
            let head: Vec<&str> = text.split_whitespace().take(3).collect();
            let message = format!("statement `{}` is not understood", head.join(" "));
            findings.push(
                side.finding((RULE.name, RULE.severity), statement.span.start, message)
                    .hint("if it is not a typing error, the rehearsal shows what it does"),
            );
        }
    }
}
