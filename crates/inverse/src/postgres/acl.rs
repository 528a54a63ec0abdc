//! Privileges: from the lists that the catalog has to `grant` and `revoke`.

use std::collections::{BTreeMap, BTreeSet};

use super::quote::quote;

/// Who has what from whom: the privileges' letters, and whether they may be passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Acl(BTreeMap<(String, String), BTreeSet<(char, bool)>>);

impl Acl {
    /// Reads `a=r*w/b, =X/b`; a name in it is quoted where it needs it.
    pub(super) fn read(list: &str) -> Self {
        let mut acl = Self::default();
        for item in items(list) {
            let (grantee, rest) = name(item);
            let Some(rest) = rest.strip_prefix('=') else {
                continue;
            };
            let Some((letters, grantor)) = rest.split_once('/') else {
                continue;
            };
            let granted = acl.0.entry((grantee, name(grantor).0)).or_default();
            let mut letters = letters.chars().peekable();
            while let Some(letter) = letters.next() {
                let passes_on = letters.next_if_eq(&'*').is_some();
                granted.insert((letter, passes_on));
            }
        }
        acl
    }

    /// What is revoked to make `wanted` of it.
    pub(super) fn revoked_for(&self, wanted: &Self) -> Self {
        let mut gone = self.clone();
        for (who, granted) in &mut gone.0 {
            if let Some(kept) = wanted.0.get(who) {
                granted.retain(|privilege| !kept.contains(privilege));
            }
        }
        gone.0.retain(|_, granted| !granted.is_empty());
        gone
    }

    /// What is left when these privileges are revoked, whether they may be passed on or not.
    pub(super) fn without(&self, revoked: &Self) -> Self {
        let mut left = self.clone();
        for (who, granted) in &mut left.0 {
            if let Some(gone) = revoked.0.get(who) {
                granted.retain(|(letter, _)| gone.iter().all(|(other, _)| other != letter));
            }
        }
        left.0.retain(|_, granted| !granted.is_empty());
        left
    }

    /// Everybody who is named in it, PUBLIC as the empty name.
    pub(super) fn grantees(&self) -> BTreeSet<&str> {
        self.0.keys().map(|(grantee, _)| grantee.as_str()).collect()
    }
}

/// What privileges are about.
pub(super) struct Subject<'a> {
    /// `table public.t`, as `grant … on` takes it.
    pub(super) name: &'a str,
    /// ` (column)` behind each privilege, else nothing.
    pub(super) columns: &'a str,
    /// Who owns it.
    pub(super) owner: &'a str,
}

/// Statements that make `wanted` out of `there`.
pub(super) fn statements(subject: &Subject<'_>, there: &Acl, wanted: &Acl) -> Vec<String> {
    let mut statements = Vec::new();
    let empty = BTreeSet::new();
    for (who, gone) in &there.revoked_for(wanted).0 {
        let letters = gone.iter().map(|(letter, _)| *letter);
        let sql = format!(
            "revoke {} on {} from {}",
            words(letters, subject.columns),
            subject.name,
            grantee(&who.0)
        );
        statements.extend(as_grantor(sql, &who.1, subject.owner));
    }
    for (who, granted) in &wanted.0 {
        let had = there.0.get(who).unwrap_or(&empty);
        for passes_on in [false, true] {
            let letters: Vec<char> = granted
                .iter()
                .filter(|privilege| privilege.1 == passes_on && !had.contains(privilege))
                .map(|(letter, _)| *letter)
                .collect();
            // The owner passes on what he has anyhow.
            if letters.is_empty() {
                continue;
            }
            let option = if passes_on { " with grant option" } else { "" };
            let sql = format!(
                "grant {} on {} to {}{option}",
                words(letters.into_iter(), subject.columns),
                subject.name,
                grantee(&who.0)
            );
            statements.extend(as_grantor(sql, &who.1, subject.owner));
        }
    }
    statements
}

/// Statements that make `wanted` whatever is there, taking everything from these first.
pub(super) fn from_nothing<'a>(
    subject: &Subject<'_>,
    from: impl IntoIterator<Item = &'a str>,
    wanted: &Acl,
) -> Vec<String> {
    let mut roles: BTreeSet<&str> = from.into_iter().collect();
    roles.insert("");
    roles.insert(subject.owner);
    let roles: Vec<String> = roles.into_iter().map(grantee).collect();
    let mut all = vec![format!(
        "revoke all{} on {} from {}",
        subject.columns,
        subject.name,
        roles.join(", ")
    )];
    all.extend(statements(subject, &Acl::default(), wanted));
    all
}

fn as_grantor(sql: String, grantor: &str, owner: &str) -> Vec<String> {
    if grantor == owner {
        vec![sql]
    } else {
        vec![
            format!("set local role {}", quote(grantor)),
            sql,
            "reset role".to_owned(),
        ]
    }
}

/// Whoever has it, as a statement names them: nobody is everybody.
pub(super) fn grantee(name: &str) -> String {
    if name.is_empty() {
        "public".to_owned()
    } else {
        quote(name)
    }
}

/// The privileges that letters stand for, each with its columns behind it.
pub(super) fn words(letters: impl Iterator<Item = char>, columns: &str) -> String {
    let words: Vec<String> = letters
        .filter_map(word)
        .map(|word| format!("{word}{columns}"))
        .collect();
    words.join(", ")
}

fn word(letter: char) -> Option<&'static str> {
    Some(match letter {
        'r' => "select",
        'a' => "insert",
        'w' => "update",
        'd' => "delete",
        'D' => "truncate",
        'x' => "references",
        't' => "trigger",
        'm' => "maintain",
        'X' => "execute",
        'U' => "usage",
        'C' => "create",
        'c' => "connect",
        'T' => "temporary",
        's' => "set",
        'A' => "alter system",
        _ => return None,
    })
}

/// The items of a list; a comma in a quoted name ends none.
fn items(list: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut quoted, mut start) = (false, 0);
    for (at, letter) in list.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                items.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(list[start..].trim());
    items
}

/// A name at the start of a text, unquoted, and what follows it.
fn name(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['=', '/']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut name = String::new();
    let mut rest = quoted;
    while let Some(end) = rest.find('"') {
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        let Some(more) = rest.strip_prefix('"') else {
            break;
        };
        name.push('"');
        rest = more;
    }
    (name, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(there: &str, wanted: &str, expect: &[&str]) {
        let subject = Subject {
            name: "table t",
            columns: "",
            owner: "o",
        };
        let statements = statements(&subject, &Acl::read(there), &Acl::read(wanted));
        assert_eq!(statements, expect);
    }

    #[test]
    fn only_what_differs_is_granted_and_revoked() {
        check("o=rw/o", "o=rw/o", &[]);
        check("o=rw/o", "o=rw/o, a=r/o", &["grant select on table t to a"]);
        check(
            "o=r/o, =X/o",
            "o=r/o",
            &["revoke execute on table t from public"],
        );
        check(
            "",
            "\"we, \"\"ird\"=r*/o",
            &["grant select on table t to \"we, \"\"ird\" with grant option"],
        );
    }
}
