//! Findings: what a person should look at in a folder.

use serde_json::{Value, json};
use tightrope_model::{Finding, Severity};

use crate::page::Page;
use crate::words::plural;
use crate::{Lines, Style, place};

/// Findings with the lines that they are about, and how many there are of each severity.
pub fn findings(findings: &[Finding], lines: Lines<'_>, exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    for finding in findings {
        page.gap();
        show(&mut page, finding, lines);
    }
    page.gap();
    let count = |severity| {
        findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count() as u64
    };
    let parts: Vec<String> = [
        (count(Severity::Error), "error", "errors"),
        (count(Severity::Warning), "warning", "warnings"),
        (count(Severity::Note), "note", "notes"),
    ]
    .into_iter()
    .filter(|(count, _, _)| *count > 0)
    .map(|(count, one, many)| plural(count, one, many))
    .collect();
    let sum = if parts.is_empty() {
        "No findings.".to_owned()
    } else {
        format!("{}.", parts.join(", "))
    };
    page.end(&sum, exit)
}

/// One finding: `file:line:column: severity[rule]: message`, the line, the hint.
pub(crate) fn show(page: &mut Page<'_>, finding: &Finding, lines: Lines<'_>) {
    let style = page.style;
    let severity = style.severity(
        &format!("{}[{}]", finding.severity, finding.rule),
        finding.severity,
    );
    match &finding.place {
        Some(place) => page.line(format!("{place}: {severity}: {}", finding.message)),
        None => page.line(format!("{severity}: {}", finding.message)),
    }
    if let Some(place) = &finding.place
        && let Some(line) = lines(place)
    {
        place::show(page, place, &line, "");
    }
    if let Some(hint) = &finding.hint {
        page.hint(hint);
    }
}

/// Findings on a screen that is about something else: warnings and notes in a line or two each.
pub(crate) fn short_findings(page: &mut Page<'_>, findings: &[Finding]) {
    const MOST: usize = 5;
    let style = page.style;
    for finding in findings.iter().take(MOST) {
        let label = format!(
            "{}  ",
            style.severity(&finding.severity.to_string(), finding.severity)
        );
        let text = match &finding.place {
            Some(place) => format!("{} ({place})", finding.message),
            None => finding.message.clone(),
        };
        page.field(&label, &text);
    }
    if findings.len() > MOST {
        let more = plural(
            (findings.len() - MOST) as u64,
            "more finding",
            "more findings",
        );
        page.line(format!("{more}: `tightrope check` shows them"));
    }
}

/// Findings as JSON.
pub fn findings_json(findings: &[Finding]) -> Value {
    let count = |severity| {
        findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    json!({
        "findings": findings,
        "errors": count(Severity::Error),
        "warnings": count(Severity::Warning),
        "notes": count(Severity::Note),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_model::Place;

    #[test]
    fn findings_show_their_line() {
        let place = Place {
            line: 3,
            column: 1,
            ..Place::file("migrations/1_a/up.sql")
        };
        let found = [
            Finding::new(
                Severity::Error,
                "own-transaction",
                "the script commits by itself",
            )
            .at(place)
            .hint("remove the COMMIT; the script runs in one transaction already"),
            Finding::new(
                Severity::Warning,
                "no-rollback",
                "`1_a` has no rollback script",
            ),
        ];
        let lines = |_: &Place| Some("commit;".to_owned());
        insta::assert_snapshot!(findings(&found, &lines, 3, &test_style()), @r"
        migrations/1_a/up.sql:3:1: error[own-transaction]: the script commits by itself
          3 | commit;
            | ^^^^^^
          hint: remove the COMMIT; the script runs in one transaction already

        warning[no-rollback]: `1_a` has no rollback script

        1 error, 1 warning.                                                       exit 3
        ");
    }

    #[test]
    fn nothing_found_is_said() {
        insta::assert_snapshot!(findings(&[], &|_| None, 0, &test_style()), @r"No findings.");
    }
}
