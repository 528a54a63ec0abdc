//! Runs scripts: the one place where a migration's statements reach a session.
//!
//! Rehearsal and production go through the same functions; what they add around a step (observing, journalling) is theirs.

use std::time::Instant;

use serde::Serialize;
use tightrope_engine::{EngineError, ErrorKind, KeptNet, RunStatement, Session, StatementOutcome};
use tightrope_model::{EngineKind, NetPlan, Place, Severity, Span};
use tightrope_script::{
    Command, LockTaken, Parsed, Script, StatementKind, Step, StepMode, StepRules, Steps, steps,
};

use crate::{Event, Listener, net};

/// A statement of a script that failed: where it stands, what it is, why.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {}", self.headline())]
pub struct ScriptFailure {
    /// Where the error is, as exactly as the engine says.
    pub place: Place,
    /// The statement's kind: `alter table`.
    pub statement: String,
    /// The statement's place in the script, from 1; 0 if the script was refused whole.
    pub number: usize,
    /// The line on which the error is.
    pub line: String,
    /// The locks that the statement takes, as far as its text shows them.
    pub locks: Vec<LockTaken>,
    /// What the engine said.
    #[source]
    pub error: EngineError,
}

impl ScriptFailure {
    fn headline(&self) -> String {
        match self.number {
            0 => "the script cannot be run".to_owned(),
            number => format!("statement {number} ({}) failed", self.statement),
        }
    }
}

/// A failure as it goes into reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureReport {
    /// Where the error is.
    pub place: Place,
    /// The statement's kind.
    pub statement: String,
    /// The statement's place in the script, from 1; 0 if the script was refused whole.
    pub number: usize,
    /// The line on which the error is.
    pub line: String,
    /// What the engine said.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// The engine's code.
    pub code: Option<String>,
}

impl From<&ScriptFailure> for FailureReport {
    fn from(failure: &ScriptFailure) -> Self {
        Self {
            place: failure.place.clone(),
            statement: failure.statement.clone(),
            number: failure.number,
            line: failure.line.clone(),
            message: failure.error.message.clone(),
            detail: failure.error.detail.clone(),
            hint: failure.error.hint.clone(),
            code: failure.error.code.clone(),
        }
    }
}

