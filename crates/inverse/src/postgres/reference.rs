//! How an object is called in statements that any kind takes: `comment on`, `alter … owner to`, `grant`, `rename`.

use tightrope_model::{Catalog, Object, ObjectKind};

use super::names;
use super::quote::{qualified, quote};

/// An object in a statement: what it is, and its name: (`function`, `public.f(integer)`).
pub(super) struct Reference {
    /// The words of its kind.
    pub(super) kind: &'static str,
    /// Its quoted name.
    pub(super) name: String,
}

impl Reference {
    pub(super) fn of(object: &Object, catalog: &Catalog) -> Option<Self> {
        let kind = words(object)?;
        let path = &object.id.path;
        let name = match object.id.kind {
            ObjectKind::Column => qualified(path),
            ObjectKind::Constraint
            | ObjectKind::Trigger
            | ObjectKind::Rule
            | ObjectKind::Policy => {
                let owner = names::owner(object, catalog)?;
                let domain = if owner.kind == ObjectKind::Domain {
                    "domain "
                } else {
                    ""
                };
                format!(
                    "{} on {domain}{}",
                    quote(path.last()?),
                    qualified(&owner.path)
                )
            }
            ObjectKind::Cast => format!("({})", path.first()?),
            ObjectKind::Transform => {
                let (kind, language) = path.first()?.rsplit_once(" for ")?;
                format!("for {kind} language {}", quote(language))
            }
            _ => placed(object, path.first()?, names::own_name(&object.id)),
        };
        Some(Self { kind, name })
    }
}

/// The object's name as if it stood in this schema under this name.
pub(super) fn placed(object: &Object, schema: &str, name: &str) -> String {
    let last = object
        .id
        .path
        .last()
        .map(String::as_str)
        .unwrap_or_default();
    if object.id.path.len() == 1 {
        return quote(name);
    }
    let own = match object.id.kind {
        ObjectKind::Operator => name.to_owned(),
        _ => quote(name),
    };
    let rest = match object.id.kind {
        ObjectKind::TextSearch => "",
        _ => last
            .strip_prefix(names::own_name(&object.id))
            .unwrap_or_default(),
    };
    let rest = match object.id.kind {
        ObjectKind::Aggregate if rest == "()" => "(*)",
        _ => rest,
    };
    format!("{}.{own}{rest}", quote(schema))
}

/// The words of an object's kind; none if statements about it are not of this form.
pub(super) fn words(object: &Object) -> Option<&'static str> {
    let last = object
        .id
        .path
        .last()
        .map(String::as_str)
        .unwrap_or_default();
    Some(match object.id.kind {
        ObjectKind::Schema => "schema",
        ObjectKind::Extension => "extension",
        ObjectKind::Language => "language",
        ObjectKind::Collation => "collation",
        ObjectKind::Type | ObjectKind::Enum => "type",
        ObjectKind::Domain => "domain",
        ObjectKind::Sequence => "sequence",
        ObjectKind::Table => "table",
        ObjectKind::ForeignTable => "foreign table",
        ObjectKind::Column => "column",
        ObjectKind::Constraint => "constraint",
        ObjectKind::Index => "index",
        ObjectKind::View => "view",
        ObjectKind::MaterializedView => "materialized view",
        ObjectKind::Function => "function",
        ObjectKind::Procedure => "procedure",
        ObjectKind::Aggregate => "aggregate",
        ObjectKind::Operator => "operator",
        ObjectKind::OperatorClass => "operator class",
        ObjectKind::OperatorFamily => "operator family",
        ObjectKind::Cast => "cast",
        ObjectKind::Conversion => "conversion",
        ObjectKind::TextSearch => match last.split_once(' ').map(|(kind, _)| kind) {
            Some("configuration") => "text search configuration",
            Some("dictionary") => "text search dictionary",
            Some("parser") => "text search parser",
            _ => "text search template",
        },
        ObjectKind::Trigger => "trigger",
        ObjectKind::EventTrigger => "event trigger",
        ObjectKind::Rule => "rule",
        ObjectKind::Policy => "policy",
        ObjectKind::Publication => "publication",
        ObjectKind::Statistics => "statistics",
        ObjectKind::ForeignServer => "server",
        ObjectKind::ForeignDataWrapper => "foreign data wrapper",
        ObjectKind::AccessMethod => "access method",
        ObjectKind::Transform => "transform",
        _ => return None,
    })
}
