//! An error as a tired person reads it at night: what, where, who is in the way, what state the database is in, what to do.

use std::error::Error;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tightrope_engine::{Blocker, EngineError, ErrorKind};
use tightrope_lifecycle::ScriptFailure;
use tightrope_model::{Conflict, Differences, Finding, Place};
use tightrope_script::LockTaken;

use crate::check::show as show_finding;
use crate::conflicts::conflict_lines;
use crate::page::Page;
use crate::words::{cut, duration, plural_of, seconds};
use crate::{Lines, Style, place};

/// How many findings are shown.
const MOST: usize = 12;

/// An error taken apart.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ErrorReport {
    /// What kind it is, in kebab-case; each belongs to one exit code.
    pub kind: &'static str,
    /// What failed.
    pub message: String,
    /// Why, and why that; none repeats the one before.
    pub causes: Vec<String>,
    /// Where it stands in a file.
    pub place: Option<Place>,
    /// The line there.
    pub line: Option<String>,
    /// Which statement: `statement 2 (alter table)`.
    pub statement: Option<String>,
    /// The lock that was not granted: `access exclusive on users`.
    pub needs: Option<String>,
    /// How often it was tried.
    pub tries: Option<u32>,
    /// For how long, in milliseconds.
    pub tried_ms: Option<u64>,
    /// What the engine says beyond its message.
    pub detail: Option<String>,
    /// The engine's code.
    pub code: Option<String>,
    /// Who holds the lock.
    pub held_by: Vec<Blocker>,
    /// What differs; in JSON each is its words.
    #[serde(serialize_with = "each_in_words")]
    pub differences: Differences,
    /// Rows that the old schema cannot hold.
    pub conflicts: Vec<Conflict>,
    /// What is wrong with the folder.
    pub findings: Vec<Finding>,
    /// How the database was left.
    pub state: Option<String>,
    /// What to do.
    pub hints: Vec<String>,
    /// The exit code.
    pub exit: u8,
}

fn each_in_words<S: Serializer>(differences: &Differences, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(differences.iter().map(ToString::to_string))
}

