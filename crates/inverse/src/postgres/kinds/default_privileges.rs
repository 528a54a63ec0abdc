use std::collections::BTreeMap;

use tightrope_model::sql_text::members;
use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::acl::{self, words};
use super::super::kind::KindDdl;
use super::super::quote::quote;
use super::block::block;
use super::place::text;
use super::text::unquoted;
use crate::Change;

/// `alter default privileges`. Those for a schema are added to the others, so they begin with none; those for all schemas
/// begin with what the server gives.
pub(in super::super) struct DefaultPrivileges;

impl KindDdl for DefaultPrivileges {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::DefaultPrivileges]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        altered(object, &at_first(object), &granted(object))
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        let mut statements = altered(object, &granted(object), &at_first(object));
        match (statements.pop(), statements.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                statements.extend(last);
                block(&statements)
            }
        }
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        Some(altered(before, &granted(now), &granted(before)))
    }
}

/// Who may do what, and whether they may grant it on.
type Granted = BTreeMap<String, BTreeMap<char, bool>>;

fn granted(object: &Object) -> Granted {
    read(text(object, "privileges"))
}

fn at_first(object: &Object) -> Granted {
    match every_schema(object) {
        true => read(text(object, "hard_wired")),
        false => Granted::new(),
    }
}

fn every_schema(object: &Object) -> bool {
    object
        .id
        .path
        .get(1)
        .is_some_and(|schema| schema == "every schema")
}

/// Reads a list of the server's `grantee=letters/grantor`; an asterisk after a letter is its grant option.
fn read(items: &str) -> Granted {
    let mut granted = Granted::new();
    for item in members(items) {
        let Some((grantee, rest)) = item.rsplit_once('=') else {
            continue;
        };
        let letters = rest.split('/').next().unwrap_or_default();
        let role = granted.entry(grantee.to_owned()).or_default();
        let mut last = None;
        for letter in letters.chars() {
            match (letter, last) {
                ('*', Some(letter)) => {
                    role.insert(letter, true);
                }
                _ => {
                    role.insert(letter, false);
                    last = Some(letter);
                }
            }
        }
    }
    granted
}

/// The statements that lead from one set of privileges to another.
fn altered(object: &Object, from: &Granted, to: &Granted) -> Vec<String> {
    let none = BTreeMap::new();
    let mut statements = Vec::new();
    let mut add = |how: &str, letters: Vec<char>, towards: &str| {
        if !letters.is_empty() {
            statements.push(format!(
                "{} {how}{} on {}{towards}",
                target(object),
                words(letters.into_iter(), ""),
                kind(object)
            ));
        }
    };
    let grantees = from
        .keys()
        .chain(to.keys().filter(|grantee| !from.contains_key(*grantee)));
    for grantee in grantees {
        let (is, wanted) = (
            from.get(grantee).unwrap_or(&none),
            to.get(grantee).unwrap_or(&none),
        );
        let role = acl::grantee(&unquoted(grantee));
        let pick = |keep: &dyn Fn(Option<bool>, Option<bool>) -> bool| -> Vec<char> {
            let letters = is
                .keys()
                .chain(wanted.keys().filter(|letter| !is.contains_key(letter)));
            let kept =
                letters.filter(|letter| keep(is.get(letter).copied(), wanted.get(letter).copied()));
            kept.copied().collect()
        };
        let from = format!(" from {role}");
        add(
            "revoke ",
            pick(&|is, wanted| is.is_some() && wanted.is_none()),
            &from,
        );
        add(
            "revoke grant option for ",
            pick(&|is, wanted| is == Some(true) && wanted == Some(false)),
            &from,
        );
        add(
            "grant ",
            pick(&|is, wanted| is.is_none() && wanted == Some(false)),
            &format!(" to {role}"),
        );
        let on = format!(" to {role} with grant option");
        add(
            "grant ",
            pick(&|is, wanted| is != Some(true) && wanted == Some(true)),
            &on,
        );
    }
    statements
}

fn target(object: &Object) -> String {
    let mut path = object.id.path.iter();
    let role = path.next().map(|role| quote(role)).unwrap_or_default();
    let schema = path.next().filter(|_| !every_schema(object));
    let schema = schema
        .map(|schema| format!(" in schema {}", quote(schema)))
        .unwrap_or_default();
    format!("alter default privileges for role {role}{schema}")
}

fn kind(object: &Object) -> &str {
    object
        .id
        .path
        .get(2)
        .map(String::as_str)
        .unwrap_or_default()
}
