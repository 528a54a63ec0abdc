//! Drills: what came out, and when the next is due.

use serde_json::{Value, json};
use tightrope_backup::{DrillRecord, DrillVerdict};
use tightrope_lifecycle::{DrillKindStatus, DrillStatus};

use crate::Style;
use crate::page::Page;
use crate::words::{ago, bytes, duration, plural};

/// How many drills of a kind are shown.
const MOST: usize = 5;

/// One drill.
pub fn drill(record: &DrillRecord, exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    one(&mut page, record);
    for finding in &record.findings {
        page.field("    ", finding);
    }
    page.gap();
    let text = match record.verdict {
        DrillVerdict::Pass => "",
        DrillVerdict::Fail => "The drill failed: the way back does not work as it is.",
    };
    page.end(text, exit)
}

fn one(page: &mut Page<'_>, record: &DrillRecord) {
    let style = page.style;
    let verdict = match record.verdict {
        DrillVerdict::Pass => style.good("pass"),
        DrillVerdict::Fail => style.bad("fail"),
    };
    let right = match record.verdict {
        DrillVerdict::Pass => format!(
            "{} for {}, {}",
            duration(record.milliseconds),
            bytes(record.bytes),
            ago(&record.at, style.now)
        ),
        DrillVerdict::Fail => ago(&record.at, style.now),
    };
    let left = format!("  {}  {verdict}  {}", record.kind.name(), record.what);
    page.spread(&left, &right);
}

/// How the drills stand.
pub fn drill_status(status: &DrillStatus, style: &Style) -> String {
    let mut page = Page::new(style);
    for kind in &status.kinds {
        page.gap();
        let when = match kind.days {
            None => "never passed".to_owned(),
            Some(0) => "passed today".to_owned(),
            Some(days) => format!("passed {} ago", plural(days, "day", "days")),
        };
        let due = if kind.overdue {
            style.bad("overdue")
        } else {
            style.good("in time")
        };
        page.spread(&format!("{}  {due}", style.bold(kind.kind.name())), &when);
        let from = kind.drills.len().saturating_sub(MOST);
        for record in &kind.drills[from..] {
            one(&mut page, record);
        }
        expected(&mut page, status, kind);
    }
    for name in &status.broken {
        page.field(
            "  ",
            &style.bad(&format!(
                "drills/{name} is no record of a drill, or was changed"
            )),
        );
    }
    page.gap();
    let overdue: Vec<&str> = status.overdue().map(|kind| kind.kind.name()).collect();
    let text = match overdue.first() {
        None => String::new(),
        Some(kind) => format!(
            "A drill is due every {} days: hold one with `tightrope drill {kind}`.",
            status.allowed_days
        ),
    };
    page.end(&text, 0)
}

fn expected(page: &mut Page<'_>, status: &DrillStatus, kind: &DrillKindStatus) {
    let (Some(prediction), Some(size)) = (kind.prediction, status.bytes) else {
        return;
    };
    let error = match prediction.measurements {
        0..3 => String::new(),
        _ => format!(", within {} %", prediction.error_percent),
    };
    page.field(
        "  ",
        &format!(
            "now, at {}: about {} (from {}{error})",
            bytes(size),
            duration(prediction.milliseconds),
            plural(prediction.measurements as u64, "drill", "drills")
        ),
    );
}

/// One drill, as JSON.
pub fn drill_json(record: &DrillRecord) -> Value {
    json!(record)
}

/// How the drills stand, as JSON.
pub fn drill_status_json(status: &DrillStatus) -> Value {
    json!(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_backup::{DrillKind, Prediction};
    use tightrope_engine::DatabaseId;

    fn record(verdict: DrillVerdict) -> DrillRecord {
        DrillRecord {
            tightrope_drill: 1,
            kind: DrillKind::Restore,
            database: DatabaseId {
                id: "7/shop".to_owned(),
                name: "shop".to_owned(),
            },
            at: "2026-01-02T10:00:00Z".to_owned(),
            what: "shop-20260102T030405Z".to_owned(),
            bytes: 2_000_000_000,
            milliseconds: 61_000,
            verdict,
            findings: vec!["48 tables, 31 204 112 rows are equal".to_owned()],
            seal: None,
            signature: None,
        }
    }

    #[test]
    fn a_status_says_when_how_long_and_what_is_due() {
        let status = DrillStatus {
            allowed_days: 90,
            bytes: Some(4_000_000_000),
            kinds: vec![
                DrillKindStatus {
                    kind: DrillKind::Restore,
                    drills: vec![record(DrillVerdict::Pass)],
                    days: Some(0),
                    overdue: false,
                    prediction: Some(Prediction {
                        milliseconds: 122_000,
                        measurements: 1,
                        error_percent: 0,
                    }),
                },
                DrillKindStatus {
                    kind: DrillKind::Rollback,
                    drills: Vec::new(),
                    days: None,
                    overdue: true,
                    prediction: None,
                },
            ],
            broken: Vec::new(),
        };
        let says = |text: &str, words: &str| {
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(words), "{words:?} is not in\n{text}");
        };
        let text = drill_status(&status, &test_style());
        says(&text, "restore in time passed today");
        says(
            &text,
            "restore pass shop-20260102T030405Z 1 min 1 s for 2.0 GB, 2 h ago",
        );
        says(&text, "now, at 4.0 GB: about 2 min 2 s (from 1 drill)");
        says(&text, "rollback overdue never passed");
        says(
            &text,
            "A drill is due every 90 days: hold one with `tightrope drill rollback`.",
        );
        let text = drill(&record(DrillVerdict::Fail), 3, &test_style());
        says(&text, "restore fail shop-20260102T030405Z");
        says(
            &text,
            "The drill failed: the way back does not work as it is.",
        );
        says(&text, "exit 3");
    }
}
