use tightrope_model::{Finding, Severity, Span};

use crate::destroys::destroys_of_before;
use crate::scan::Tokens;
use crate::statement::{Command, Destroys, ObjectClass, Statement, StatementKind};

use super::Rule;
use super::subject::{Side, Subject, bare};

pub(super) const RULE: Rule = Rule {
    name: "destructive-without-a-way-back",
    severity: Severity::Warning,
    summary: "the forward script destroys data that no rollback script can bring back",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.migration.settings.irreversible.is_some() {
        return;
    }
    let side = &subject.forward;
    let mut values: Option<(usize, Vec<Destroys>)> = None;
    for (index, statement) in side.statements.iter().enumerate() {
        // An upsert says itself that its own values are the better ones.
        if statement.kind.is(Command::Insert) && statement.destroys.len() < 2 {
            continue;
        }
        let lost = destroys_of_before(side.statements, index, subject.dialect)
            .into_iter()
            .filter(|destroyed| !is_kept(subject, side, index, destroyed));
        let (changed, gone): (Vec<_>, Vec<_>) =
            lost.partition(|destroyed| matches!(destroyed, Destroys::Values { .. }));
        if !gone.is_empty() {
            findings.push(report_gone(subject, statement, &gone));
        }
        if !changed.is_empty() {
            let (_, all) = values.get_or_insert((statement.span.start, Vec::new()));
            all.extend(changed);
        }
    }
    findings.extend(values.map(|(offset, lost)| report_values(side, offset, &lost)));
}

fn report_gone(subject: &Subject<'_>, statement: &Statement, lost: &[Destroys]) -> Finding {
    let message = format!(
        "`{}` destroys {}, and no rollback script can bring that back",
        statement.kind,
        list(lost)
    );
    let rule = (RULE.name, RULE.severity);
    let finding = subject.forward.finding(rule, statement.span.start, message);
    finding.hint(format!(
        "copy it into another table first and restore it from there in the rollback, set it aside with a rename, or {}",
        subject.how_to_declare_irreversible()
    ))
}

/// Values that are changed are one note for the whole script: a rollback may compute them back, and often does.
fn report_values(side: &Side<'_>, offset: usize, lost: &[Destroys]) -> Finding {
    let message = format!(
        "the script changes {}, and the rollback can at best compute them back",
        list(lost)
    );
    side.finding((RULE.name, Severity::Note), offset, message)
        .hint("the rehearsal shows the rows that do not come back; to be exact, keep the old values in a table of their own")
}

fn list(destroyed: &[Destroys]) -> String {
    const SHOWN: usize = 6;
    let mut names: Vec<String> = destroyed.iter().map(|d| format!("`{d}`")).collect();
    names.dedup();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Whether a copy of it was made before.
fn is_kept(subject: &Subject<'_>, side: &Side<'_>, index: usize, destroyed: &Destroys) -> bool {
    let (table, columns): (&str, Vec<&str>) = match destroyed {
        Destroys::Everything(_) => return false,
        Destroys::Table(table) | Destroys::Rows(table) => (table, Vec::new()),
        Destroys::Column { table, column } => (table, vec![column]),
        Destroys::Values { table, columns } => {
            (table, columns.iter().map(String::as_str).collect())
        }
    };
    let earlier = &side.statements[..index];
    earlier
        .iter()
        .any(|statement| copies(subject, side, statement, table, &columns))
}

/// Whether an earlier statement copies from the table: names it, and the column if there is one, as a source.
fn copies(
    subject: &Subject<'_>,
    side: &Side<'_>,
    statement: &Statement,
    table: &str,
    columns: &[&str],
) -> bool {
    let is_copy = matches!(
        statement.kind,
        StatementKind::Create(ObjectClass::Table)
            | StatementKind::Other(Command::Insert | Command::Update | Command::Merge)
    );
    if !is_copy {
        return false;
    }
    let words = words(subject, side, statement.span);
    let reads_all = words.iter().any(|word| word == "*");
    let names = |name: &str| {
        words
            .iter()
            .skip(1)
            .any(|word| word.eq_ignore_ascii_case(name))
    };
    names(bare(table)) && columns.iter().all(|column| reads_all || names(column))
}

fn words(subject: &Subject<'_>, side: &Side<'_>, span: Span) -> Vec<String> {
    Tokens::new(&side.script.text, span, subject.dialect)
        .filter(|token| token.is_significant())
        .map(|token| token.text.trim_matches(['"', '`', '[', ']']).to_owned())
        .collect()
}
