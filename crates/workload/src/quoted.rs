//! Words in double quotes, which SQLite takes for text where nothing has that name.

use std::collections::HashSet;

use tightrope_model::EngineKind;
use tightrope_script::{Token, TokenKind, Tokens};

/// What is known about the words in double quotes of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quotes<'n> {
    /// They are names: those of a text that was normalised already, and everywhere but on SQLite.
    Names,
    /// They are names if the database has something of that name, or the text gives it to something.
    Among(&'n HashSet<String>),
    /// Nobody knows.
    Unknown,
}

/// Whether a text has words in double quotes that may be values: only its database can tell.
pub fn may_quote_values(text: &str, dialect: EngineKind) -> bool {
    dialect == EngineKind::Sqlite && Tokens::of(text, dialect).any(|token| is_quoted(&token))
}

/// The words of a text in double quotes that are values, by where they begin; none where that cannot be told.
pub(crate) fn values(
    tokens: &[Token<'_>],
    dialect: EngineKind,
    quotes: Quotes<'_>,
) -> Option<HashSet<usize>> {
    let none = HashSet::new();
    if dialect != EngineKind::Sqlite || matches!(quotes, Quotes::Names) {
        return Some(none);
    }
    let tokens: Vec<&Token<'_>> = tokens
        .iter()
        .filter(|token| token.is_significant())
        .collect();
    let is_name = |at: usize| stands_for_a_name(&tokens, at);
    let quoted = (0..tokens.len()).filter(|at| is_quoted(tokens[*at]));
    let (named, open): (Vec<usize>, Vec<usize>) = quoted.partition(|at| is_name(*at));
    let given: HashSet<String> = named.iter().map(|at| folded(tokens[*at])).collect();
    let values = open
        .into_iter()
        .filter(|at| !given.contains(&folded(tokens[*at])));
    match quotes {
        Quotes::Among(names) => {
            let values = values.filter(|at| !names.contains(&folded(tokens[*at])));
            Some(values.map(|at| tokens[at].start).collect())
        }
        _ => (values.count() == 0).then_some(none),
    }
}

/// The text that a word in double quotes stands for, as a literal.
pub(crate) fn literal(token: &Token<'_>) -> String {
    format!("'{}'", inner(token).replace('\'', "''"))
}

fn is_quoted(token: &Token<'_>) -> bool {
    token.kind == TokenKind::Quoted && token.text.starts_with('"')
}

fn inner(token: &Token<'_>) -> String {
    let text = token.text.strip_prefix('"').unwrap_or(token.text);
    text.strip_suffix('"').unwrap_or(text).replace("\"\"", "\"")
}

fn folded(token: &Token<'_>) -> String {
    inner(token).to_lowercase()
}

/// Words after which something begins that has a value.
const OPERATORS: [&str; 36] = [
    "select",
    "distinct",
    "all",
    "where",
    "and",
    "or",
    "not",
    "in",
    "like",
    "glob",
    "regexp",
    "match",
    "between",
    "is",
    "isnull",
    "notnull",
    "null",
    "when",
    "then",
    "else",
    "case",
    "on",
    "by",
    "having",
    "values",
    "set",
    "limit",
    "offset",
    "returning",
    "escape",
    "asc",
    "desc",
    "filter",
    "over",
    "union",
    "except",
];
/// Words after which a name stands.
const BEFORE_NAMES: [&str; 12] = [
    "from",
    "join",
    "into",
    "update",
    "table",
    "as",
    "collate",
    "with",
    "recursive",
    "indexed",
    "window",
    "using",
];

/// Whether a word stands where nothing but a name can.
fn stands_for_a_name(tokens: &[&Token<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).map(|at| tokens[at]);
    let after = tokens.get(at + 1);
    let is_part = before.is_some_and(|token| token.is_symbol("."))
        || after.is_some_and(|token| token.is_symbol(".") || token.is_symbol("("));
    let is_word = |token: &Token<'_>, words: &[&str]| words.iter().any(|word| token.is_word(word));
    let is_named = before.is_some_and(|token| match token.kind {
        TokenKind::Word => {
            // After an operand nothing can follow but the name that it is given.
            is_word(token, &BEFORE_NAMES) || !is_word(token, &OPERATORS)
        }
        TokenKind::Quoted | TokenKind::String | TokenKind::Number => true,
        _ => token.is_symbol(")"),
    });
    is_part || is_named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let names = ["name", "customers", "order"].map(str::to_owned);
        let names = HashSet::from(names);
        let tokens: Vec<Token<'_>> = Tokens::of(text, EngineKind::Sqlite).collect();
        let found = values(&tokens, EngineKind::Sqlite, Quotes::Among(&names)).unwrap();
        let mut found: Vec<String> = tokens
            .iter()
            .filter(|token| found.contains(&token.start))
            .map(literal)
            .collect();
        found.sort_unstable();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn what_nothing_is_called_is_a_value() {
        check(
            "select \"name\" from \"customers\" where \"Name\" = \"it's\"",
            &["'it''s'"],
        );
        check(
            "select c.\"odd\", \"f\"(1) from customers \"c\" where \"c\".x in (\"a\", \"b\")",
            &["'a'", "'b'"],
        );
        check(
            "select name as \"n\", count(*) \"many\" from customers order by \"n\", \"many\"",
            &[],
        );
        check(
            "with \"x\" as (select 1) insert into \"t\" values (\"a \"\"b\"\"\", [c])",
            &["'a \"b\"'"],
        );
        check(
            "select case when \"name\" like \"v%\" then \"w\" else 1 end from customers limit \"3\"",
            &["'3'", "'v%'", "'w'"],
        );
        check("select `odd`, [odder] from customers", &[]);
    }

    #[test]
    fn without_the_database_only_what_must_be_a_name_is_known() {
        let of = |text: &str| {
            let tokens: Vec<Token<'_>> = Tokens::of(text, EngineKind::Sqlite).collect();
            values(&tokens, EngineKind::Sqlite, Quotes::Unknown)
        };
        assert_eq!(
            of("select t.\"a\" as \"b\" from \"t\" order by \"b\""),
            Some(HashSet::new())
        );
        assert_eq!(of("select a from t where b = \"c\""), None);
        assert!(may_quote_values("select \"a\"", EngineKind::Sqlite));
        assert!(!may_quote_values("select \"a\"", EngineKind::Postgres));
    }
}
