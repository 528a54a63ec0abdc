//! PostgreSQL: nested comments, `E''`, dollar quotes, psql's lines, COPY data, `BEGIN ATOMIC`.

use tightrope_model::{EngineKind, Span};

use super::token::{Token, TokenKind, Tokens, quoted, run, symbol};
use super::{Problem, Scan, Segment, SegmentKind};

/// The kind and the length of the token that a text begins with.
pub(super) fn lex(text: &str) -> (TokenKind, usize) {
    let first = text.as_bytes()[0];
    match first {
        _ if is_space(first as char) => (TokenKind::Space, run(text, is_space)),
        b'-' if text.starts_with("--") => {
            (TokenKind::Comment, run(text, |c| c != '\n' && c != '\r'))
        }
        b'/' if text.starts_with("/*") => block_comment(text),
        b'\'' => string(text, 1, false),
        b'"' => identifier(text, 1),
        b'$' => dollar(text),
        b'0'..=b'9' => (TokenKind::Number, number(text)),
        _ if starts_word(text) => word(text),
        _ => (TokenKind::Symbol, symbol(text)),
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

fn starts_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii())
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

fn number(text: &str) -> usize {
    run(text, |c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

fn word(text: &str) -> (TokenKind, usize) {
    let bytes = text.as_bytes();
    match (bytes[0].to_ascii_lowercase(), bytes.get(1), bytes.get(2)) {
        (b'e', Some(b'\''), _) => string(text, 2, true),
        (b'b' | b'x' | b'n', Some(b'\''), _) => string(text, 2, false),
        (b'u', Some(b'&'), Some(b'\'')) => string(text, 3, false),
        (b'u', Some(b'&'), Some(b'"')) => identifier(text, 3),
        _ => (TokenKind::Word, run(text, in_word)),
    }
}

fn string(text: &str, open: usize, escapes: bool) -> (TokenKind, usize) {
    let mut open = open;
    loop {
        let Some(length) = quoted(text, open, '\'', escapes) else {
            return (TokenKind::Unterminated("a string"), text.len());
        };
        // A string goes on after a line break, and with it its escapes.
        let space = run(&text[length..], is_space);
        let next = length + space;
        let breaks = text[length..next].contains(['\n', '\r']);
        if !(escapes && breaks && text[next..].starts_with('\'')) {
            return (TokenKind::String, length);
        }
        open = next + 1;
    }
}

fn identifier(text: &str, open: usize) -> (TokenKind, usize) {
    match quoted(text, open, '"', false) {
        Some(length) => (TokenKind::Quoted, length),
        None => (TokenKind::Unterminated("a quoted identifier"), text.len()),
    }
}

fn dollar(text: &str) -> (TokenKind, usize) {
    let tag = match text[1..].chars().next() {
        Some('$') => 2,
        Some(c) if c.is_ascii_alphabetic() || c == '_' || !c.is_ascii() => {
            let name = run(&text[1..], |c| c != '$' && in_word(c));
            if !text[1 + name..].starts_with('$') {
                return (TokenKind::Symbol, 1);
            }
            name + 2
        }
        _ => return (TokenKind::Symbol, 1),
    };
    match text[tag..].find(&text[..tag]) {
        Some(body) => (TokenKind::String, tag + body + tag),
        None => (
            TokenKind::Unterminated("a dollar-quoted string"),
            text.len(),
        ),
    }
}

fn block_comment(text: &str) -> (TokenKind, usize) {
    let bytes = text.as_bytes();
    let (mut depth, mut index) = (0_usize, 0);
    while index < bytes.len() {
        match (bytes[index], bytes.get(index + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                index += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                index += 2;
                if depth == 0 {
                    return (TokenKind::Comment, index);
                }
            }
            _ => index += 1,
        }
    }
    (TokenKind::Unterminated("a comment"), text.len())
}

/// What the scanner knows of the statement that it is in.
#[derive(Default)]
struct Statement {
    start: Option<usize>,
    end: usize,
    /// Where the parentheses that are still open began.
    open: Vec<usize>,
    /// How deep it is in `BEGIN ATOMIC … END`.
    atomic: usize,
    /// The last words, for `BEGIN ATOMIC`, and what the statement is.
    previous_is_begin: bool,
    copies: bool,
    from: bool,
    from_stdin: bool,
}

impl Statement {
    fn take(&mut self, token: &Token<'_>) {
        if self.start.is_none() {
            self.start = Some(token.start);
            self.copies = token.is_word("copy");
        }
        self.end = token.end();
        let was_begin = std::mem::take(&mut self.previous_is_begin);
        let was_from = std::mem::take(&mut self.from);
        match token.kind {
            TokenKind::Symbol if token.text == "(" => self.open.push(token.start),
            TokenKind::Symbol if token.text == ")" => {
                self.open.pop();
            }
            TokenKind::Word => self.take_word(token, was_begin, was_from),
            _ => {}
        }
    }

    fn take_word(&mut self, token: &Token<'_>, was_begin: bool, was_from: bool) {
        let opens = was_begin && token.is_word("atomic");
        if opens || (self.atomic > 0 && token.is_word("case")) {
            self.atomic += 1;
        } else if token.is_word("end") {
            self.atomic = self.atomic.saturating_sub(1);
        }
        self.previous_is_begin = token.is_word("begin");
        if self.copies && self.open.is_empty() {
            self.from_stdin |= was_from && token.is_word("stdin");
            self.from = token.is_word("from");
        }
    }

    fn is_inside(&self) -> bool {
        !self.open.is_empty() || self.atomic > 0
    }
}

/// Splits a range of a script.
pub(super) fn scan(text: &str, range: Span, into: &mut Scan) {
    let mut tokens = Tokens::new(text, range, EngineKind::Postgres);
    let mut statement = Statement::default();
    while let Some(token) = tokens.next() {
        if !token.is_significant() {
            continue;
        }
        if let TokenKind::Unterminated(what) = token.kind {
            into.problems.push(Problem::unterminated(token.start, what));
        }
        if token.is_symbol("\\") {
            let line = run(&text[token.start..range.end], |c| c != '\n');
            into.push_statement(statement.start, statement.end);
            into.push_meta(text, token.start, token.start + line);
            tokens.jump(token.start + line);
            statement = Statement::default();
        } else if token.is_symbol(";") && !statement.is_inside() {
            let ended = std::mem::take(&mut statement);
            into.push_statement(ended.start, ended.end);
            if ended.from_stdin {
                let next = copy_data(text, token.end(), range.end, ended.start, into);
                tokens.jump(next);
            }
        } else {
            statement.take(&token);
        }
    }
    if let Some(&open) = statement.open.first() {
        into.problems
            .push(Problem::unterminated(open, "a parenthesis"));
    }
    into.push_statement(statement.start, statement.end);
}

/// Takes the lines after `COPY … FROM stdin;` up to `\.`, and gives where the script goes on.
fn copy_data(text: &str, after: usize, end: usize, start: Option<usize>, into: &mut Scan) -> usize {
    let first_line = run(&text[after..end], |c| c != '\n');
    let data = (after + first_line + 1).min(end);
    let mut line = data;
    while line < end {
        let length = run(&text[line..end], |c| c != '\n');
        if text[line..line + length].trim_end_matches('\r') == "\\." {
            into.push(SegmentKind::CopyData, data, line);
            return line + length;
        }
        line = (line + length + 1).min(end);
    }
    into.problems.push(Problem::unterminated(
        start.unwrap_or(after),
        "the data of a COPY",
    ));
    into.push(SegmentKind::CopyData, data, end);
    end
}

impl Scan {
    fn push_meta(&mut self, text: &str, start: usize, end: usize) {
        let trimmed = text[start..end].trim_end().len();
        self.segments.push(Segment {
            kind: SegmentKind::MetaCommand,
            span: Span {
                start,
                end: start + trimmed,
            },
        });
    }
}
