use tightrope_model::{Finding, Severity};

use crate::statement::{NamedObject, ObjectAction, ObjectClass};

use super::Rule;
use super::subject::{Key, Side, Subject};

pub(super) const RULE: Rule = Rule {
    name: "wrong-object-in-rollback",
    severity: Severity::Warning,
    summary: "the rollback script drops something that the forward script did not make",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some((forward, rollback)) = subject.both() else {
        return;
    };
    let made = &forward.made;
    let made_again = &rollback.made;
    for object in rollback.objects() {
        if object.action != ObjectAction::Drop {
            continue;
        }
        let key = rollback.key(object);
        if made.contains(&key) || made_again.contains(&key) {
            continue;
        }
        if let Some(found) = other_class(made, &key) {
            findings.push(report_class(rollback, object, found));
        } else if !forward.is_opaque() && is_certain(forward, object, &key) {
            findings.push(report(rollback, object, similar(made, &key)));
        } else if let Some(meant) = similar(made, &key) {
            findings.push(report(rollback, object, Some(meant)));
        }
    }
}

/// What the forward script made under this name, if that is another kind of thing.
fn other_class<'k>(made: &'k std::collections::BTreeSet<Key>, key: &Key) -> Option<&'k Key> {
    made.iter().find(|other| {
        other.name == key.name
            && !is_same_relation(other.class, key.class)
            && matches!(
                (other.class, key.class),
                (
                    ObjectClass::Index
                        | ObjectClass::Constraint
                        | ObjectClass::Table
                        | ObjectClass::View
                        | ObjectClass::MaterializedView
                        | ObjectClass::Function
                        | ObjectClass::Procedure,
                    ObjectClass::Index
                        | ObjectClass::Constraint
                        | ObjectClass::Table
                        | ObjectClass::View
                        | ObjectClass::MaterializedView
                        | ObjectClass::Function
                        | ObjectClass::Procedure,
                )
            )
    })
}

fn is_same_relation(one: ObjectClass, other: ObjectClass) -> bool {
    one == other
}

/// Whether the text would show it if the forward script made this object. A constraint or an index may have been made with its
/// table or its column, under a name that the server chose.
fn is_certain(forward: &Side<'_>, object: &NamedObject, key: &Key) -> bool {
    match object.class {
        ObjectClass::Table
        | ObjectClass::View
        | ObjectClass::MaterializedView
        | ObjectClass::Schema => !object.guarded,
        ObjectClass::Column => {
            let table = key.table.as_deref().unwrap_or_default();
            !object.guarded && !forward.makes_table(table) && !forward.drops_table(table)
        }
        ObjectClass::Index => {
            let makes_indexes = forward.objects().any(|made| {
                made.action == ObjectAction::Create && made.class != ObjectClass::Index
            });
            let unnamed = forward
                .objects()
                .any(|made| made.class == ObjectClass::Index && made.name.is_empty());
            !object.guarded && !makes_indexes && !unnamed
        }
        _ => false,
    }
}

/// What the forward script made under a name that is almost this one.
fn similar<'k>(made: &'k std::collections::BTreeSet<Key>, key: &Key) -> Option<&'k Key> {
    made.iter().find(|other| {
        other.class == key.class && !other.name.is_empty() && is_typo(&other.name, &key.name)
    })
}

fn is_typo(one: &str, other: &str) -> bool {
    let longest = one.chars().count().max(other.chars().count());
    let allowed = match longest {
        0..=4 => 0,
        5..=8 => 1,
        _ => 2,
    };
    // A name that differs in its number alone is another object of a series, not a typing error.
    let letters = |name: &str| {
        name.chars()
            .filter(|c| !c.is_ascii_digit())
            .collect::<String>()
    };
    allowed > 0 && letters(one) != letters(other) && distance(one, other) <= allowed
}

/// The number of letters to insert, remove or replace.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, &against) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != against);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

fn report_class(rollback: &Side<'_>, object: &NamedObject, made: &Key) -> Finding {
    let message = format!(
        "the rollback drops {} `{}`, and the forward script made {} of that name",
        object.class,
        object.name,
        with_article(made.class)
    );
    rollback
        .finding((RULE.name, RULE.severity), object.span.start, message)
        .hint(format!("drop the {} instead", made.class))
}

fn with_article(class: ObjectClass) -> String {
    let vowel = class.words().starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {class}", if vowel { "an" } else { "a" })
}

fn report(rollback: &Side<'_>, object: &NamedObject, meant: Option<&Key>) -> Finding {
    let message = format!(
        "the rollback drops {} `{}`, which the forward script does not make",
        object.class,
        object.display_name()
    );
    let hint = match meant {
        Some(meant) => format!(
            "the forward script makes `{}`: is that the one?",
            meant.name
        ),
        None => {
            "drop only what the forward script makes; everything else was there before".to_owned()
        }
    };
    rollback
        .finding((RULE.name, RULE.severity), object.span.start, message)
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_told_from_other_names() {
        let check = |one: &str, other: &str, expect: bool| {
            assert_eq!(is_typo(one, other), expect, "{one} {other}");
        };
        check("orders_by_day", "order_by_day", true);
        check("index_users", "idnex_users", true);
        check("a", "b", false);
        check("orders_1", "orders_2", false);
        check("orders_by_day", "orders_by_month", false);
    }
}
