//! SQLite: four kinds of quotes, comments that do not nest, trigger bodies.

use tightrope_model::{EngineKind, Span};

use super::token::{Token, TokenKind, Tokens, quoted, run, symbol};
use super::{Problem, Scan};

/// The kind and the length of the token that a text begins with.
pub(super) fn lex(text: &str) -> (TokenKind, usize) {
    let bytes = text.as_bytes();
    match bytes[0] {
        _ if is_space(bytes[0] as char) => (TokenKind::Space, run(text, is_space)),
        b'-' if text.starts_with("--") => (TokenKind::Comment, run(text, |c| c != '\n')),
        b'/' if text.starts_with("/*") => match text[2..].find("*/") {
            Some(body) => (TokenKind::Comment, body + 4),
            None => (TokenKind::Unterminated("a comment"), text.len()),
        },
        b'\'' => closed(TokenKind::String, quoted(text, 1, '\'', false), text),
        b'x' | b'X' if bytes.get(1) == Some(&b'\'') => {
            closed(TokenKind::String, quoted(text, 2, '\'', false), text)
        }
        b'"' => closed(TokenKind::Quoted, quoted(text, 1, '"', false), text),
        b'`' => closed(TokenKind::Quoted, quoted(text, 1, '`', false), text),
        b'[' => closed(TokenKind::Quoted, text.find(']').map(|at| at + 1), text),
        b'0'..=b'9' => (
            TokenKind::Number,
            run(text, |c| c.is_ascii_alphanumeric() || c == '_' || c == '.'),
        ),
        _ if text.starts_with(in_word) => (TokenKind::Word, run(text, in_word)),
        _ => (TokenKind::Symbol, symbol(text)),
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

fn closed(kind: TokenKind, length: Option<usize>, text: &str) -> (TokenKind, usize) {
    match (length, kind) {
        (Some(length), _) => (kind, length),
        (None, TokenKind::String) => (TokenKind::Unterminated("a string"), text.len()),
        (None, _) => (TokenKind::Unterminated("a quoted identifier"), text.len()),
    }
}

/// How far the scanner is in recognizing a trigger, whose body holds semicolons.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Trigger {
    /// Nothing seen yet.
    #[default]
    Start,
    /// `CREATE`, and perhaps `TEMP`.
    Create,
    /// Not a trigger.
    No,
    /// A trigger.
    Yes,
    /// A trigger, after a semicolon in its body.
    AfterSemicolon,
    /// A trigger, after the `END` that follows a semicolon: the next semicolon ends it.
    AfterEnd,
}

impl Trigger {
    fn take(self, token: &Token<'_>) -> Self {
        match self {
            Self::Start if token.is_word("create") => Self::Create,
            Self::Create if token.is_word("temp") || token.is_word("temporary") => Self::Create,
            Self::Create if token.is_word("trigger") => Self::Yes,
            Self::Start | Self::Create | Self::No => Self::No,
            Self::AfterSemicolon if token.is_word("end") => Self::AfterEnd,
            _ if token.is_symbol(";") => Self::AfterSemicolon,
            _ => Self::Yes,
        }
    }
}

/// Splits a range of a script.
pub(super) fn scan(text: &str, range: Span, into: &mut Scan) {
    let (mut start, mut end) = (None, range.start);
    let mut trigger = Trigger::default();
    for token in Tokens::new(text, range, EngineKind::Sqlite).filter(Token::is_significant) {
        if let TokenKind::Unterminated(what) = token.kind {
            into.problems.push(Problem::unterminated(token.start, what));
        }
        let inside = matches!(trigger, Trigger::Yes | Trigger::AfterSemicolon);
        if token.is_symbol(";") && !inside {
            into.push_statement(start.take(), end);
            trigger = Trigger::default();
            continue;
        }
        start = start.or(Some(token.start));
        end = token.end();
        trigger = trigger.take(&token);
    }
    into.push_statement(start, end);
}
