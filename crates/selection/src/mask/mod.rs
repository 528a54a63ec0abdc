//! What stands in a column instead of its value.
//!
//! A [`MaskKind`] is what is configured; a [`Masker`] is that kind for a column of a certain type, and refuses what the type cannot hold
//! before a row is read.

mod fake;
mod format;
mod hash;

use std::collections::BTreeMap;
use std::fmt;

pub use fake::FakeKind;

use format::Range;

/// The masks of a copy.
#[derive(Clone, Debug, Default)]
pub struct Masks {
    /// What they are derived from.
    pub key: MaskKey,
    /// The masks by their columns: `customers.email`.
    pub columns: BTreeMap<String, MaskKind>,
}

/// The secret that masks are derived from: without it nobody can find out a value by masking guesses.
#[derive(Clone, Default)]
pub struct MaskKey([u8; 32]);

impl MaskKey {
    /// The key that a secret text gives; white space around it plays no part.
    pub fn from_secret(text: &str) -> Self {
        Self(blake3::derive_key(
            "tightrope 2026 masks of a copy",
            text.trim().as_bytes(),
        ))
    }

    /// A key for one thing, with what makes it that thing.
    fn hasher(&self, what: &str) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(what.len() as u64).to_le_bytes());
        hasher.update(what.as_bytes());
        hasher
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey")
    }
}

/// What a column is masked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskKind {
    /// NULL.
    Null,
    /// A keyed hash.
    Hash,
    /// Something made up that looks like it.
    Fake(FakeKind),
    /// Letters become letters, digits digits; the rest, and the length, stay.
    KeepFormat,
    /// An expression over the row, in the SQL of the engine.
    Sql(String),
}

impl MaskKind {
    /// Reads `null`, `hash`, `keep format`, `fake email`.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn parse(text: &str) -> Result<Self, UnknownMask> {
        let unknown = || UnknownMask(text.to_owned());
        match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["null"] => Ok(Self::Null),
            ["hash"] => Ok(Self::Hash),
            ["keep", "format"] => Ok(Self::KeepFormat),
            ["fake", kind] => FakeKind::parse(kind).map(Self::Fake).ok_or_else(unknown),
            _ => Err(unknown()),
        }
    }

    /// Whether different values always get different masks, so that what is unique stays so.
    pub fn keeps_unique(&self) -> bool {
        match self {
            // NULLs are all different to a unique index.
            Self::Null | Self::Hash | Self::KeepFormat | Self::Fake(FakeKind::Email) => true,
            Self::Fake(_) => false,
            // Nobody knows: the index finds out.
            Self::Sql(_) => true,
        }
    }
}

impl fmt::Display for MaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Hash => f.write_str("hash"),
            Self::Fake(kind) => write!(f, "fake {}", kind.name()),
            Self::KeepFormat => f.write_str("keep format"),
            Self::Sql(_) => f.write_str("sql"),
        }
    }
}

/// A mask that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no mask: they are `null`, `hash`, `keep format`, {fakes} and {{ sql = \"…\" }}",
    fakes = FakeKind::all_in_words()
)]
pub struct UnknownMask(pub String);

/// The name of a masked column, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskName<'n> {
    /// The table's display name.
    pub table: &'n str,
    /// The column.
    pub column: &'n str,
}

impl<'n> MaskName<'n> {
    /// Takes `customers.email` or `shop.customers.email` apart.
    pub fn parse(name: &'n str) -> Option<Self> {
        let (table, column) = name.rsplit_once('.')?;
        (!table.is_empty() && !column.is_empty()).then_some(Self { table, column })
    }
}

/// What values a column can hold, as far as masks care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueClass {
    /// Text of at most so many characters.
    Text(Option<usize>),
    /// Whole numbers from the first to the second.
    Integer(i64, i64),
    /// Other numbers.
    Number,
    /// A date, or a moment, or a time of day.
    Time,
    /// A UUID.
    Uuid,
    /// Bytes, written as `\x` and hexadecimal digits.
    Bytes,
    /// Anything else.
    Other,
}

/// Why a column cannot have its mask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// The mask makes something else than the column can hold.
    #[error("the mask `{mask}` makes nothing that a column of type {type_name} can hold")]
    Class {
        /// The mask.
        mask: String,
        /// The column's type.
        type_name: String,
    },
    /// The column is too narrow for it.
    #[error("the mask `{mask}` needs {least} characters {why}, and the column has {most}")]
    Narrow {
        /// The mask.
        mask: String,
        /// What it needs.
        least: usize,
        /// What for.
        why: &'static str,
        /// What there is.
        most: usize,
    },
    /// Different values would become equal.
    #[error(
        "the mask `{mask}` gives the same to several rows, and the column is part of the unique {what}"
    )]
    NotUnique {
        /// The mask.
        mask: String,
        /// The index, or the constraint.
        what: String,
    },
    /// The column cannot be NULL.
    #[error("the mask `null` makes NULL, and the column is NOT NULL")]
    NotNull,
}

/// A mask for the values of a column.
#[derive(Clone, Debug)]
pub struct Masker {
    key: MaskKey,
    kind: MaskKind,
    class: ValueClass,
}

