use tightrope_model::{Finding, Severity};

use crate::steps::{StepRules, steps};
use crate::{Parsed, Statement, StepMode};

use super::Rule;
use super::subject::{Side, Subject};

pub(super) const RULE: Rule = Rule {
    name: "own-transaction",
    severity: Severity::Warning,
    summary: "a script begins or commits transactions by itself",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for side in subject.sides() {
        findings.extend(look(subject, side));
    }
}

fn look(subject: &Subject<'_>, side: &Side<'_>) -> Option<Finding> {
    let own = side
        .statements
        .iter()
        .find(|statement| statement.kind.controls_transaction())?;
    if let Some(finding) = lost_isolation(side, own) {
        return Some(finding);
    }
    let parsed = Parsed {
        statements: side.statements.to_vec(),
        findings: Vec::new(),
    };
    let rules = StepRules {
        dialect: subject.dialect,
        enum_value_in_transaction: true,
    };
    let carried_out = steps(side.script, &parsed, &rules);
    if carried_out.single_transaction() {
        return Some(
            side.finding(
                (RULE.name, Severity::Note),
                own.span.start,
                format!(
                    "`{}` is left out: the script runs in a transaction anyway",
                    own.kind
                ),
            )
            .hint("remove BEGIN and COMMIT"),
        );
    }
    let transactions = carried_out
        .steps
        .iter()
        .filter(|step| step.mode == StepMode::Transaction)
        .count();
    let message = format!(
        "the script is not all or nothing: its own `{}` cuts it into {} steps, {transactions} of them transactions",
        own.kind,
        carried_out.steps.len(),
    );
    Some(
        side.finding((RULE.name, RULE.severity), own.span.start, message)
            .hint("remove BEGIN and COMMIT, or make a migration of every part"),
    )
}

/// The isolation level of a BEGIN goes with it.
fn lost_isolation(side: &Side<'_>, own: &Statement) -> Option<Finding> {
    let text = side.script.text_of(own).to_lowercase();
    if !text.contains("isolation") {
        return None;
    }
    let message = format!(
        "`{}` is left out, and its isolation level with it",
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    Some(
        side.finding((RULE.name, RULE.severity), own.span.start, message)
            .hint("remove it; if the script depends on it, set `default_transaction_isolation` for the role that migrates"),
    )
}
