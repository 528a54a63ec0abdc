//! Two sets of rows compared by their count and sums of hashes: a third of the time that a join takes.

use tightrope_engine::EngineError;

use crate::session::PostgresSession;

/// What of a value is hashed: a number itself, or how a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `smallint`, `integer`, `bigint`.
    Whole,
    /// Numbers of any type, equal ones alike however many zeros are written behind the point.
    Number,
    /// Anything else.
    Text,
}

impl Kind {
    /// By which values of a type are told apart that are written differently, by the type's name.
    pub(super) fn exact(type_name: &str) -> Self {
        match type_name {
            "smallint" | "integer" | "bigint" => Self::Whole,
            _ => Self::Text,
        }
    }

    /// By which values of two types are the same that are equal.
    pub(super) fn of_both(one: &str, other: &str) -> Self {
        let exact = [one, other].map(Self::exact);
        let is_number =
            |at: usize| exact[at] == Self::Whole || [one, other][at].starts_with("numeric");
        match exact {
            [Self::Whole, Self::Whole] => Self::Whole,
            _ if is_number(0) && is_number(1) => Self::Number,
            _ => Self::Text,
        }
    }

    /// The hash of an expression, as an expression; `seed` is 0 or another hash that it continues.
    pub(super) fn hash(self, value: &str, seed: &str) -> String {
        match self {
            Self::Whole => format!("pg_catalog.hashint8extended(({value})::bigint, {seed})"),
            Self::Number => format!("pg_catalog.hash_numeric_extended(({value})::numeric, {seed})"),
            Self::Text => {
                format!("pg_catalog.hashtextextended(({value})::text collate \"C\", {seed})")
            }
        }
    }
}

/// Hashes of rows, and the FROM clause that has them.
pub(super) struct Hashed {
    pub(super) hashes: Vec<String>,
    pub(super) from: String,
}

impl Hashed {
    fn sums(&self) -> String {
        let sums = self.hashes.iter().map(|hash| format!(", sum({hash})"));
        let (sums, from) = (sums.collect::<String>(), &self.from);
        format!("(select row(count(*){sums})::text from {from})")
    }
}

/// Whether both have as many rows, and the same sums of each hash.
pub(super) fn agree(
    session: &mut PostgresSession,
    one: &Hashed,
    other: &Hashed,
) -> Result<bool, EngineError> {
    let sql = format!("select 1::bigint where {} = {}", one.sums(), other.sums());
    Ok(!session.query_own(&sql, &[])?.is_empty())
}
