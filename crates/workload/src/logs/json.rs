//! `jsonlog`: an object a line.

use serde_json::Value;

use super::entry::Entry;

pub(super) fn read(text: &str, take: &mut dyn FnMut(Option<Entry>)) {
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        take(entry(line));
    }
}

fn entry(line: &str) -> Option<Entry> {
    let object: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| object[name].as_str().map(str::to_owned);
    Some(Entry {
        session: text("session_id")
            .or_else(|| object["pid"].as_u64().map(|pid| pid.to_string()))?,
        database: text("dbname"),
        application: text("application_name"),
        severity: text("error_severity")?,
        message: text("message")?,
        detail: text("detail").unwrap_or_default(),
    })
}
