use tightrope_model::{EngineKind, Finding, Severity};

use crate::StatementKind;
use crate::classify::syntax_error;

use super::Rule;
use super::subject::Subject;

pub(super) const RULE: Rule = Rule {
    name: "syntax-error",
    severity: Severity::Warning,
    summary: "a statement does not parse",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.dialect != EngineKind::Postgres {
        return;
    }
    for side in subject.sides() {
        for statement in side.statements {
            // The other rule speaks of what is not understood at all.
            if statement.kind == StatementKind::Unknown {
                continue;
            }
            let Some(offset) = syntax_error(&side.script.text, statement.span) else {
                continue;
            };
            let message = format!("`{}` does not parse from here on", statement.kind);
            findings.push(side.finding((RULE.name, RULE.severity), offset, message).hint(
                "is a semicolon missing before it, or a word misspelt? If the server takes it all the same, leave it",
            ));
        }
    }
}
