//! Walking over the significant tokens of a statement.

use tightrope_model::{EngineKind, Span};

use crate::scan::{Token, TokenKind, Tokens};

/// The significant tokens of a part of a text.
pub(super) fn significant(text: &str, span: Span, dialect: EngineKind) -> Vec<Token<'_>> {
    Tokens::new(text, span, dialect)
        .filter(Token::is_significant)
        .collect()
}

/// A name as a statement writes it, unquoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) schema: Option<String>,
    pub(super) name: String,
    pub(super) span: Span,
}

impl Name {
    /// The schema and the name, as people write them.
    pub(super) fn display(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A position in a statement's tokens.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    tokens: &'a [Token<'a>],
    dialect: EngineKind,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a [Token<'a>], dialect: EngineKind) -> Self {
        Self { tokens, dialect }
    }

    pub(super) fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.first()
    }

    pub(super) fn next(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Takes these words, written with spaces between, if all of them come next.
    pub(super) fn eat(&mut self, words: &str) -> bool {
        let mut rest = self.tokens;
        for word in words.split(' ') {
            match rest.split_first() {
                Some((token, after)) if token.is_word(word) => rest = after,
                _ => return false,
            }
        }
        self.tokens = rest;
        true
    }

    /// Takes any of these words as long as one comes next.
    pub(super) fn skip_words(&mut self, words: &[&str]) {
        while words.iter().any(|word| self.eat(word)) {}
    }

    /// Takes a symbol if it comes next.
    pub(super) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_symbol(symbol));
        if found {
            self.next();
        }
        found
    }

    /// Takes a parenthesised part if one comes next.
    pub(super) fn skip_parentheses(&mut self) {
        if !self.peek().is_some_and(|token| token.is_symbol("(")) {
            return;
        }
        let mut depth = 0_usize;
        while let Some(token) = self.next() {
            if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol(")") {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
        }
    }

    /// Goes behind the next comma outside parentheses; false if a clause or the end comes first.
    pub(super) fn next_item(&mut self) -> bool {
        const CLAUSES: [&str; 4] = ["from", "where", "returning", "when"];
        loop {
            let Some(token) = self.peek() else {
                return false;
            };
            if CLAUSES.iter().any(|word| token.is_word(word)) {
                return false;
            }
            if token.is_symbol("(") {
                self.skip_parentheses();
            } else if self.next().is_some_and(|token| token.is_symbol(",")) {
                return true;
            }
        }
    }

    /// Whether these words stand anywhere ahead, outside parentheses.
    pub(super) fn holds(&self, words: &str) -> bool {
        let mut ahead = self.clone();
        while !ahead.is_at_end() {
            if ahead.clone().eat(words) {
                return true;
            }
            if ahead.peek().is_some_and(|token| token.is_symbol("(")) {
                ahead.skip_parentheses();
            } else {
                ahead.next();
            }
        }
        false
    }

    /// Takes a possibly qualified name.
    pub(super) fn name(&mut self) -> Option<Name> {
        let first = self.peek().filter(|token| is_name(token))?;
        let mut span = first.span();
        let mut parts = vec![unquote(self.next()?.text, self.dialect)];
        while self.peek().is_some_and(|token| token.is_symbol(".")) {
            let after = self.tokens.get(1).filter(|token| is_name(token));
            let Some(part) = after else { break };
            parts.push(unquote(part.text, self.dialect));
            span.end = part.end();
            self.tokens = &self.tokens[2..];
        }
        let name = parts.pop()?;
        Some(Name {
            schema: parts.pop(),
            name,
            span,
        })
    }
}

fn is_name(token: &Token<'_>) -> bool {
    matches!(token.kind, TokenKind::Word | TokenKind::Quoted)
}

/// The name that an identifier stands for: PostgreSQL folds what is not quoted.
pub(super) fn unquote(text: &str, dialect: EngineKind) -> String {
    match text.as_bytes().first() {
        Some(b'"') => inside(text, '"'),
        Some(b'`') => inside(text, '`'),
        Some(b'[') => text
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        _ if dialect == EngineKind::Postgres => text.to_lowercase(),
        _ => text.to_owned(),
    }
}

fn inside(text: &str, quote: char) -> String {
    let body = text.strip_prefix(quote).unwrap_or(text);
    let body = body.strip_suffix(quote).unwrap_or(body);
    body.replace(&format!("{quote}{quote}"), &quote.to_string())
}

/// The value of a string literal, as far as it can be read without a server: plain and dollar-quoted ones.
pub(super) fn literal(text: &str) -> Option<String> {
    let (start, end) = literal_body(text)?;
    let body = &text[start..end];
    Some(match text.starts_with('$') {
        true => body.to_owned(),
        false => body.replace("''", "'"),
    })
}

/// Where the body of a string literal stands in it.
pub(super) fn literal_body(text: &str) -> Option<(usize, usize)> {
    let open = match text.as_bytes().first()? {
        b'$' => text[1..].find('$')? + 2,
        b'\'' => 1,
        _ => return None,
    };
    let close = if text.starts_with('$') { open } else { 1 };
    (text.len() >= open + close).then(|| (open, text.len() - close))
}
