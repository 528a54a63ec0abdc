use std::collections::BTreeSet;

use super::keywords::is_reserved;
use super::token::{Kind, Token};

/// The names that a schema knows, in lower case: what a word in quotes may mean.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    fn holds(&self, lower: &str) -> bool {
        self.0.contains(lower)
    }
}

impl<S: AsRef<str>> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        Self(
            names
                .into_iter()
                .map(|name| name.as_ref().to_ascii_lowercase())
                .collect(),
        )
    }
}

/// Tokens as text that is the same for every way to write the same: words in lower case, names without needless
/// quotes, one blank where one helps to read.
///
/// A word in double quotes that no name of the schema is, is text to SQLite, and stays to the letter.
pub(crate) fn normal(tokens: &[Token<'_>], names: &Names) -> String {
    let mut text = String::new();
    let mut before: Option<(&Token<'_>, String)> = None;
    let end = tokens
        .iter()
        .rposition(|token| !token.is(";"))
        .map_or(0, |last| last + 1);
    for token in &tokens[..end] {
        if before.is_some_and(|(before, as_written)| blank_between(before, &as_written, token)) {
            text.push(' ');
        }
        let as_written = written(token, names);
        text.push_str(&as_written);
        before = Some((token, as_written));
    }
    text
}

/// A name that needs no quotes reads the same with them: `t(a)` and `"t"(a)`.
fn blank_between(before: &Token<'_>, as_written: &str, token: &Token<'_>) -> bool {
    let glued_before = before.is("(") || before.is(".");
    let glued = token.is(")") || token.is(",") || token.is(".") || token.is(";");
    let is_name = match before.kind {
        Kind::Word => !is_reserved(as_written),
        Kind::Quoted => !as_written.starts_with('"'),
        _ => false,
    };
    let call = token.is("(") && is_name;
    !(glued_before || glued || call)
}

fn written(token: &Token<'_>, names: &Names) -> String {
    match token.kind {
        Kind::Word | Kind::Literal => token.text.to_ascii_lowercase(),
        Kind::Text => token.text.to_owned(),
        Kind::Symbol => match token.text {
            "==" => "=".to_owned(),
            "!=" => "<>".to_owned(),
            other => other.to_owned(),
        },
        Kind::Quoted => {
            let name = token.name().unwrap_or_default();
            let lower = name.to_ascii_lowercase();
            let is_name = names.holds(&lower) || !token.text.starts_with('"');
            match (is_name, is_plain(&lower)) {
                (true, true) => lower,
                (true, false) => format!("\"{}\"", lower.replace('"', "\"\"")),
                (false, _) => format!("\"{}\"", name.replace('"', "\"\"")),
            }
        }
    }
}

fn is_plain(lower: &str) -> bool {
    let mut characters = lower.chars();
    characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|c| c.is_alphanumeric() || c == '_')
        && !is_reserved(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::tokens;

    fn check(sql: &str, expect: &str) {
        let names: Names = ["users", "Name", "order", "a b"].into_iter().collect();
        assert_eq!(normal(&tokens(sql), &names), expect);
    }

    #[test]
    fn ways_to_write_the_same_meet() {
        check("SELECT  \"Name\"\nFROM [users] ;", "select name from users");
        check("CHECK(length( name )>=1)", "check (length(name) >= 1)");
        check(
            "\"order\", `a b`, users.name",
            "\"order\", \"a b\", users.name",
        );
        check("a != b and c == d", "a <> b and c = d");
        check(
            "insert into \"users\"(name), users (name)",
            "insert into users(name), users(name)",
        );
        check("x -- why\n = 'It''s  A'", "x = 'It''s  A'");
    }

    #[test]
    fn text_in_double_quotes_stays() {
        check("status = \"Active\"", "status = \"Active\"");
        check("status = \"active\"", "status = \"active\"");
        check("default \"null\"", "default \"null\"");
    }
}
