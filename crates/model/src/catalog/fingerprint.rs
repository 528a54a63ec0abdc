use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::canonical::canonical;
use super::{Attribute, AttributeLevel, Catalog};
use crate::Digest;

/// A catalog's two digests.
///
/// Equal `strict` implies equal `logical`. Neither depends on the order in which objects were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Over what the schema means: positions left out, free text squeezed.
    pub logical: Digest,
    /// Over everything, positions and the author's text to the letter included.
    pub strict: Digest,
}

impl fmt::Display for Fingerprint {
    /// The strict digest's first twelve digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.strict.short())
    }
}

pub(super) fn of(catalog: &Catalog) -> Fingerprint {
    let mut logical: Vec<Cow<'_, str>> = Vec::new();
    let mut strict: Vec<Cow<'_, str>> = Vec::new();
    for object in catalog.objects() {
        let mut head = vec![Cow::Owned(object.id.kind.words())];
        head.push(Cow::Owned(object.id.path.len().to_string()));
        head.extend(
            object
                .id
                .path
                .iter()
                .map(|name| Cow::Borrowed(name.as_str())),
        );
        let counted = || {
            let all = object.attributes.iter();
            all.filter(|(_, attribute)| attribute.level != AttributeLevel::Fact)
        };
        head.push(Cow::Owned(counted().count().to_string()));
        strict.extend(head.iter().cloned());
        // The number of attributes that count differs between the levels, so the logical digest states its own.
        head.pop();
        head.push(Cow::Owned(
            object
                .attributes
                .values()
                .filter(|a| a.logical_value().is_some())
                .count()
                .to_string(),
        ));
        logical.extend(head);
        for (name, attribute) in counted() {
            strict.push(Cow::Borrowed(name));
            strict.push(attribute.strict_value());
            if let Some(value) = attribute.logical_value() {
                logical.push(Cow::Borrowed(name));
                logical.push(value);
            }
        }
    }
    let digest =
        |parts: &[Cow<'_, str>]| Digest::of_parts(parts.iter().map(|part| part.as_bytes()));
    Fingerprint {
        logical: digest(&logical),
        strict: digest(&strict),
    }
}

impl Attribute {
    /// The value as the strict fingerprint sees it. What the server writes in two ways is written in one.
    pub(super) fn strict_value(&self) -> Cow<'_, str> {
        match self.level {
            AttributeLevel::Logical => canonical(&self.value),
            _ => Cow::Borrowed(&self.value),
        }
    }

    /// The value as the logical fingerprint sees it; none if it does not count there.
    pub fn logical_value(&self) -> Option<Cow<'_, str>> {
        match self.level {
            AttributeLevel::Logical => Some(canonical(&self.value)),
            AttributeLevel::Text => Some(Cow::Owned(squeeze_text(&self.value))),
            AttributeLevel::Position | AttributeLevel::Letter | AttributeLevel::Fact => None,
        }
    }
}

/// Free SQL text without what does not change its meaning: comments go, runs of white space become nothing where a
/// symbol stands beside them and one blank elsewhere, letters outside quotes become lower case, a semicolon at the end goes.
///
/// Quoted text (`'…'`, `"…"`, `` `…` ``) stays to the letter; a dollar-quoted body inside is squeezed like the rest.
pub fn squeeze_text(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    let mut pending_blank = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (taken, token) = match character {
            '\'' | '"' | '`' => {
                let end = quoted_end(rest, character);
                (end, Some(Cow::Borrowed(&rest[..end])))
            }
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), None),
            '/' if rest.starts_with("/*") => (block_comment_end(rest), None),
            c if c.is_whitespace() => (c.len_utf8(), None),
            c => (c.len_utf8(), Some(Cow::Owned(c.to_lowercase().to_string()))),
        };
        match token {
            None => pending_blank = true,
            Some(token) => {
                let glues =
                    |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '\'' | '"' | '`');
                let before = squeezed.chars().next_back().is_some_and(glues);
                let after = token.chars().next().is_some_and(glues);
                if pending_blank && before && after {
                    squeezed.push(' ');
                }
                pending_blank = false;
                squeezed.push_str(&token);
            }
        }
        rest = &rest[taken..];
    }
    while squeezed.ends_with(';') {
        squeezed.pop();
    }
    squeezed
}

fn quoted_end(text: &str, quote: char) -> usize {
    let mut offset = 1;
    while let Some(found) = text[offset..].find(quote) {
        offset += found + 1;
        if !text[offset..].starts_with(quote) {
            return offset;
        }
        offset += 1;
    }
    text.len()
}

fn block_comment_end(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut offset = 0;
    while offset < text.len() {
        if text[offset..].starts_with("/*") {
            depth += 1;
            offset += 2;
        } else if text[offset..].starts_with("*/") {
            depth -= 1;
            offset += 2;
            if depth == 0 {
                return offset;
            }
        } else {
            offset += text[offset..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Object, ObjectId, ObjectKind};

    fn check(text: &str, expect: &str) {
        assert_eq!(squeeze_text(text), expect);
    }

    #[test]
    fn squeezing_keeps_meaning() {
        check("SELECT  a ,\n b -- why\nFROM t;", "select a,b from t");
        check("select 'A  b'' c' || \"X y\"", "select 'A  b'' c'||\"X y\"");
        check("a/* /* nested */ */b", "a b");
        check("x - - 1", "x--1");
        check("'unterminated", "'unterminated");
    }

    fn table(position: &str, body: &str) -> Catalog {
        let column = Object::new(ObjectId::new(ObjectKind::Column, ["public", "t", "a"]))
            .with("type", AttributeLevel::Logical, "integer")
            .with("position", AttributeLevel::Position, position);
        let function = Object::new(ObjectId::new(ObjectKind::Function, ["public", "f()"])).with(
            "definition",
            AttributeLevel::Text,
            body,
        );
        Catalog::new([column, function], Vec::new())
    }

    #[test]
    fn levels_decide_which_fingerprint_sees_a_difference() {
        let base = table("1", "select 1").fingerprint();
        assert_eq!(base, table("1", "select 1").fingerprint());
        for other in [table("2", "select 1"), table("1", "SELECT  1")] {
            let other = other.fingerprint();
            assert_eq!(base.logical, other.logical);
            assert_ne!(base.strict, other.strict);
        }
        assert_ne!(base.logical, table("1", "select 2").fingerprint().logical);
    }
}
