//! Running a script's statement: the author's own bytes, as they are.

use std::io::{Read as _, Write as _};

use postgres::SimpleQueryMessage;
use postgres::types::Type;
use tightrope_engine::{EngineError, ErrorKind, RunStatement, StatementOutcome};

use super::PostgresSession;
use crate::error;

/// As many rows of a result as a person would look at.
const MOST_ROWS: usize = 100;

impl PostgresSession {
    pub(super) fn run_statement(
        &mut self,
        statement: RunStatement<'_>,
    ) -> Result<StatementOutcome, EngineError> {
        self.take_notices();
        let head = Head::of(statement.sql);
        let result = match statement.copy_data {
            Some(data) => self.copy_in(statement.sql, data),
            None if head.copies_out => self.copy_out(statement.sql),
            None if head.copies_in => self.copy_in(statement.sql, ""),
            None => self.run_simply(statement.sql, &head),
        };
        let mut outcome = result?;
        outcome.notices = self.take_notices();
        self.follow(&head);
        Ok(outcome)
    }

    pub(super) fn take_notices(&mut self) -> Vec<String> {
        self.notices
            .lock()
            .map(|mut notices| std::mem::take(&mut *notices))
            .unwrap_or_default()
    }

    fn run_simply(&mut self, sql: &str, head: &Head) -> Result<StatementOutcome, EngineError> {
        // The simple protocol gives no types, so what selects is described first: it costs a round trip only there.
        let booleans = if head.selects {
            self.booleans_of(sql)?
        } else {
            Vec::new()
        };
        let messages = self
            .client
            .simple_query(sql)
            .map_err(|error| error::of_statement(&error, sql))?;
        let mut outcome = StatementOutcome {
            booleans,
            ..StatementOutcome::default()
        };
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    outcome.columns = columns
                        .iter()
                        .map(|column| column.name().to_owned())
                        .collect();
                }
                SimpleQueryMessage::Row(row) if outcome.rows.len() < MOST_ROWS => {
                    outcome.rows.push(
                        (0..row.len())
                            .map(|column| row.get(column).map(str::to_owned))
                            .collect(),
                    );
                }
                SimpleQueryMessage::CommandComplete(rows) if rows > 0 || head.counts => {
                    outcome.rows_affected = Some(rows);
                }
                _ => {}
            }
        }
        outcome.booleans.resize(outcome.columns.len(), false);
        Ok(outcome)
    }

    fn booleans_of(&mut self, sql: &str) -> Result<Vec<bool>, EngineError> {
        let statement = self
            .client
            .prepare(sql)
            .map_err(|error| error::of_statement(&error, sql))?;
        // What the parser remarks it will remark again when the statement runs.
        self.take_notices();
        Ok(statement
            .columns()
            .iter()
            .map(|column| *column.type_() == Type::BOOL)
            .collect())
    }

    fn copy_in(&mut self, sql: &str, data: &str) -> Result<StatementOutcome, EngineError> {
        let of_statement = |error: postgres::Error| error::of_statement(&error, sql);
        let mut writer = self.client.copy_in(sql).map_err(of_statement)?;
        if let Err(error) = writer.write_all(data.as_bytes()) {
            return Err(of_stream(error, sql));
        }
        let rows = writer.finish().map_err(of_statement)?;
        Ok(StatementOutcome {
            rows_affected: Some(rows),
            ..StatementOutcome::default()
        })
    }

    /// What COPY TO STDOUT writes has nowhere to go in a migration: it is read and let go.
    fn copy_out(&mut self, sql: &str) -> Result<StatementOutcome, EngineError> {
        let mut reader = self
            .client
            .copy_out(sql)
            .map_err(|error| error::of_statement(&error, sql))?;
        let mut chunk = [0; 8192];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return Ok(StatementOutcome::default()),
                Ok(_) => {}
                Err(error) => return Err(of_stream(error, sql)),
            }
        }
    }

    /// Keeps up with statements that change what we know of the session.
    fn follow(&mut self, head: &Head) {
        match head.effect {
            Effect::Opens => self.in_transaction = true,
            Effect::Ends => self.end_of_transaction(),
            Effect::DropsStatements => self.forget_statements(),
            Effect::Prepares => self.has_foreign_statements = true,
            Effect::None => {}
        }
    }

    /// The server has none of our prepared statements any more.
    pub(super) fn forget_statements(&mut self) {
        self.statements.clear();
        self.prepared.clear();
        self.has_foreign_statements = false;
    }
}

