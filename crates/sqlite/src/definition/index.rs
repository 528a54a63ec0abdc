use super::key::{bare, column, parts};
use super::normal::{Names, normal};
use super::token::tokens;

/// What a CREATE INDEX statement says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IndexText {
    /// Its columns and expressions, with collation and direction where they are not the default.
    pub(crate) columns: String,
    /// The condition of a partial index.
    pub(crate) condition: Option<String>,
}

impl IndexText {
    /// Reads a CREATE INDEX statement as the schema keeps it.
    pub(crate) fn read(sql: &str, names: &Names) -> Option<Self> {
        let tokens = tokens(sql);
        let open = tokens.iter().position(|token| token.is("("))?;
        let mut depth = 0_i32;
        let length = tokens[open..].iter().position(|token| {
            if token.is("(") {
                depth += 1;
            } else if token.is(")") {
                depth -= 1;
            }
            depth == 0
        })?;
        let rest = &tokens[open + length + 1..];
        let condition = match rest {
            [first, condition @ ..] if first.is("where") => Some(normal(bare(condition), names)),
            _ => None,
        };
        let columns: Vec<String> = parts(&tokens[open + 1..open + length])
            .into_iter()
            .map(|part| column(part, names))
            .collect();
        Some(Self {
            columns: columns.join(", "),
            condition,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, columns: &str, condition: Option<&str>) {
        let names: Names = ["a", "b", "t"].into_iter().collect();
        let index = IndexText::read(sql, &names).unwrap();
        assert_eq!(
            (index.columns.as_str(), index.condition.as_deref()),
            (columns, condition)
        );
    }

    #[test]
    fn columns_and_condition() {
        check("CREATE INDEX i ON t (\"a\" ASC, b DESC)", "a, b desc", None);
        check(
            "CREATE UNIQUE INDEX i ON \"t\"(lower(a), b COLLATE NOCASE)",
            "lower(a), b collate nocase",
            None,
        );
        check(
            "create index i on t ('a') where (b) IS NOT NULL",
            "a",
            Some("(b) is not null"),
        );
    }
}