impl ErrorReport {
    /// Takes an error and all that is behind it apart.
    pub fn of(error: &(dyn Error + 'static), kind: &'static str, exit: u8) -> Self {
        let mut report = Self {
            kind,
            exit,
            ..Self::default()
        };
        let mut next = Some(error);
        while let Some(error) = next {
            next = error.source();
            if let Some(failure) = script_failure(error) {
                report.place = Some(failure.place.clone());
                report.line = Some(failure.line.clone());
                report.statement = Some(format!(
                    "statement {} ({})",
                    failure.number, failure.statement
                ));
                if failure.error.kind == ErrorKind::LockNotGranted {
                    report.needs = needed(failure).map(ToString::to_string);
                    if let Some(lock) = needed(failure) {
                        let (relation, said) = (&lock.relation, &failure.error.message);
                        report.add(format!("the lock on `{relation}` was not granted ({said})"));
                    }
                }
                continue;
            }
            match error.downcast_ref::<EngineError>() {
                Some(engine) => report.engine(engine),
                None => report.add(error.to_string()),
            }
        }
        report
    }

    /// A cause that its parent's words already hold is not said twice.
    fn add(&mut self, text: String) {
        if self.message.is_empty() {
            self.message = text;
        } else if !self.message.contains(&text)
            && !self.causes.iter().any(|cause| cause.contains(&text))
        {
            self.causes.push(text);
        }
    }

    fn engine(&mut self, error: &EngineError) {
        // What an engine says when it gave up waiting sounds as if somebody had broken something.
        self.add(match error.kind {
            ErrorKind::LockNotGranted if self.needs.is_some() => error.message.clone(),
            ErrorKind::LockNotGranted => format!("a lock was not granted ({})", error.message),
            _ => error.message.clone(),
        });
        self.detail.clone_from(&error.detail);
        self.code.clone_from(&error.code);
        self.held_by.extend(error.blockers.iter().cloned());
        self.hints.extend(error.hint.clone());
    }
}

fn script_failure<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e ScriptFailure> {
    let boxed = error
        .downcast_ref::<Box<ScriptFailure>>()
        .map(AsRef::as_ref);
    boxed.or_else(|| error.downcast_ref::<ScriptFailure>())
}

/// The error as text.
pub fn error(report: &ErrorReport, lines: Lines<'_>, style: &Style) -> String {
    let mut page = Page::new(style);
    let chain: Vec<&str> = std::iter::once(&report.message)
        .chain(&report.causes)
        .map(String::as_str)
        .collect();
    page.line(format!("{} {}", style.bad("error:"), chain.join(": ")));
    if let Some(place) = &report.place {
        page.line(format!("  {place}"));
        let line = report.line.clone().or_else(|| lines(place));
        if let Some(line) = line {
            place::show(&mut page, place, &line, &remark(report));
        }
    }
    if let Some(detail) = &report.detail {
        page.field("  detail   ", detail);
    }
    for blocker in &report.held_by {
        page.field("  held by  ", &blocker_in_words(blocker));
    }
    page.some("  differs  ", &report.differences.in_words());
    for conflict in &report.conflicts {
        conflict_lines(&mut page, "  ", conflict);
    }
    for finding in report.findings.iter().take(MOST) {
        page.gap();
        show_finding(&mut page, finding, lines);
    }
    if report.findings.len() > MOST {
        let more = plural_of(&report.findings[MOST..], "more finding", "more findings");
        page.line(format!("… and {more}: `tightrope check` shows them all"));
    }
    if !report.findings.is_empty() {
        page.gap();
    }
    if let Some(state) = &report.state {
        page.field("", state);
    }
    for hint in &report.hints {
        page.hint(hint);
    }
    page.end("", report.exit)
}

/// Which lock the statement waited for: the one that a blocker holds, else the strongest that its text shows.
fn needed(failure: &ScriptFailure) -> Option<&LockTaken> {
    let blockers = failure.error.blockers.iter();
    let held: Vec<&str> = blockers
        .filter_map(|blocker| Some(blocker.lock.as_deref()?.rsplit_once(" on ")?.1))
        .collect();
    let in_the_way = failure
        .locks
        .iter()
        .find(|lock| held.contains(&lock.relation.as_str()));
    in_the_way.or_else(|| failure.locks.iter().max_by_key(|lock| lock.mode))
}

/// What there is to say under the marked line: which statement it is, or what it waited for and how long.
fn remark(report: &ErrorReport) -> String {
    let statement = report.statement.clone().unwrap_or_default();
    let tried = match (report.tries, report.tried_ms) {
        (Some(tries), Some(milliseconds)) if tries > 1 => {
            let time = duration(milliseconds);
            Some(format!("gave up after {tries} tries in {time}"))
        }
        _ => None,
    };
    let parts = match &report.needs {
        Some(lock) => [Some(format!("needs {lock}")), tried],
        None => [Some(statement), tried],
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// `pid 8123, user report, idle in transaction for 2 h 14 min, last query ‹select … from users›`.
fn blocker_in_words(blocker: &Blocker) -> String {
    let mut parts = vec![format!("pid {}", blocker.pid)];
    if !blocker.user.is_empty() {
        parts.push(format!("user {}", blocker.user));
    }
    if !blocker.application.is_empty() {
        parts.push(blocker.application.clone());
    }
    let since = blocker
        .seconds
        .map(|since| format!(" for {}", seconds(since)))
        .unwrap_or_default();
    if !blocker.state.is_empty() || !since.is_empty() {
        parts.push(format!("{}{since}", blocker.state).trim().to_owned());
    }
    if let Some(lock) = &blocker.lock {
        parts.push(lock.clone());
    }
    if !blocker.query.is_empty() {
        let which = if blocker.state.starts_with("idle") {
            "last query"
        } else {
            "query"
        };
        parts.push(format!("{which} `{}`", cut(&blocker.query, 120)));
    }
    parts.join(", ")
}

/// The error as JSON, under `error`.
pub fn error_json(report: &ErrorReport) -> Value {
    json!({ "error": report })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_lifecycle::{ApplyError, Left};
    use tightrope_script::LockMode;

    fn lock_not_granted() -> ApplyError {
        let mut error = EngineError::new(
            ErrorKind::LockNotGranted,
            "canceling statement due to lock timeout",
        );
        error.code = Some("55P03".to_owned());
        error.blockers.push(Blocker {
            pid: 8123,
            user: "report".to_owned(),
            application: "psql".to_owned(),
            state: "idle in transaction".to_owned(),
            seconds: Some(8_040),
            query: "select count(*) from users".to_owned(),
            lock: Some("access share on users".to_owned()),
        });
        let failure = ScriptFailure {
            place: Place {
                line: 3,
                column: 1,
                ..Place::file("migrations/0044_add_email_verified/up.sql")
            },
            statement: "alter table".to_owned(),
            number: 1,
            locks: vec![LockTaken {
                mode: LockMode::AccessExclusive,
                relation: "users".to_owned(),
            }],
            line: "alter table users add column email_verified boolean not null default false;"
                .to_owned(),
            error,
        };
        ApplyError::Script {
            migration: "0044_add_email_verified".to_owned(),
            failure: Box::new(failure),
            tries: 12,
            tried_ms: 60_000,
            left: Left::Unchanged { applied: 0 },
        }
    }

    #[test]
    fn an_error_answers_what_where_who_and_what_next() {
        let mut report = ErrorReport::of(&lock_not_granted(), "lock", 5);
        (report.tries, report.tried_ms) = (Some(12), Some(60_000));
        report.state = Some("nothing was changed.".to_owned());
        report
            .hints
            .push("end that session, then run `tightrope apply` again".to_owned());
        insta::assert_snapshot!(error(&report, &|_| None, &test_style()), @r"
        error: failed to apply migration `0044_add_email_verified`: the lock on `users` was not granted (canceling statement due to lock timeout)
          migrations/0044_add_email_verified/up.sql:3:1
          3 | alter table users add column email_verified boolean not null default fals…
            | ^^^^^ needs access exclusive on users; gave up after 12 tries in 1 min
          held by  pid 8123, user report, psql, idle in transaction for 2 h 14 min,
                   access share on users, last query `select count(*) from users`
        nothing was changed.
          hint: end that session, then run `tightrope apply` again                exit 5
        ");
    }

    #[test]
    fn a_cause_is_not_said_twice() {
        let mut report = ErrorReport::default();
        for text in [
            "cannot read the folder x: no such file",
            "no such file",
            "because",
            "because",
        ] {
            report.add(text.to_owned());
        }
        assert_eq!(report.causes, ["because"]);
    }
}
