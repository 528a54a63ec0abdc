use tightrope_model::{Finding, Severity, Span};

use crate::scan::{Token, Tokens};
use crate::statement::{NamedObject, ObjectAction, Statement, StatementKind};

use super::Rule;
use super::subject::{Side, Subject};

pub(super) const RULE: Rule = Rule {
    name: "cascade-drops-unseen",
    severity: Severity::Note,
    summary: "DROP … CASCADE in a forward script takes objects along that it does not name",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let side = &subject.forward;
    for statement in side.statements {
        let dropped = statement
            .objects_with(&ObjectAction::Drop)
            .filter(|object| cascades(side, statement, object));
        let Some(object) = dropped.last() else {
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

/// Whether CASCADE follows the object, or the list that it stands in.
fn cascades(side: &Side<'_>, statement: &Statement, object: &NamedObject) -> bool {
    let after = Span {
        start: object.span.end,
        end: statement.span.end,
    };
    let mut rest =
        Tokens::new(&side.script.text, after, side.dialect).filter(Token::is_significant);
    match statement.kind {
        StatementKind::Drop(_) => rest.any(|token| token.is_word("cascade")),
        StatementKind::Alter(_) => rest.next().is_some_and(|token| token.is_word("cascade")),
        _ => false,
    }
}
