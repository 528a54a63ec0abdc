//! What is written for all kinds alike, when the object itself is there: owner, privileges, comment, security labels.

use tightrope_model::{Catalog, Object, ObjectKind};

use super::acl::{self, Acl, Subject};
use super::names;
use super::quote::{literal, qualified, quote};
use super::reference::{self, Reference};

/// Statements for an object that was just made.
pub(super) fn created(object: &Object, catalog: &Catalog, now: &Catalog) -> Vec<String> {
    let mut statements = Vec::new();
    if owns_itself(object) {
        statements.extend(owner(object, catalog));
    }
    let given = default_given(catalog, now);
    let default = Acl::read(object.attribute("default_privileges").unwrap_or_default());
    let wanted = privileges(object);
    statements.extend(with_subject(object, catalog, |subject| {
        if given && object.attribute("default_privileges").is_some() {
            let roles = roles_of_defaults(catalog, now);
            acl::from_nothing(subject, roles.iter().map(String::as_str), &wanted)
        } else {
            acl::statements(subject, &default, &wanted)
        }
    }));
    if object.attribute("comment").is_some() {
        statements.extend(comment(object, catalog));
    }
    if object.attribute("security_labels").is_some() {
        statements.extend(labels(object, None, catalog));
    }
    statements
}

/// Statements for an object that stayed; `now` as it is, under its name before.
pub(super) fn changed(before: &Object, now: &Object, catalog: &Catalog) -> Vec<String> {
    let differs = |name: &str| before.attribute(name) != now.attribute(name);
    let mut statements = Vec::new();
    let moves = differs("owner");
    if moves && owns_itself(before) && before.attribute("owner_table").is_none() {
        statements.extend(owner(before, catalog));
    }
    if moves || differs("privileges") {
        let from = moves.then(|| now.attribute("owner").unwrap_or_default());
        let (there, wanted) = (privileges(now), privileges(before));
        statements.extend(granted(before, &there, &wanted, from, catalog));
    }
    statements.extend(said_of(before, now, catalog));
    statements
}

/// Statements for a column that stayed, of a table (before, now) that stayed: what is revoked on a table is revoked on its columns,
/// too.
pub(super) fn changed_column(
    before: &Object,
    now: &Object,
    table: (&Object, &Object),
    catalog: &Catalog,
) -> Vec<String> {
    let (there, wanted) = (privileges(now), privileges(before));
    let moves = table.0.attribute("owner") != table.1.attribute("owner");
    let has_some = there != Acl::default() || wanted != Acl::default();
    let from = (moves && has_some).then(|| table.1.attribute("owner").unwrap_or_default());
    let gone = privileges(table.1).revoked_for(&privileges(table.0));
    let mut statements = granted(before, &there.without(&gone), &wanted, from, catalog);
    statements.extend(said_of(before, now, catalog));
    statements
}

/// Statements that make the wanted privileges on an object of those that are there; `from` is the owner that it is taken from, if it
/// is.
fn granted(
    object: &Object,
    there: &Acl,
    wanted: &Acl,
    from: Option<&str>,
    catalog: &Catalog,
) -> Vec<String> {
    with_subject(object, catalog, |subject| match from {
        // A change of owner rewrites every grant of the old one.
        Some(old) => {
            let roles = there.grantees().into_iter().chain(wanted.grantees());
            acl::from_nothing(subject, roles.chain([old]), wanted)
        }
        None => acl::statements(subject, there, wanted),
    })
}

/// What is said about an object, where it is another thing now.
fn said_of(before: &Object, now: &Object, catalog: &Catalog) -> Vec<String> {
    let differs = |name: &str| before.attribute(name) != now.attribute(name);
    let mut statements = Vec::new();
    if differs("comment") {
        statements.extend(comment(before, catalog));
    }
    if differs("security_labels") {
        statements.extend(labels(before, now.attribute("security_labels"), catalog));
    }
    statements
}

/// Whether an owner can be said for it; what belongs to a table has its owner.
fn owns_itself(object: &Object) -> bool {
    object.attribute("owner").is_some()
        && !matches!(object.id.kind, ObjectKind::Extension)
        && object.attribute("identity").is_none()
}