impl Masker {
    /// The mask of that kind for values of that class; `unique` names an index in which different values have to stay different.
    ///
    /// # Errors
    /// When the column cannot hold what the mask makes.
    pub fn new(
        key: &MaskKey,
        kind: &MaskKind,
        class: ValueClass,
        type_name: &str,
        unique: Option<&str>,
    ) -> Result<Self, MaskError> {
        let mask = kind.to_string();
        let fits = match (kind, class) {
            (MaskKind::Null | MaskKind::Sql(_), _) => true,
            (_, ValueClass::Text(_)) => true,
            (MaskKind::Hash, ValueClass::Uuid | ValueClass::Bytes) => true,
            (MaskKind::KeepFormat, ValueClass::Bytes | ValueClass::Other) => false,
            (MaskKind::KeepFormat, _) => true,
            _ => false,
        };
        if !fits {
            let type_name = type_name.to_owned();
            return Err(MaskError::Class { mask, type_name });
        }
        if let Some(what) = unique
            && !kind.keeps_unique()
        {
            let what = what.to_owned();
            return Err(MaskError::NotUnique { mask, what });
        }
        let least = match (kind, unique) {
            (MaskKind::Hash, Some(_)) => hash::LEAST_UNIQUE,
            (MaskKind::Fake(kind), unique) => kind.least(unique.is_some()),
            _ => 0,
        };
        if let ValueClass::Text(Some(most)) = class
            && most < least
        {
            let why = match unique {
                Some(_) => "so that different values stay different",
                None => "at the least",
            };
            return Err(MaskError::Narrow {
                mask,
                least,
                why,
                most,
            });
        }
        Ok(Self {
            key: key.clone(),
            kind: kind.clone(),
            class,
        })
    }

    /// What stands instead of a value; NULL stays NULL. A mask in SQL is made by the engine, and is left as it is here.
    pub fn mask(&self, value: &str) -> Option<String> {
        let most = match self.class {
            ValueClass::Text(most) => most,
            _ => None,
        };
        match &self.kind {
            MaskKind::Null => None,
            MaskKind::Sql(_) => Some(value.to_owned()),
            MaskKind::Hash => Some(match self.class {
                ValueClass::Uuid => hash::uuid(&self.key, value),
                ValueClass::Bytes => format!("\\x{}", hash::hexadecimal(&self.key, value)),
                _ => hash::text(&self.key, value, most),
            }),
            MaskKind::Fake(kind) => Some(kind.of(&self.key, value, most)),
            MaskKind::KeepFormat => Some(match self.class {
                ValueClass::Integer(least, most) => {
                    format::integer(&self.key, value, &Range { least, most })
                }
                ValueClass::Number => format::number(&self.key, value),
                ValueClass::Time => format::time(&self.key, value),
                ValueClass::Uuid => format::uuid(&self.key, value),
                _ => format::text(&self.key, value),
            }),
        }
    }

    /// The expression, where the engine has to make the mask.
    pub fn sql(&self) -> Option<&str> {
        match &self.kind {
            MaskKind::Sql(expression) => Some(expression),
            _ => None,
        }
    }

    /// What stands instead of a value that is not of the column's class, where an engine lets it be there.
    pub fn mask_as(&self, class: ValueClass, value: &str) -> Option<String> {
        let other = Self {
            class,
            ..self.clone()
        };
        other.mask(value)
    }

    /// Whether both give the same for every value.
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.class == other.class
    }

    /// What values the column can hold.
    pub fn class(&self) -> ValueClass {
        self.class
    }

    /// The kind.
    pub fn kind(&self) -> &MaskKind {
        &self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read() {
        let check = |text: &str, expect: MaskKind| assert_eq!(MaskKind::parse(text), Ok(expect));
        check("null", MaskKind::Null);
        check("keep  format", MaskKind::KeepFormat);
        check("fake email", MaskKind::Fake(FakeKind::Email));
        let unknown = MaskKind::parse("fake news").unwrap_err().to_string();
        assert!(unknown.contains("`fake email`"), "{unknown}");
        assert!(unknown.contains("{ sql = \"…\" }"), "{unknown}");
    }

    #[test]
    fn columns_that_cannot_hold_a_mask_are_refused_beforehand() {
        let key = MaskKey::from_secret("x");
        let check = |kind: &str, class: ValueClass, unique: Option<&str>, expect: &str| {
            let kind = MaskKind::parse(kind).unwrap();
            let error = Masker::new(&key, &kind, class, "the type", unique).unwrap_err();
            assert!(error.to_string().contains(expect), "{error}");
        };
        let integer = ValueClass::Integer(0, 9);
        check("hash", integer, None, "a column of type the type");
        check("keep format", ValueClass::Other, None, "makes nothing");
        check(
            "fake name",
            ValueClass::Text(None),
            Some("index a"),
            "part of the unique index a",
        );
        check(
            "hash",
            ValueClass::Text(Some(9)),
            Some("index a"),
            "needs 13 characters",
        );
        check("fake email", ValueClass::Text(Some(5)), None, "needs");
    }

    #[test]
    fn a_key_is_never_shown() {
        let masks = Masks {
            key: MaskKey::from_secret("geheim"),
            columns: BTreeMap::new(),
        };
        assert_eq!(format!("{masks:?}"), "Masks { key: MaskKey, columns: {} }");
    }

    #[test]
    fn names_are_taken_apart() {
        let name = MaskName::parse("shop.customers.email").unwrap();
        assert_eq!((name.table, name.column), ("shop.customers", "email"));
        assert_eq!(MaskName::parse("email"), None);
    }
}
