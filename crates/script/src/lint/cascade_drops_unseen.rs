use tightrope_model::{Finding, Severity};

use crate::statement::{ObjectAction, StatementKind};

use super::Rule;
use super::subject::Subject;

pub(super) const RULE: Rule = Rule {
    name: "cascade-drops-unseen",
    severity: Severity::Note,
    summary: "DROP … CASCADE in a forward script takes objects along that it does not name",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let side = &subject.forward;
    for statement in side.statements {
        let drops = matches!(
            statement.kind,
            StatementKind::Drop(_) | StatementKind::Alter(_)
        );
        let text = side.script.text_of(statement);
        let cascades = text
            .rsplit(|c: char| !c.is_ascii_alphabetic())
            .find(|word| !word.is_empty())
            .is_some_and(|word| word.eq_ignore_ascii_case("cascade"));
        let dropped = statement.objects_with(&ObjectAction::Drop).last();
        let (true, true, Some(object)) = (drops, cascades, dropped) else {
            continue;
        };
        let message = format!(
            "`{}` of `{}` takes along whatever depends on it",
            statement.kind,
            object.display_name()
        );
        findings.push(
            side.finding((RULE.name, RULE.severity), statement.span.start, message)
                .hint("drop what depends on it by name, so that the rollback can bring it back by name"),
        );
    }
}
