//! What happened: the ledger, newest last.

use serde_json::{Value, json};
use tightrope_lifecycle::Log;
use tightrope_store::LedgerEntry;

use crate::Style;
use crate::page::{Page, pad};
use crate::words::{duration, instant, plural_of};

/// The ledger, and whether its chain is whole.
pub fn log(log: &Log, exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    if log.entries.is_empty() {
        return page.end("Nothing has happened here yet.", exit);
    }
    for entry in &log.entries {
        show(&mut page, entry);
    }
    page.gap();
    let count = plural_of(&log.entries, "entry", "entries");
    match &log.broken {
        None => page.end(
            &format!("{count}, the chain of digests is whole. Times are UTC."),
            exit,
        ),
        Some(broken) => {
            page.line(style.bad(&broken.to_string()));
            page.end(
                "The ledger was tampered with: what follows that entry cannot be trusted.",
                exit,
            )
        }
    }
}

fn show(page: &mut Page<'_>, entry: &LedgerEntry) {
    let style = page.style;
    let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
    let text = |name: &str| detail[name].as_str().map(str::to_owned);
    let what = match (&entry.version, text("name")) {
        (Some(version), Some(name)) if !name.is_empty() => format!("{version}_{name}"),
        (Some(version), _) => version.clone(),
        (None, _) => String::new(),
    };
    let action = match entry.action.contains("failed") {
        true => style.bad(&pad(&entry.action, 15)),
        false => style.bold(&pad(&entry.action, 15)),
    };
    page.line(format!("{}  {action}  {what}", instant(&entry.at)));
    let indent = " ".repeat(21);
    page.field(&indent, &style.faint(&format!("by {}", entry.actor)));
    let mut facts = Vec::new();
    for (key, words) in [("forward_ms", "ran for"), ("rollback_ms", "ran for")] {
        facts.extend(
            detail[key]
                .as_u64()
                .map(|milliseconds| format!("{words} {}", duration(milliseconds))),
        );
    }
    facts.extend(text("certificate").map(|_| "certified".to_owned()));
    facts.extend(text("schema").map(|schema| format!("schema {schema}")));
    for (key, words) in [
        ("unrehearsed", "unrehearsed"),
        ("drift_accepted", "drift accepted"),
        ("unproven", "unproven"),
    ] {
        facts.extend(text(key).map(|reason| format!("{words}: {reason}")));
    }
    facts.extend(text("error").or_else(|| text("what")));
    if !facts.is_empty() {
        page.field(&indent, &facts.join(", "));
    }
}

/// The ledger as JSON; each entry's detail is the text that was digested.
pub fn log_json(log: &Log) -> Value {
    json!({ "entries": log.entries, "intact": log.broken.is_none(), "broken": log.broken })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_model::Digest;
    use tightrope_store::LedgerBreak;

    fn entry(action: &str, detail: Value) -> LedgerEntry {
        LedgerEntry {
            sequence: 1,
            at: "2026-01-02T11:00:00.123456Z".to_owned(),
            actor: "me@host, process 7, `tightrope apply`".to_owned(),
            action: action.to_owned(),
            version: Some("0042".to_owned()),
            detail: detail.to_string(),
            previous: Digest::of(""),
            digest: Digest::of(""),
        }
    }

    #[test]
    fn what_happened_and_whether_it_can_be_trusted() {
        let entries = vec![
            entry(
                "applied",
                json!({"name": "drop", "forward_ms": 4, "unrehearsed": "first day"}),
            ),
            entry(
                "failed",
                json!({"name": "more", "error": "no such table: orders"}),
            ),
        ];
        let whole = Log {
            entries: entries.clone(),
            broken: None,
        };
        insta::assert_snapshot!(log(&whole, 0, &test_style()), @r"
        2026-01-02 11:00:00  applied          0042_drop
                             by me@host, process 7, `tightrope apply`
                             ran for 4 ms, unrehearsed: first day
        2026-01-02 11:00:00  failed           0042_more
                             by me@host, process 7, `tightrope apply`
                             no such table: orders

        2 entries, the chain of digests is whole. Times are UTC.
        ");
        let broken = LedgerBreak {
            sequence: 2,
            what: "its content was changed after it was written".to_owned(),
        };
        let broken = Log {
            entries,
            broken: Some(broken),
        };
        insta::assert_snapshot!(log(&broken, 1, &test_style()), @r"
        2026-01-02 11:00:00  applied          0042_drop
                             by me@host, process 7, `tightrope apply`
                             ran for 4 ms, unrehearsed: first day
        2026-01-02 11:00:00  failed           0042_more
                             by me@host, process 7, `tightrope apply`
                             no such table: orders

        ledger entry 2: its content was changed after it was written
        The ledger was tampered with: what follows that entry cannot be trusted.  exit 1
        ");
    }
}