/// A script that has been read: its statements and how they are carried out.
pub(crate) struct Ready<'a> {
    pub(crate) script: &'a Script,
    pub(crate) parsed: Parsed,
    pub(crate) steps: Steps,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(script: &'a Script, dialect: EngineKind, session: &dyn Session) -> Self {
        Self::with_rules(
            script,
            StepRules {
                dialect,
                enum_value_in_transaction: session.capabilities().enum_value_in_transaction,
            },
        )
    }

    pub(crate) fn with_rules(script: &'a Script, rules: StepRules) -> Self {
        let parsed = script.parse(rules.dialect);
        let steps = steps(script, &parsed, &rules);
        Self {
            script,
            parsed,
            steps,
        }
    }

    /// Whether one transaction holds the whole script.
    pub(crate) fn is_one_transaction(&self) -> bool {
        self.steps.single_transaction()
    }

    /// What the reader found that forbids running the script at all (a quote that is never closed, a command that only psql
    /// understands), as the failure of the script.
    pub(crate) fn refusal(&self) -> Result<(), ScriptFailure> {
        let errors = self
            .parsed
            .findings
            .iter()
            .find(|finding| finding.severity == Severity::Error);
        let Some(finding) = errors else { return Ok(()) };
        let place = finding.place.clone().unwrap_or_else(|| self.script.start());
        let line = self
            .script
            .text
            .lines()
            .nth(place.line.saturating_sub(1))
            .unwrap_or_default();
        let mut error = EngineError::new(ErrorKind::Syntax, finding.message.clone());
        error.hint.clone_from(&finding.hint);
        Err(ScriptFailure {
            line: line.to_owned(),
            place,
            statement: "script".to_owned(),
            number: 0,
            locks: Vec::new(),
            error,
        })
    }

    /// What stands before the transaction (SQLite's pragmas that have no effect inside one).
    pub(crate) fn run_prelude(
        &self,
        session: &mut dyn Session,
        listener: &dyn Listener,
    ) -> Result<(), ScriptFailure> {
        for &index in &self.steps.prelude {
            self.run_statement(session, index, listener)?;
        }
        Ok(())
    }

    /// What stands after the last step and undoes the prelude.
    pub(crate) fn run_epilogue(
        &self,
        session: &mut dyn Session,
        listener: &dyn Listener,
    ) -> Result<(), ScriptFailure> {
        for &index in &self.steps.epilogue {
            self.run_statement(session, index, listener)?;
        }
        Ok(())
    }

    /// Runs the settings among the statements of steps that are done, for a session that comes later.
    pub(crate) fn run_settings_of(
        &self,
        session: &mut dyn Session,
        done: &[usize],
        listener: &dyn Listener,
    ) -> Result<(), ScriptFailure> {
        for step in done
            .iter()
            .filter_map(|&number| self.steps.steps.get(number))
        {
            for index in step.statements.clone() {
                let kind = self.parsed.statements[index].kind;
                if kind.is(Command::Set) || kind.is(Command::Reset) || kind.is(Command::Pragma) {
                    self.run_statement(session, index, listener)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a step's statements; the caller opens and ends the transaction.
    pub(crate) fn run_step(
        &self,
        session: &mut dyn Session,
        step: &Step,
        listener: &dyn Listener,
    ) -> Result<(), ScriptFailure> {
        for index in step.statements.clone() {
            self.run_statement(session, index, listener)?;
        }
        Ok(())
    }

    /// Runs all steps in the open transaction; statements that drop what the plan sets aside are replaced by that. What is
    /// deferred is checked then instead of at the commit: a table cannot be altered while checks wait.
    pub(crate) fn run_with_net(
        &self,
        session: &mut dyn Session,
        kept: Option<&KeptNet>,
        plan: &NetPlan,
        listener: &dyn Listener,
    ) -> Result<(), ScriptFailure> {
        let replaced = net::replaced(plan, self.script, &self.parsed);
        for step in &self.steps.steps {
            for index in step.statements.clone() {
                match (kept, replaced.get(&index)) {
                    (Some(kept), Some(what)) => net::replace(session, kept, what)
                        .map_err(|error| self.failure(index, error))?,
                    _ => drop(self.run_statement(session, index, listener)?),
                }
            }
        }
        match (
            session.row_dialect().check_now,
            self.parsed.statements.len(),
        ) {
            (Some(check), count) if kept.is_some() && count > 0 => session
                .run_quietly(check)
                .map_err(|error| self.failure(count - 1, error)),
            _ => Ok(()),
        }
    }

    pub(crate) fn run_statement(
        &self,
        session: &mut dyn Session,
        index: usize,
        listener: &dyn Listener,
    ) -> Result<Option<StatementOutcome>, ScriptFailure> {
        let statement = &self.parsed.statements[index];
        if statement.kind.controls_transaction() {
            return Ok(None);
        }
        listener.statement_begins();
        let text = statement.span.of(&self.script.text);
        let copy_data = statement.copy_data.map(|data| data.of(&self.script.text));
        match session.run(RunStatement {
            sql: text,
            copy_data,
        }) {
            Ok(outcome) => {
                for message in &outcome.notices {
                    listener.event(&Event::Notice {
                        message: message.clone(),
                    });
                }
                Ok(Some(outcome))
            }
            Err(error) => Err(self.failure(index, error)),
        }
    }

    /// Says where in the file an engine's error is.
    pub(crate) fn failure(&self, index: usize, error: EngineError) -> ScriptFailure {
        let statement = &self.parsed.statements[index];
        let offset = statement.span.start + error.position.unwrap_or(0).min(length(statement.span));
        ScriptFailure {
            place: self.script.place(offset),
            statement: statement.kind.to_string(),
            number: index + 1,
            line: line_at(&self.script.text, offset).to_owned(),
            locks: statement.locks.clone(),
            error,
        }
    }

    /// What a step is, in words.
    pub(crate) fn words(&self, step: &Step) -> String {
        let kinds: Vec<String> = self.parsed.statements[step.statements.clone()]
            .iter()
            .map(|statement| statement.kind.to_string())
            .collect();
        match kinds.as_slice() {
            [one] => one.clone(),
            [] => "nothing".to_owned(),
            [first, ..] => format!("{first} and {} more in a transaction", kinds.len() - 1),
        }
    }
}

fn length(span: Span) -> usize {
    span.end - span.start
}

fn line_at(text: &str, offset: usize) -> &str {
    let offset = offset.min(text.len());
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[offset..]
        .find('\n')
        .map_or(text.len(), |newline| offset + newline);
    text[start..end].trim_end_matches('\r')
}

/// One statement of ours, whose result nobody needs.
pub(crate) trait Quietly {
    /// Runs it.
    fn run_quietly(&mut self, sql: &str) -> Result<(), EngineError>;
}

impl Quietly for dyn Session + '_ {
    fn run_quietly(&mut self, sql: &str) -> Result<(), EngineError> {
        let statement = RunStatement {
            sql,
            copy_data: None,
        };
        self.run(statement).map(drop)
    }
}

/// Runs one statement of a derived rollback.
pub(crate) fn run_derived(
    session: &mut dyn Session,
    sql: &str,
    listener: &dyn Listener,
) -> Result<(), EngineError> {
    let statement = RunStatement {
        sql,
        copy_data: None,
    };
    for message in session.run(statement)?.notices {
        listener.event(&Event::Notice { message });
    }
    Ok(())
}

/// Whether a script may leave a session with other settings than it had, or with temporary objects: then the session is
/// reset.
pub(crate) fn may_change_settings(ready: &Ready<'_>) -> bool {
    use Command::{Comment, CreateIndexConcurrently, DropIndexConcurrently};
    use Command::{Delete, Grant, Insert, Revoke, Truncate, Update};
    const QUIET: [tightrope_script::Command; 9] = [
        Comment,
        CreateIndexConcurrently,
        Delete,
        DropIndexConcurrently,
        Grant,
        Insert,
        Revoke,
        Truncate,
        Update,
    ];
    ready
        .parsed
        .statements
        .iter()
        .any(|statement| match statement.kind {
            StatementKind::Create(_) | StatementKind::Alter(_) | StatementKind::Drop(_) => {
                statement
                    .objects
                    .iter()
                    .any(|object| object.schema.as_deref().is_some_and(is_temporary))
            }
            StatementKind::Other(command) => !QUIET.contains(&command),
            StatementKind::Unknown => true,
        })
}

/// Whether a schema holds what goes with its session, on either engine.
fn is_temporary(schema: &str) -> bool {
    schema.eq_ignore_ascii_case("pg_temp") || schema.eq_ignore_ascii_case("temp")
}

/// Milliseconds since an instant.
pub(crate) fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Whether a step runs inside a transaction.
pub(crate) fn is_transaction(step: &Step) -> bool {
    matches!(step.mode, StepMode::Transaction)
}
