//! The scanner: splits a script into statements, psql's meta-commands and COPY data, byte for byte.
//!
//! It never prints SQL back: what runs is the author's own bytes, and what lies between two segments is white space,
//! comments, semicolons and the `\.` that closes COPY data.

mod postgres;
mod sqlite;
mod token;

#[cfg(test)]
mod tests;

use tightrope_model::{EngineKind, Span};

pub use token::{Token, TokenKind, Tokens};

/// What a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentKind {
    /// One statement, without its semicolon.
    Statement,
    /// A line that only psql understands.
    MetaCommand,
    /// The inline data of the `COPY … FROM stdin` before it, without the closing `\.`.
    CopyData,
}

/// A part of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) kind: SegmentKind,
    pub(crate) span: Span,
}

/// Something that is never closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) offset: usize,
    pub(crate) what: &'static str,
}

impl Problem {
    fn unterminated(offset: usize, what: &'static str) -> Self {
        Self { offset, what }
    }
}

/// A script in its segments, in order.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) segments: Vec<Segment>,
    pub(crate) problems: Vec<Problem>,
}

impl Scan {
    fn push(&mut self, kind: SegmentKind, start: usize, end: usize) {
        self.segments.push(Segment {
            kind,
            span: Span { start, end },
        });
    }

    fn push_statement(&mut self, start: Option<usize>, end: usize) {
        if let Some(start) = start {
            self.push(SegmentKind::Statement, start, end);
        }
    }
}

/// Splits a range of a text. What stands between `-- +migrate StatementBegin` and `-- +migrate StatementEnd` is one
/// statement, whatever it holds.
pub(crate) fn scan(text: &str, range: Span, dialect: EngineKind) -> Scan {
    let mut result = Scan::default();
    let mut position = range.start;
    for block in blocks(text, range) {
        split(text, position, block.start, dialect, &mut result);
        whole(text, block, dialect, &mut result);
        position = block.end;
    }
    split(text, position, range.end, dialect, &mut result);
    result
}

fn split(text: &str, start: usize, end: usize, dialect: EngineKind, into: &mut Scan) {
    let range = Span { start, end };
    match dialect {
        EngineKind::Postgres => postgres::scan(text, range, into),
        EngineKind::Sqlite => sqlite::scan(text, range, into),
    }
}

/// Takes a block as one statement; a semicolon at its end is not part of it.
fn whole(text: &str, block: Span, dialect: EngineKind, into: &mut Scan) {
    let mut tokens: Vec<Token<'_>> = Tokens::new(text, block, dialect)
        .filter(Token::is_significant)
        .collect();
    while tokens.last().is_some_and(|token| token.is_symbol(";")) {
        tokens.pop();
    }
    if let (Some(first), Some(last)) = (tokens.first(), tokens.last()) {
        if let TokenKind::Unterminated(what) = last.kind {
            into.problems.push(Problem::unterminated(last.start, what));
        }
        into.push(SegmentKind::Statement, first.start, last.end());
    }
}

/// The lines of a range, each with its offset.
pub(crate) fn lines(text: &str, range: Span) -> impl Iterator<Item = (usize, &str)> {
    let mut position = range.start;
    text[range.start..range.end]
        .split_inclusive('\n')
        .map(move |line| {
            let start = position;
            position += line.len();
            (start, line)
        })
}

fn blocks(text: &str, range: Span) -> Vec<Span> {
    if !text[range.start..range.end].contains("+migrate Statement") {
        return Vec::new();
    }
    let mut blocks = Vec::new();
    let mut open = None;
    for (start, line) in lines(text, range) {
        match (migrate_command(line), open) {
            (Some("StatementBegin"), None) => open = Some(start + line.len()),
            (Some("StatementEnd"), Some(begin)) => {
                blocks.push(Span {
                    start: begin,
                    end: start,
                });
                open = None;
            }
            _ => {}
        }
    }
    blocks
}

/// The first word of a `-- +migrate …` line.
fn migrate_command(line: &str) -> Option<&str> {
    line.strip_prefix("-- +migrate")?.split_whitespace().next()
}
