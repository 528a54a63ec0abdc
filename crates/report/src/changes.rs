//! Change logs of backups: carried out, ended, replayed.

use serde_json::{Value, json};
use tightrope_lifecycle::{CarriedOut, LogEnded, LogStanding, ReplayedChanges};

use crate::Style;
use crate::page::Page;
use crate::words::{bytes, duration, instant, plural};

/// Changes of which each is told; the others are in the record.
const SHOWN: usize = 5;

/// What was carried out.
pub fn carried(carried: &CarriedOut, style: &Style) -> String {
    let mut page = Page::new(style);
    let facts = match carried.changes {
        0 => "nothing new".to_owned(),
        changes => format!(
            "{}, {}",
            plural(changes, "change", "changes"),
            bytes(carried.bytes)
        ),
    };
    page.spread(&style.bold(&carried.backup), &facts);
    page.field(
        "  up to   ",
        &format!("{}, the recovery point", instant(&carried.recovery_point)),
    );
    if !carried.unlogged.is_empty() {
        let words = format!(
            "changes of these are not logged: {}",
            carried.unlogged.join(", ")
        );
        page.field(&format!("  {} ", style.careful("warning")), &words);
    }
    page.end("", 0)
}

/// The logs that were ended.
pub fn logs_ended(ended: &[LogEnded], style: &Style) -> String {
    let mut page = Page::new(style);
    for one in ended {
        let name = one
            .backup
            .as_deref()
            .unwrap_or("of no backup in this place");
        page.spread(&style.bold(name), &format!("{} freed", bytes(one.bytes)));
        let carried = format!(
            "{} carried out beside the backup first",
            plural(one.carried, "change", "changes")
        );
        page.field("  ", &carried);
    }
    let text = match ended.is_empty() {
        true => "No changes are logged.",
        false => "No changes are logged any more.",
    };
    page.end(text, 0)
}

/// How the change log of a backup stands, as lines of the list.
pub(crate) fn standing_line(page: &mut Page<'_>, log: &LogStanding) {
    let carried = match &log.recovery_point {
        None => "nothing carried out yet".to_owned(),
        Some(at) => format!(
            "carried out up to {} ({}, {})",
            instant(at),
            plural(log.carried, "change", "changes"),
            bytes(log.carried_bytes)
        ),
    };
    let words = match (log.goes_on, &log.ended) {
        (true, _) => format!(
            "changes are logged: {} in the database, {carried}",
            bytes(log.waiting_bytes)
        ),
        (false, Some(ended)) => format!("changes {carried}; the log has ended: {ended}"),
        (false, None) => format!("changes {carried}; the database has the log no more"),
    };
    page.field("    ", &words);
    for damage in &log.damage {
        let words = damage.to_string();
        page.field("    ", &page.style.bad(&words));
    }
}

/// What was replayed, as lines of the page on the restore.
pub(crate) fn replayed_lines(page: &mut Page<'_>, replayed: &ReplayedChanges) {
    let style = page.style;
    page.field(
        "  replay  ",
        &style.good(&format!(
            "{} in {}",
            plural(replayed.changes, "change", "changes"),
            duration(replayed.carry_ms + replayed.replay_ms)
        )),
    );
    let source = match replayed.read_from_database {
        true => ", read from the database itself at the end",
        false => ", from what was carried out",
    };
    let what = match replayed.is_whole() {
        true => "committed",
        // Where something was not logged or has no place, it is named below.
        false => "logged",
    };
    page.field(
        "  point   ",
        &format!(
            "all that was {what} up to {} is there{source}",
            instant(&replayed.recovery_point)
        ),
    );
    if replayed.left_out > 0 {
        let words = format!(
            "{} written later, left out as you asked",
            plural(replayed.left_out, "change", "changes")
        );
        page.field("          ", &words);
    }
    if !replayed.unreplayed.is_empty() {
        let words = format!(
            "{} could not be replayed; whole in {}",
            plural(replayed.unreplayed.len() as u64, "change", "changes"),
            replayed.record
        );
        page.field("  missing ", &style.bad(&words));
        for one in replayed.unreplayed.iter().take(SHOWN) {
            page.field("          ", &format!("`{}`: {}", one.table, one.because));
        }
    }
    for remark in &replayed.remarks {
        page.field(&format!("  {} ", style.careful("remark ")), remark);
    }
}

/// What was carried out, as JSON.
pub fn carried_json(carried: &CarriedOut) -> Value {
    json!(carried)
}

/// The logs that were ended, as JSON.
pub fn logs_ended_json(ended: &[LogEnded]) -> Value {
    json!({ "ended": ended })
}
