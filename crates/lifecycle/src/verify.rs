//! The verify script: questions that must be answered with true.
//!
//! A statement holds when it runs without an error and every boolean that it returns is true; on engines without a boolean
//! type a result of one column counts, where 0 and NULL are false. What returns no boolean holds by running.

use tightrope_engine::{EngineError, ErrorKind, Session, StatementOutcome};
use tightrope_model::EngineKind;
use tightrope_script::Script;

use crate::Listener;
use crate::execute::{Ready, ScriptFailure};

/// The message of a verify query that does not hold, by which it is told from a statement that fails.
pub const VERIFY_DOES_NOT_HOLD: &str = "the verify query does not hold";

/// Runs a verify script in the transaction that is open.
pub(crate) fn run(
    session: &mut dyn Session,
    script: &Script,
    dialect: EngineKind,
    listener: &dyn Listener,
) -> Result<(), ScriptFailure> {
    let ready = Ready::new(script, dialect, session);
    for index in 0..ready.parsed.statements.len() {
        let Some(outcome) = ready.run_statement(session, index, listener)? else {
            continue;
        };
        if let Some(row) = first_false(&outcome) {
            let error = EngineError::new(ErrorKind::DataViolation, VERIFY_DOES_NOT_HOLD)
                .detail(format!("it returned {row}"));
            return Err(ready.failure(index, error));
        }
    }
    Ok(())
}

fn first_false(outcome: &StatementOutcome) -> Option<String> {
    let is_false = |value: &Option<String>| !matches!(value.as_deref(), Some("t" | "true" | "1"));
    for row in &outcome.rows {
        for (index, value) in row.iter().enumerate() {
            if outcome.booleans.get(index) == Some(&true) && is_false(value) {
                let column = outcome.columns.get(index).map_or("?", String::as_str);
                return Some(format!("{column} = {}", value.as_deref().unwrap_or("NULL")));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(value: Option<&str>, boolean: bool) -> StatementOutcome {
        StatementOutcome {
            columns: vec!["ok".to_owned()],
            rows: vec![vec![value.map(str::to_owned)]],
            booleans: vec![boolean],
            ..StatementOutcome::default()
        }
    }

    #[test]
    fn only_true_holds() {
        let check = |value, boolean, expect: Option<&str>| {
            assert_eq!(first_false(&outcome(value, boolean)).as_deref(), expect);
        };
        check(Some("t"), true, None);
        check(Some("1"), true, None);
        check(Some("f"), true, Some("ok = f"));
        check(Some("0"), true, Some("ok = 0"));
        check(None, true, Some("ok = NULL"));
        check(Some("f"), false, None);
    }
}
