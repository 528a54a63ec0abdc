use tightrope_model::{Finding, Severity};

use crate::TransactionMode;
use crate::statement::{Command, Statement, TransactionFit};

use super::Rule;
use super::subject::{Side, Subject};

pub(super) const RULE: Rule = Rule {
    name: "not-in-a-transaction",
    severity: Severity::Error,
    summary: "a statement that cannot run inside a transaction stands where there is one, or among others",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for side in subject.sides() {
        let others = side
            .statements
            .iter()
            .filter(|s| !s.kind.controls_transaction() && !is_setting(s))
            .count();
        // Settings at either end run outside the transaction.
        let is_inner = |index: usize| {
            side.statements[..index].iter().any(|s| !is_setting(s))
                && side.statements[index..].iter().any(|s| !is_setting(s))
        };
        let found = side
            .statements
            .iter()
            .enumerate()
            .find(|(index, statement)| {
                let unfit = matches!(statement.runs_in_transaction, TransactionFit::No { .. });
                unfit && (!is_setting(statement) || is_inner(*index))
            });
        if let Some((_, statement)) = found {
            findings.extend(judge(side, statement, others));
        }
    }
}

fn is_setting(statement: &Statement) -> bool {
    statement.kind.is(Command::Pragma)
}

fn judge(side: &Side<'_>, statement: &Statement, others: usize) -> Option<Finding> {
    let TransactionFit::No { why } = statement.runs_in_transaction else {
        return None;
    };
    let offset = statement.span.start;
    if side.script.transaction == TransactionMode::Required {
        let (severity, effect) = match is_setting(statement) {
            true => (Severity::Warning, ""),
            false => (Severity::Error, ", and the script runs in one"),
        };
        let message = format!("`{}` {why}{effect}", statement.kind);
        return Some(side.finding((RULE.name, severity), offset, message).hint(
            "make a migration of its own of it, and run that outside of a transaction: `run_in_transaction = false` in \
             metadata.toml (native, diesel), `notransaction` (sql-migrate), `transaction:false` (dbmate), a file of its own \
             (golang-migrate)",
        ));
    }
    if others < 2 || is_setting(statement) {
        return None;
    }
    let message = format!(
        "`{}` {why}, and stands among other statements: the script is not all or nothing",
        statement.kind
    );
    let rule = (RULE.name, Severity::Warning);
    Some(
        side.finding(rule, offset, message)
            .hint("make a migration of its own of it"),
    )
}
