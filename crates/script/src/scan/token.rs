//! The lexers of both dialects: every byte of a script belongs to exactly one token.

use tightrope_model::{EngineKind, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// White space.
    Space,
    /// A comment, either kind.
    Comment,
    /// A keyword or an unquoted identifier.
    Word,
    /// A quoted identifier.
    Quoted,
    /// A string literal of any kind, dollar quotes included.
    String,
    /// A number.
    Number,
    /// An operator, or one character of punctuation.
    Symbol,
    /// A quote or a comment that is never closed; it reaches to the end.
    Unterminated(&'static str),
}

/// One token with the bytes that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// Its text.
    pub text: &'a str,
    /// Where it begins in the whole text.
    pub start: usize,
}

impl Token<'_> {
    /// Where it ends in the whole text.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The bytes that it covers.
    pub fn span(&self) -> Span {
        Span {
            start: self.start,
            end: self.end(),
        }
    }

    /// Whether the token means something to the server.
    pub fn is_significant(&self) -> bool {
        !matches!(self.kind, TokenKind::Space | TokenKind::Comment)
    }

    /// Whether it is this unquoted word, whatever its case.
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is this symbol.
    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.text == symbol
    }
}

/// The tokens of a range of a text.
#[derive(Clone)]
pub struct Tokens<'a> {
    text: &'a str,
    position: usize,
    end: usize,
    dialect: EngineKind,
}

impl<'a> Tokens<'a> {
    /// The tokens of that range.
    pub fn new(text: &'a str, range: Span, dialect: EngineKind) -> Self {
        Self {
            text: &text[..range.end],
            position: range.start,
            end: range.end,
            dialect,
        }
    }

    /// The tokens of a whole text.
    pub fn of(text: &'a str, dialect: EngineKind) -> Self {
        let whole = Span {
            start: 0,
            end: text.len(),
        };
        Self::new(text, whole, dialect)
    }

    /// Goes on from another place.
    pub(crate) fn jump(&mut self, position: usize) {
        self.position = position;
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.position >= self.end {
            return None;
        }
        let rest = &self.text[self.position..];
        let (kind, length) = match self.dialect {
            EngineKind::Postgres => super::postgres::lex(rest),
            EngineKind::Sqlite => super::sqlite::lex(rest),
        };
        let token = Token {
            kind,
            text: &rest[..length],
            start: self.position,
        };
        self.position += length;
        Some(token)
    }
}

/// The length of the first part of `text` whose characters all satisfy `test`.
pub(crate) fn run(text: &str, test: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| !test(c)).unwrap_or(text.len())
}

/// The length of a quoted run that begins at 0 and ends at `quote`, where a doubled quote stands for itself; `open` is the
/// length of the opening quote with its prefix.
pub(crate) fn quoted(text: &str, open: usize, quote: char, escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = quote as u8;
    let mut index = open;
    while index < bytes.len() {
        if escapes && bytes[index] == b'\\' {
            index += 2;
        } else if bytes[index] == quote {
            if bytes.get(index + 1) == Some(&quote) {
                index += 2;
            } else {
                return Some(index + 1);
            }
        } else {
            index += 1;
        }
    }
    None
}

/// The length of the operator (or the one character) that the text begins with. An operator never reaches into a comment,
/// and ends in `+` or `-` only if it holds a character that no arithmetic operator has.
pub(crate) fn symbol(text: &str) -> usize {
    const OPERATOR: &str = "+-*/<>=~!@#%^&|?";
    const UNUSUAL: &str = "~!@#%^&|?";
    let mut length = run(text, |c| OPERATOR.contains(c));
    for comment in ["--", "/*"] {
        length = text[..length].find(comment).unwrap_or(length);
    }
    let operator = &text[..length];
    if !operator.contains(|c| UNUSUAL.contains(c)) {
        while length > 1 && text[..length].ends_with(['+', '-']) {
            length -= 1;
        }
    }
    match length {
        0 => text.chars().next().map_or(0, char::len_utf8),
        length => length,
    }
}
