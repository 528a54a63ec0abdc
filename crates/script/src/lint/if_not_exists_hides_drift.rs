use tightrope_model::{Finding, Severity};

use crate::statement::{NamedObject, ObjectAction, ObjectClass, StatementKind};

use super::Rule;
use super::subject::{Side, Subject};

pub(super) const RULE: Rule = Rule {
    name: "if-not-exists-hides-drift",
    severity: Severity::Note,
    summary: "IF NOT EXISTS, IF EXISTS or OR REPLACE makes a script succeed on a schema that is not what it should be",
    check,
};

/// Only forward scripts: a rollback has to cope with what it finds.
fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let side = &subject.forward;
    let guarded: Vec<&NamedObject> = side
        .statements
        .iter()
        .filter(|statement| matters(statement.kind))
        .flat_map(|statement| &statement.objects)
        .filter(|object| object.guarded && hides(subject, side, object))
        .collect();
    findings.extend(report(side, &guarded));
}

/// Statements whose guard has no better reason: an extension may be there already, and a DO block asks by itself.
fn matters(kind: StatementKind) -> bool {
    !matches!(
        kind,
        StatementKind::Create(ObjectClass::Extension) | StatementKind::Unknown
    ) && !kind.is(crate::Command::Do)
}

/// Whether the guard can hide something: replacing what the history has made is what OR REPLACE is for, and dropping what this
/// script makes again is a way to change it.
fn hides(subject: &Subject<'_>, side: &Side<'_>, object: &NamedObject) -> bool {
    let key = side.key(object);
    let replaceable = matches!(
        object.class,
        ObjectClass::View
            | ObjectClass::Function
            | ObjectClass::Procedure
            | ObjectClass::Trigger
            | ObjectClass::Aggregate
            | ObjectClass::Rule
    );
    if object.schema.as_deref() == Some("pg_temp") {
        return false;
    }
    match object.action {
        ObjectAction::Create => !(replaceable && subject.known.contains(&key)),
        ObjectAction::Drop => !side.made.contains(&key),
        _ => true,
    }
}

fn report(side: &Side<'_>, guarded: &[&NamedObject]) -> Option<Finding> {
    let first = guarded.first()?;
    let mut names: Vec<String> = guarded
        .iter()
        .map(|object| format!("`{}`", object.display_name()))
        .collect();
    names.dedup();
    let more = names.len().saturating_sub(5);
    names.truncate(5);
    let mut list = names.join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    let message = format!("the script succeeds whether or not it finds {list} as expected");
    Some(
        side.finding((RULE.name, RULE.severity), first.span.start, message)
            .hint("leave out IF [NOT] EXISTS and OR REPLACE: a schema that is not what it should be then shows at once"),
    )
}
