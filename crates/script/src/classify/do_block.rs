//! Looks into `DO` blocks, keyword by keyword: which statements a body may run, whether it ends transactions, whether all it does
//! is to raise an error.

use tightrope_model::{EngineKind, Span};

use crate::scan::{Token, TokenKind};
use crate::statement::{ClusterWide, Statement, StatementKind, TransactionFit};

use super::cursor::{Cursor, literal_body, significant};
use super::{classify_at, cluster, head, names};

/// How deep blocks within blocks are looked into.
const DEEPEST: usize = 3;

/// Adds what the body of a `DO` statement may do.
pub(super) fn refine(statement: &mut Statement, text: &str, tokens: &[Token<'_>], depth: usize) {
    let Some(body) = body(tokens) else { return };
    if depth >= DEEPEST {
        return;
    }
    let inner = significant(text, body, EngineKind::Postgres);
    for head in heads(&inner) {
        let words = &inner[head..];
        if words[0].is_word("commit") || words[0].is_word("rollback") {
            statement.runs_in_transaction = TransactionFit::No {
                why: "ends transactions by itself",
            };
        }
        if let Some(span) = sql(words) {
            statement.take(classify_at(text, span, EngineKind::Postgres, depth + 1));
        } else {
            statement.cluster_wide.extend(assembled(text, words));
        }
    }
    statement.raises = raises_first(&inner);
    statement.tidy();
}

/// The body, if it stands in dollar quotes: only then its bytes are the file's own.
fn body(tokens: &[Token<'_>]) -> Option<Span> {
    let token = tokens
        .iter()
        .find(|token| token.kind == TokenKind::String && token.text.starts_with('$'))?;
    let (start, end) = literal_body(token.text)?;
    Some(Span {
        start: token.start + start,
        end: token.start + end,
    })
}

/// Where the statements of a PL/pgSQL body begin, as indices of its tokens.
fn heads(tokens: &[Token<'_>]) -> Vec<usize> {
    let opens = |token: &Token<'_>| {
        token.is_symbol(";")
            || ["begin", "then", "else", "loop"]
                .iter()
                .any(|word| token.is_word(word))
    };
    let before = tokens.iter().enumerate().filter(|(_, token)| opens(token));
    before
        .map(|(index, _)| index + 1)
        .filter(|&index| index < tokens.len())
        .collect()
}

/// Words that begin a statement of PL/pgSQL which is one of SQL as well.
const SQL: [&str; 19] = [
    "alter", "analyze", "cluster", "comment", "create", "delete", "do", "drop", "grant", "insert",
    "lock", "merge", "reassign", "refresh", "revoke", "security", "truncate", "update", "with",
];

/// The SQL statement that begins here: itself, or the string that an `EXECUTE` runs.
fn sql(tokens: &[Token<'_>]) -> Option<Span> {
    let first = tokens.first()?;
    if first.is_word("execute") {
        let run = tokens.get(1)?;
        let next = tokens.get(2)?;
        let plain = run.kind == TokenKind::String && (next.is_symbol(";") || next.is_word("using"));
        let (start, end) = literal_body(run.text).filter(|_| plain)?;
        // Doubled quotes are left as they are: the spans stay true, and the words are what counts.
        return Some(Span {
            start: run.start + start,
            end: run.start + end,
        });
    }
    if !SQL.iter().any(|word| first.is_word(word)) {
        return None;
    }
    let length = tokens.iter().position(|token| token.is_symbol(";"))?;
    let last = tokens[..length].last()?;
    Some(Span {
        start: first.start,
        end: last.end(),
    })
}

/// What the SQL that an `EXECUTE` puts together does to the whole server, as far as its first literal tells: the rest of it, and
/// so what stands at the literal's end, is not known.
fn assembled(text: &str, tokens: &[Token<'_>]) -> Option<ClusterWide> {
    let first = tokens.first().filter(|first| first.is_word("execute"))?;
    let end = tokens.iter().position(|token| token.is_symbol(";"))?;
    let expression = &tokens[1..end];
    let literal = expression
        .iter()
        .find(|token| token.kind == TokenKind::String)?;
    let (start, stop) = literal_body(literal.text)?;
    let span = Span {
        start: literal.start + start,
        end: literal.start + stop,
    };
    let dialect = EngineKind::Postgres;
    let inner = significant(text, span, dialect);
    let whole = Cursor::new(&inner, dialect);
    let mut cursor = whole.clone();
    let kind = head::kind(&mut cursor);
    let found = cluster::postgres(&cluster::Known {
        kind,
        objects: &names::objects(kind, &whole, &cursor, dialect),
        cursor,
        span: Span {
            start: first.start,
            end: expression.last()?.end(),
        },
        is_whole: &|name| text[name.end..span.end].starts_with([' ', '\t', '\r', '\n', ',', ';']),
    })?;
    let own_database = found.what.ends_with("database")
        && matches!(kind, StatementKind::Alter(_) | StatementKind::Other(_))
        && expression
            .iter()
            .any(|token| token.is_word("current_database"));
    (!own_database).then_some(found)
}

/// Whether the first thing that a body does is to raise an error, whatever the circumstances.
fn raises_first(tokens: &[Token<'_>]) -> bool {
    let Some(begin) = tokens.iter().position(|token| token.is_word("begin")) else {
        return false;
    };
    let rest = &tokens[begin + 1..];
    let catches = rest
        .windows(2)
        .any(|pair| pair[0].is_word("exception") && pair[1].is_word("when"));
    let raises = rest.first().is_some_and(|token| token.is_word("raise"));
    let level = rest.get(1);
    let is_error = level.is_some_and(|token| {
        token.is_word("exception")
            || token.kind == TokenKind::String
            || token.is_word("using")
            || token.is_word("sqlstate")
    });
    raises && is_error && !catches
}

impl Statement {
    /// Takes over what a statement inside does.
    fn take(&mut self, inner: Statement) {
        if let TransactionFit::No { .. } = inner.runs_in_transaction {
            self.runs_in_transaction = inner.runs_in_transaction;
        }
        self.objects.extend(inner.objects);
        self.locks.extend(inner.locks);
        self.long_locks.extend(inner.long_locks);
        self.destroys.extend(inner.destroys);
        self.triggers_off.extend(inner.triggers_off);
        self.cluster_wide.extend(inner.cluster_wide);
    }
}
