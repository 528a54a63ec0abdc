use tightrope_model::{Finding, Severity};

use crate::statement::{NamedObject, ObjectAction, ObjectClass};

use super::Rule;
use super::subject::{Key, Side, Subject, bare};

pub(super) const RULE: Rule = Rule {
    name: "rollback-leaves-behind",
    severity: Severity::Warning,
    summary: "the forward script makes something that the rollback script never drops",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some((forward, rollback)) = subject.both() else {
        return;
    };
    if rollback.is_opaque() {
        return;
    }
    let gone_at_once = &forward.gone;
    for statement in forward.statements {
        for object in &statement.objects {
            let key = forward.key(object);
            let stays = object.action == ObjectAction::Create
                && is_looked_for(object)
                && !gone_at_once.contains(&key)
                && !(object.guarded && subject.known.contains(&key));
            if stays && !is_undone(rollback, object, &key) {
                findings.push(report(forward, object));
            }
        }
    }
}

fn is_looked_for(object: &NamedObject) -> bool {
    use ObjectClass::*;
    let is_temporary = object.schema.as_deref() == Some("pg_temp");
    let class = matches!(
        object.class,
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
            | Schema
            | Constraint
            | Policy
    );
    class && !is_temporary && !object.name.is_empty()
}

/// Whether the rollback drops it, drops what it belongs to, or makes it anew as it was.
fn is_undone(rollback: &Side<'_>, object: &NamedObject, key: &Key) -> bool {
    let gone = &rollback.gone;
    if gone.contains(key) || rollback.made.contains(key) {
        return true;
    }
    let goes = |class: ObjectClass, name: &str| {
        gone.iter()
            .any(|other| other.class == class && other.name.eq_ignore_ascii_case(name))
    };
    // A view that becomes a table of the same name and the like: the other rule speaks of it.
    if gone.iter().any(|other| other.name == key.name) {
        return true;
    }
    if let Some(schema) = &object.schema
        && goes(ObjectClass::Schema, schema)
    {
        return true;
    }
    let Some(parent) = &object.parent else {
        return false;
    };
    if goes(ObjectClass::Table, bare(parent)) || goes(ObjectClass::MaterializedView, bare(parent)) {
        return true;
    }
    // Dropping a column takes its indexes and constraints along, dropping a function with CASCADE its triggers.
    match object.class {
        ObjectClass::Index | ObjectClass::Constraint => {
            let table = bare(parent).to_lowercase();
            gone.iter().any(|other| {
                other.class == ObjectClass::Column
                    && other.table.as_deref().map(str::to_lowercase) == Some(table.clone())
            })
        }
        ObjectClass::Trigger => gone
            .iter()
            .any(|other| other.class == ObjectClass::Function),
        _ => false,
    }
}

fn report(forward: &Side<'_>, object: &NamedObject) -> Finding {
    let message = format!(
        "{} `{}` is made here, and the rollback never drops it",
        object.class,
        object.display_name()
    );
    forward
        .finding((RULE.name, RULE.severity), object.span.start, message)
        .hint("drop it in the rollback script")
}
