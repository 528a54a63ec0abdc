use tightrope_model::{Finding, Severity};

use crate::statement::{NamedObject, ObjectAction, ObjectClass};

use super::Rule;
use super::subject::{Side, Subject, bare};

pub(super) const RULE: Rule = Rule {
    name: "rollback-misses-object",
    severity: Severity::Warning,
    summary: "the forward script drops something that the rollback script never makes again",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some((forward, rollback)) = subject.both() else {
        return;
    };
    if rollback.is_opaque() {
        return;
    }
    let made_forward = &forward.made;
    let made_back = &rollback.made;
    for object in forward.objects() {
        let key = forward.key(object);
        let is_lost = object.action == ObjectAction::Drop
            && !object.guarded
            && is_looked_for(object.class)
            && !made_forward.contains(&key);
        if is_lost && !made_back.contains(&key) && !comes_back_otherwise(rollback, object) {
            findings.push(report(forward, object));
        }
    }
}

fn is_looked_for(class: ObjectClass) -> bool {
    use ObjectClass::*;
    matches!(
        class,
        Table
            | Column
            | Index
            | View
            | MaterializedView
            | Type
            | Domain
            | Sequence
            | Function
            | Procedure
            | Trigger
            | Constraint
    )
}

/// Whether it may come back under a name that the text does not show, or with its table.
fn comes_back_otherwise(rollback: &Side<'_>, object: &NamedObject) -> bool {
    let creates = |class: ObjectClass, test: &dyn Fn(&NamedObject) -> bool| {
        rollback
            .objects()
            .any(|made| made.action == ObjectAction::Create && made.class == class && test(made))
    };
    let parent = object.parent.as_deref().unwrap_or_default();
    if !parent.is_empty() && rollback.makes_table(parent) {
        return true;
    }
    match object.class {
        // Constraints and indexes come along with a column, and may have no name in the text.
        ObjectClass::Constraint | ObjectClass::Index => {
            creates(ObjectClass::Constraint, &|made| {
                made.name.is_empty() || made.name == object.name
            }) || creates(ObjectClass::Index, &|made| {
                made.name.is_empty() || made.name == object.name
            }) || creates(ObjectClass::Column, &|made| {
                object.class == ObjectClass::Index
                    || made.parent.as_deref().map(bare) == Some(bare(parent))
            }) || creates(ObjectClass::Table, &|_| object.class == ObjectClass::Index)
        }
        // `serial` makes its sequence.
        ObjectClass::Sequence => {
            creates(ObjectClass::Table, &|_| true) || creates(ObjectClass::Column, &|_| true)
        }
        _ => false,
    }
}

fn report(forward: &Side<'_>, object: &NamedObject) -> Finding {
    let message = format!(
        "{} `{}` is dropped here, and the rollback never makes it again",
        object.class,
        object.display_name()
    );
    forward
        .finding((RULE.name, RULE.severity), object.span.start, message)
        .hint("make it again in the rollback script, exactly as it was")
}
