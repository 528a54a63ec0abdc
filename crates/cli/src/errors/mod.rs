//! The one error of the edge: what failed, its exit code, how the database was left, what to do.

mod adopt;
mod apply;
mod backup;
mod copy;
mod engine;
mod net;
mod reading;
mod rollback;
mod watch;
mod workload;

use std::error::Error;

use serde_json::Value;
use tightrope_lifecycle::{Drift, FailureReport, Rehearsed};
use tightrope_model::{Conflict, Differences, Finding, Place};
use tightrope_report::{ErrorReport, Style};

use crate::exit::Exit;

/// What is said where nothing was begun, or all of it was undone.
pub(crate) const UNCHANGED: &str = "nothing was changed.";

/// An error as a command ends with it.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit: Exit,
    error: Box<dyn Error>,
    place: Option<(Place, Option<String>)>,
    statement: Option<String>,
    tried: Option<(u32, u64)>,
    differences: Differences,
    conflicts: Vec<Conflict>,
    findings: Vec<Finding>,
    state: Option<String>,
    hints: Vec<String>,
    rehearsed: Option<Box<Rehearsed>>,
}

/// An error that is only its words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Words(String);

impl CommandError {
    /// An error of our own.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::of(exit, Words(message.into()))
    }

    /// An error of somebody else.
    pub(crate) fn of(exit: Exit, error: impl Error + 'static) -> Self {
        Self {
            exit,
            error: Box::new(error),
            place: None,
            statement: None,
            tried: None,
            differences: Differences::default(),
            conflicts: Vec::new(),
            findings: Vec::new(),
            state: Some(UNCHANGED.to_owned()),
            hints: Vec::new(),
            rehearsed: None,
        }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn at(mut self, place: Place, line: Option<String>) -> Self {
        self.place = Some((place, line));
        self
    }

    /// The place of a statement that failed in rehearsal.
    #[must_use]
    pub(crate) fn failed_at(mut self, failure: &FailureReport) -> Self {
        self.statement = Some(format!(
            "statement {} ({})",
            failure.number, failure.statement
        ));
        let command_error = self.at(failure.place.clone(), Some(failure.line.clone()));
        command_error.maybe_hint(failure.hint.clone())
    }

    /// How often it was tried, and for how many milliseconds.
    #[must_use]
    fn tried(mut self, tries: u32, milliseconds: u64) -> Self {
        self.tried = Some((tries, milliseconds));
        self
    }

    #[must_use]
    fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into());
        self
    }

    #[must_use]
    fn findings(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings;
        self
    }

    #[must_use]
    fn conflicts(mut self, conflicts: Vec<Conflict>) -> Self {
        self.conflicts = conflicts;
        self
    }

    #[must_use]
    fn differing(mut self, differences: Option<&Differences>) -> Self {
        self.differences = differences.cloned().unwrap_or_default();
        self
    }

    #[must_use]
    fn drifted(self, drift: &Drift) -> Self {
        self.differing(drift.differences.as_ref())
    }

    #[must_use]
    fn rehearsed(mut self, rehearsed: Box<Rehearsed>) -> Self {
        self.rehearsed = Some(rehearsed);
        self
    }

    /// The same error under another exit code.
    #[must_use]
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The error taken apart.
    pub(crate) fn report(&self) -> ErrorReport {
        let mut report = ErrorReport::of(self.error.as_ref(), self.exit.name(), self.exit.code());
        if let Some((place, line)) = &self.place {
            report.place = Some(place.clone());
            report.line.clone_from(line);
            report.statement.clone_from(&self.statement);
        }
        report.tries = self
            .tried
            .map(|(tries, _)| tries)
            .filter(|tries| *tries > 0);
        report.tried_ms = report
            .tries
            .and(self.tried.map(|(_, milliseconds)| milliseconds));
        report.differences.clone_from(&self.differences);
        report.conflicts.clone_from(&self.conflicts);
        report.findings.clone_from(&self.findings);
        report.state.clone_from(&self.state);
        report.hints.extend(self.hints.iter().cloned());
        report
    }

    /// What is shown above the error: the rehearsal that it is about.
    pub(crate) fn screen(&self, style: &Style) -> String {
        let Some(mut rehearsed) = self.rehearsed.as_deref().cloned() else {
            return String::new();
        };
        // What to do stands below the error, and is not said twice.
        for one in &mut rehearsed.migrations {
            one.hint = one.hint.take().filter(|hint| !self.hints.contains(hint));
        }
        tightrope_report::rehearsal(&rehearsed, 0, style) + "\n"
    }

    /// The error as JSON, with the rehearsal that it is about.
    pub(crate) fn json(&self, report: &ErrorReport) -> Value {
        let mut value = tightrope_report::error_json(report);
        if let Some(rehearsed) = &self.rehearsed {
            value["rehearsal"] = tightrope_report::rehearsal_json(rehearsed);
        }
        value
    }
}
