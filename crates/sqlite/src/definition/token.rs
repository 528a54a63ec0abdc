use std::borrow::Cow;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in `"…"`, `` `…` `` or `[…]`; in double quotes it may be meant as text.
    Quoted,
    /// Text in `'…'`.
    Text,
    /// A number or `x'…'`.
    Literal,
    /// Anything else.
    Symbol,
}

/// One token of a statement; comments and white space are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its text as written, quotes included.
    pub(crate) text: &'a str,
}

impl<'a> Token<'a> {
    /// Whether it is this word (lower case) or symbol.
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Symbol) && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is one of these words.
    pub(crate) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// What it names, without quotes; none if it can be no name.
    pub(crate) fn name(&self) -> Option<Cow<'a, str>> {
        let inner = || &self.text[1..self.text.len() - 1];
        match (self.kind, self.text.as_bytes().first()) {
            (Kind::Word, _) => Some(Cow::Borrowed(self.text)),
            (Kind::Quoted, Some(b'[')) => Some(Cow::Borrowed(inner())),
            (Kind::Quoted | Kind::Text, Some(&quote)) => {
                let quote = char::from(quote);
                let twice = format!("{quote}{quote}");
                Some(match inner() {
                    plain if !plain.contains(&twice) => Cow::Borrowed(plain),
                    doubled => Cow::Owned(doubled.replace(&twice, &quote.to_string())),
                })
            }
            _ => None,
        }
    }
}

/// The tokens of a statement. What is not closed reaches to the end.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (length, kind) = next(rest, first);
        let (text, tail) = rest.split_at(length);
        if let Some(kind) = kind {
            tokens.push(Token { kind, text });
        }
        rest = tail;
    }
    tokens
}

fn next(rest: &str, first: char) -> (usize, Option<Kind>) {
    match first {
        c if c.is_ascii_whitespace() || c == '\u{feff}' => (c.len_utf8(), None),
        '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), None),
        '/' if rest.starts_with("/*") => {
            (rest[2..].find("*/").map_or(rest.len(), |end| end + 4), None)
        }
        '\'' => closed(rest, '\'', Kind::Text),
        '"' | '`' => closed(rest, first, Kind::Quoted),
        '[' => match rest.find(']') {
            Some(end) => (end + 1, Some(Kind::Quoted)),
            None => (rest.len(), Some(Kind::Symbol)),
        },
        'x' | 'X' if rest[1..].starts_with('\'') => {
            let (length, kind) = closed(&rest[1..], '\'', Kind::Literal);
            (length + 1, kind)
        }
        c if is_name(c) && !c.is_ascii_digit() => (
            rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            Some(Kind::Word),
        ),
        c if c.is_ascii_digit()
            || c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) =>
        {
            (number(rest), Some(Kind::Literal))
        }
        c => (symbol(rest, c), Some(Kind::Symbol)),
    }
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

fn closed(rest: &str, quote: char, kind: Kind) -> (usize, Option<Kind>) {
    let mut offset = 1;
    while let Some(found) = rest[offset..].find(quote) {
        offset += found + 1;
        if !rest[offset..].starts_with(quote) {
            return (offset, Some(kind));
        }
        offset += 1;
    }
    (rest.len(), Some(Kind::Symbol))
}

fn number(rest: &str) -> usize {
    let mut previous = ' ';
    rest.find(|c: char| {
        let exponent_sign = matches!(c, '+' | '-')
            && matches!(previous, 'e' | 'E')
            && !rest.starts_with("0x")
            && !rest.starts_with("0X");
        previous = c;
        !(is_name(c) || c == '.' || exponent_sign)
    })
    .unwrap_or(rest.len())
}

fn symbol(rest: &str, first: char) -> usize {
    const LONG: [&str; 9] = ["->>", "->", "||", "<>", "<=", "<<", ">=", ">>", "!="];
    LONG.iter()
        .find(|symbol| rest.starts_with(**symbol))
        .map_or_else(
            || {
                if rest.starts_with("==") {
                    2
                } else {
                    first.len_utf8()
                }
            },
            |symbol| symbol.len(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(sql: &str, expect: &[&str]) {
        let texts: Vec<&str> = tokens(sql).iter().map(|token| token.text).collect();
        assert_eq!(texts, expect);
    }

    #[test]
    fn statements_fall_into_tokens() {
        check("a.b -- c\n/* d /* */'e''f'", &["a", ".", "b", "'e''f'"]);
        check("\"a\"\"b\"[c d]`e`", &["\"a\"\"b\"", "[c d]", "`e`"]);
        check("1.5e-3+0x1F-.5", &["1.5e-3", "+", "0x1F", "-", ".5"]);
        check("x'00'x X''", &["x'00'", "x", "X''"]);
        check(
            "a||b<>c==d->>'e'",
            &["a", "||", "b", "<>", "c", "==", "d", "->>", "'e'"],
        );
        check("é=ü", &["é", "=", "ü"]);
        check("'open", &["'open"]);
    }

    #[test]
    fn names_lose_their_quotes() {
        for (text, name) in [
            ("\"a\"\"b\"", "a\"b"),
            ("[a b]", "a b"),
            ("`a``b`", "a`b"),
            ("'a'", "a"),
            ("a", "a"),
        ] {
            assert_eq!(tokens(text)[0].name().unwrap(), name);
        }
        assert_eq!(tokens("1")[0].name(), None);
    }

    proptest! {
        #[test]
        fn any_text_has_tokens(sql in "[-a'\"`\\[\\]x0-9.e+/* \n|<>=é]{0,40}") {
            let whole: usize = tokens(&sql).iter().map(|token| token.text.len()).sum();
            prop_assert!(whole <= sql.len());
            for token in tokens(&sql) {
                prop_assert!(!token.text.is_empty());
                token.name();
            }
        }
    }
}
