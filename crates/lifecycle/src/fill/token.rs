//! The text of constraints and indexes in tokens.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// Text in single quotes.
    Text,
    /// A number.
    Number,
    /// Anything else.
    Symbol,
}

/// One token; its text is what it means, quotes taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
}

impl Token {
    /// Whether it is this word (lower case) or symbol.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Symbol) && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it may name something.
    pub(super) fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Quoted)
    }

    /// Whether it is a value by itself.
    pub(super) fn is_literal(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Number) || self.is("true") || self.is("false")
    }

    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

const LONG_SYMBOLS: [&str; 20] = [
    "!~~*", "!~*", "!~~", "->>", "#>>", "~~*", "!~", "~~", "~*", "->", "#>", "@>", "<@", "&&",
    "||", "::", "<>", "<=", ">=", "!=",
];

/// The tokens of a text, comments left out. What is not closed reaches to the end.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if c.is_whitespace() => c.len_utf8(),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '\'' => quoted(rest, '\'', Kind::Text, &mut tokens),
            '"' | '`' => quoted(rest, first, Kind::Quoted, &mut tokens),
            'e' | 'E' if rest[1..].starts_with('\'') => {
                1 + quoted(&rest[1..], '\'', Kind::Text, &mut tokens)
            }
            c if c.is_ascii_digit()
                || c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) =>
            {
                let length = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
                    .unwrap_or(rest.len());
                tokens.push(Token::new(Kind::Number, &rest[..length]));
                length
            }
            c if c.is_alphanumeric() || c == '_' => {
                let length = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                    .unwrap_or(rest.len());
                tokens.push(Token::new(Kind::Word, &rest[..length]));
                length
            }
            c => {
                let long = LONG_SYMBOLS
                    .iter()
                    .find(|symbol| rest.starts_with(**symbol));
                let length = long.map_or(c.len_utf8(), |symbol| symbol.len());
                tokens.push(Token::new(Kind::Symbol, &rest[..length]));
                length
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn quoted(rest: &str, quote: char, kind: Kind, tokens: &mut Vec<Token>) -> usize {
    let mut value = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            tokens.push(Token::new(kind, value));
            return at + quote.len_utf8();
        }
        value.push(character);
    }
    tokens.push(Token::new(kind, value));
    rest.len()
}

/// The tokens inside the brackets that open at `open`; none if none open there or they are never closed.
pub(super) fn inside(tokens: &[Token], open: usize) -> Option<&[Token]> {
    let mut depth = 0_usize;
    if !tokens.get(open)?.is("(") {
        return None;
    }
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            depth -= 1;
            if depth == 0 {
                return Some(&tokens[open + 1..at]);
            }
        }
    }
    None
}

/// The parts between these tokens outside brackets.
pub(super) fn split(tokens: &[Token], is_end: impl Fn(&Token) -> bool) -> Vec<&[Token]> {
    let mut depth = 0_i32;
    tokens
        .split(|token| {
            if token.is("(") || token.is("[") {
                depth += 1;
            } else if token.is(")") || token.is("]") {
                depth -= 1;
            }
            depth == 0 && is_end(token)
        })
        .collect()
}

/// The first names of the parts between commas: the columns of a list.
pub(super) fn names(list: &[Token]) -> Vec<String> {
    split(list, |token| token.is(","))
        .into_iter()
        .filter_map(|part| part.first())
        .map(|token| token.text.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<String> = tokens(text).into_iter().map(|token| token.text).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn texts_are_cut() {
        check("(a >= 1.5)", &["(", "a", ">=", "1.5", ")"]);
        check(
            "\"A\"\"b\" <> 'it''s'::text",
            &["A\"b", "<>", "it's", "::", "text"],
        );
        check("a !~~* 'x%'", &["a", "!~~*", "x%"]);
        check("ünï = ARRAY[1]", &["ünï", "=", "ARRAY", "[", "1", "]"]);
    }

    #[test]
    fn brackets_and_lists() {
        let list = tokens("key (a, lower(b), \"C d\") where x");
        let inner = inside(&list, 1).unwrap();
        assert_eq!(names(inner), ["a", "lower", "C d"]);
        assert!(inside(&tokens("(a"), 0).is_none());
    }
}