/// An error that came through a stream has the driver's inside.
fn of_stream(error: std::io::Error, sql: &str) -> EngineError {
    match error
        .into_inner()
        .map(|inner| inner.downcast::<postgres::Error>())
    {
        Some(Ok(inner)) => error::of_statement(&inner, sql),
        _ => EngineError::new(
            ErrorKind::ConnectionLost,
            "the connection broke while data was copied",
        ),
    }
}

/// What a statement does to the session's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    Opens,
    Ends,
    DropsStatements,
    Prepares,
}

/// What the first words of a statement tell.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    selects: bool,
    /// The number of rows means something even where it is 0.
    counts: bool,
    copies_in: bool,
    copies_out: bool,
    effect: Effect,
}

impl Head {
    fn of(sql: &str) -> Self {
        let words = first_words(sql);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let first = words.first().copied().unwrap_or_default();
        let effect = match words[..] {
            ["begin", ..] | ["start", "transaction", ..] => Effect::Opens,
            ["rollback" | "abort", "to", ..] | ["rollback" | "abort", _, "to", ..] => Effect::None,
            ["commit" | "rollback", "prepared", ..] => Effect::None,
            ["commit" | "end" | "rollback" | "abort", ref rest @ ..] => {
                match rest.windows(2).any(|pair| pair == ["and", "chain"]) {
                    true => Effect::None,
                    false => Effect::Ends,
                }
            }
            ["prepare", "transaction", ..] => Effect::Ends,
            ["prepare", ..] => Effect::Prepares,
            ["discard", "all", ..]
            | ["deallocate", "all", ..]
            | ["deallocate", "prepare", "all", ..] => Effect::DropsStatements,
            _ => Effect::None,
        };
        let copies = |direction: &str, place: &str| {
            let lower = sql.to_ascii_lowercase();
            let words: Vec<&str> = lower
                .split(|c: char| c.is_whitespace() || c == ';')
                .filter(|word| !word.is_empty())
                .collect();
            first == "copy" && words.windows(2).any(|pair| pair == [direction, place])
        };
        Self {
            selects: matches!(first, "select" | "with" | "values" | "table"),
            counts: matches!(
                first,
                "select"
                    | "with"
                    | "values"
                    | "table"
                    | "insert"
                    | "update"
                    | "delete"
                    | "merge"
                    | "copy"
            ),
            copies_in: copies("from", "stdin"),
            copies_out: copies("to", "stdout"),
            effect,
        }
    }
}

/// The first few words in lower case, comments and parentheses passed over.
fn first_words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = sql;
    while words.len() < 4 {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if rest.starts_with("/*") {
            rest = &rest[comment_end(rest)..];
        } else {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            if end == 0 {
                break;
            }
            words.push(rest[..end].to_ascii_lowercase());
            rest = &rest[end..];
        }
    }
    words
}

/// Where a block comment ends; they nest.
fn comment_end(text: &str) -> usize {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'/', b'*') => (depth, at) = (depth + 1, at + 2),
            (b'*', b'/') => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(sql: &str, expect: Effect) {
        assert_eq!(Head::of(sql).effect, expect, "{sql}");
    }

    #[test]
    fn transaction_statements_are_followed() {
        effect("-- a\nBEGIN;", Effect::Opens);
        effect("start transaction read only", Effect::Opens);
        effect("/* a /* b */ */ commit", Effect::Ends);
        effect("end", Effect::Ends);
        effect("rollback to savepoint a", Effect::None);
        effect("rollback work to a", Effect::None);
        effect("commit and chain", Effect::None);
        effect("commit prepared 'x'", Effect::None);
        effect("prepare transaction 'x'", Effect::Ends);
        effect("prepare mine as select 1", Effect::Prepares);
        effect("discard all", Effect::DropsStatements);
        effect("deallocate all", Effect::DropsStatements);
        effect("deallocate prepare all;", Effect::DropsStatements);
        effect("deallocate mine", Effect::None);
        effect("deallocate prepare mine", Effect::None);
        effect("discard plans", Effect::None);
        effect("create table begin (a int)", Effect::None);
    }

    #[test]
    fn what_selects_is_described() {
        assert!(Head::of("(select 1) union (select 2)").selects);
        assert!(Head::of("with a as (select 1) select * from a").selects);
        assert!(!Head::of("create view v as select 1").selects);
        assert!(Head::of("copy t (a) from stdin;").copies_in);
        assert!(Head::of("COPY (select 1) TO STDOUT").copies_out);
        assert!(!Head::of("copy t from '/tmp/x'").copies_in);
    }
}