pub(super) fn owner(object: &Object, catalog: &Catalog) -> Option<String> {
    let Reference { kind, name } = Reference::of(object, catalog)?;
    let owner = quote(object.attribute("owner")?);
    Some(format!("alter {kind} {name} owner to {owner}"))
}

fn comment(object: &Object, catalog: &Catalog) -> Option<String> {
    let Reference { kind, name } = Reference::of(object, catalog)?;
    let text = object
        .attribute("comment")
        .map_or_else(|| "null".to_owned(), literal);
    Some(format!("comment on {kind} {name} is {text}"))
}

/// Labels are told as `provider: label, provider: label`.
fn labels(object: &Object, now: Option<&str>, catalog: &Catalog) -> Vec<String> {
    let Some(Reference { kind, name }) = Reference::of(object, catalog) else {
        return Vec::new();
    };
    let read = |labels: &str| -> Vec<(String, String)> {
        labels
            .split(", ")
            .filter_map(|label| label.split_once(": "))
            .map(|(provider, label)| (provider.to_owned(), label.to_owned()))
            .collect()
    };
    let wanted = read(object.attribute("security_labels").unwrap_or_default());
    let there = read(now.unwrap_or_default());
    let gone = there
        .into_iter()
        .filter(|(provider, _)| wanted.iter().all(|(wanted, _)| wanted != provider))
        .map(|(provider, _)| (provider, "null".to_owned()));
    let set = wanted
        .iter()
        .map(|(provider, label)| (provider.clone(), literal(label)));
    gone.chain(set)
        .map(|(provider, label)| {
            format!(
                "security label for {} on {kind} {name} is {label}",
                quote(&provider)
            )
        })
        .collect()
}

/// The privileges of an object, those of its default included.
fn privileges(object: &Object) -> Acl {
    match object.attribute("privileges") {
        Some("none") => Acl::default(),
        Some(list) => Acl::read(list),
        None => Acl::read(object.attribute("default_privileges").unwrap_or_default()),
    }
}

fn with_subject(
    object: &Object,
    catalog: &Catalog,
    write: impl FnOnce(&Subject<'_>) -> Vec<String>,
) -> Vec<String> {
    if object.id.kind == ObjectKind::Column {
        let table = names::owner(object, catalog).and_then(|owner| catalog.object(&owner));
        let Some(table) = table else {
            return Vec::new();
        };
        let column = object.id.path.last().map(|name| quote(name));
        return write(&Subject {
            name: &format!("table {}", qualified(&table.id.path)),
            columns: &format!(" ({})", column.unwrap_or_default()),
            owner: table.attribute("owner").unwrap_or_default(),
        });
    }
    let kind = match object.id.kind {
        ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::ForeignTable => "table",
        ObjectKind::Aggregate => "function",
        ObjectKind::ForeignServer => "foreign server",
        ObjectKind::Schema
        | ObjectKind::Language
        | ObjectKind::Type
        | ObjectKind::Enum
        | ObjectKind::Domain
        | ObjectKind::Sequence
        | ObjectKind::Table
        | ObjectKind::Function
        | ObjectKind::Procedure
        | ObjectKind::ForeignDataWrapper => reference::words(object).unwrap_or_default(),
        _ => return Vec::new(),
    };
    let Some(Reference { name, .. }) = Reference::of(object, catalog) else {
        return Vec::new();
    };
    // `grant` knows no `(*)`.
    let name = name.replace("(*)", "()");
    write(&Subject {
        name: &format!("{kind} {name}"),
        columns: "",
        owner: object.attribute("owner").unwrap_or_default(),
    })
}

/// Whether somebody's default privileges may give more than the server's own.
fn default_given(before: &Catalog, now: &Catalog) -> bool {
    [before, now]
        .iter()
        .any(|catalog| catalog.count(ObjectKind::DefaultPrivileges) > 0)
}

fn roles_of_defaults(before: &Catalog, now: &Catalog) -> Vec<String> {
    [before, now]
        .iter()
        .flat_map(|catalog| catalog.objects())
        .filter(|object| object.id.kind == ObjectKind::DefaultPrivileges)
        .flat_map(|object| {
            let acl = Acl::read(object.attribute("privileges").unwrap_or_default());
            let grantees: Vec<String> = acl.grantees().into_iter().map(str::to_owned).collect();
            grantees.into_iter().chain(object.id.path.first().cloned())
        })
        .collect()
}
