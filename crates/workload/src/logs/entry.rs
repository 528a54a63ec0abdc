//! One entry of a log, and what entries together tell: which statement ran, for how long, with which parameters.

use std::collections::HashMap;

use crate::{Collector, Seen};

/// One entry of a log, whatever its format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The process or session that wrote it.
    pub(super) session: String,
    /// The database; none where the format does not say.
    pub(super) database: Option<String>,
    /// The client's name for itself; none where the format does not say.
    pub(super) application: Option<String>,
    /// `LOG`, `ERROR`, …
    pub(super) severity: String,
    pub(super) message: String,
    pub(super) detail: String,
}

/// Puts entries together.
pub(super) struct Calls<'d> {
    database: Option<&'d str>,
    /// Statements whose time comes in an entry of its own, by session.
    open: HashMap<String, Seen>,
    statements: u64,
}

/// What an entry tells.
enum Told<'e> {
    /// A statement ran, and took so long where that is said.
    Ran { text: &'e str, ms: Option<f64> },
    /// How long the statement before it took.
    Took(f64),
    /// Nothing of a statement's run.
    Nothing,
}

impl<'d> Calls<'d> {
    pub(super) fn new(database: Option<&'d str>) -> Self {
        Self {
            database,
            open: HashMap::new(),
            statements: 0,
        }
    }

    pub(super) fn take(&mut self, entry: Entry, collector: &mut Collector) {
        match told(&entry) {
            Told::Nothing => {}
            Told::Took(ms) => {
                if let Some(mut seen) = self.open.remove(&entry.session) {
                    seen.total_ms = ms;
                    collector.add(&seen);
                }
            }
            Told::Ran { text, ms } => {
                self.close(&entry.session, collector);
                self.statements += 1;
                if let Some(why) = self.stranger(&entry) {
                    return collector.leave_out(why, 1);
                }
                let executed = executed(text, &entry.detail);
                let seen = Seen {
                    text: executed.map_or(text, |(prepared, _)| prepared).to_owned(),
                    calls: 1,
                    total_ms: ms.unwrap_or_default(),
                    parameters: match executed {
                        Some((_, arguments)) => literals(arguments),
                        None => parameters(&entry.detail),
                    },
                };
                match ms {
                    Some(_) => collector.add(&seen),
                    None => drop(self.open.insert(entry.session, seen)),
                }
            }
        }
    }

    /// Takes the statements whose time has never come; gives how many statements there were.
    pub(super) fn finish(mut self, collector: &mut Collector) -> u64 {
        let mut sessions: Vec<String> = self.open.keys().cloned().collect();
        sessions.sort();
        for session in sessions {
            self.close(&session, collector);
        }
        self.statements
    }

    fn close(&mut self, session: &str, collector: &mut Collector) {
        if let Some(seen) = self.open.remove(session) {
            collector.add(&seen);
        }
    }

    /// Why the entry is not the application's.
    fn stranger(&self, entry: &Entry) -> Option<&'static str> {
        let ours = entry
            .application
            .as_deref()
            .is_some_and(|name| name.starts_with("tightrope"));
        if ours {
            return Some("tightrope's own queries");
        }
        let (wanted, found) = (self.database?, entry.database.as_deref()?);
        (wanted != found).then_some("queries of other databases")
    }
}

fn told(entry: &Entry) -> Told<'_> {
    if entry.severity != "LOG" {
        return Told::Nothing;
    }
    let mut message = entry.message.as_str();
    let mut ms = None;
    if let Some(rest) = message.strip_prefix("duration: ") {
        let Some((number, rest)) = rest.split_once(" ms") else {
            return Told::Nothing;
        };
        let Ok(number) = number.trim().parse::<f64>() else {
            return Told::Nothing;
        };
        ms = Some(number);
        message = rest.trim_start();
        if message.is_empty() {
            return Told::Took(number);
        }
    }
    if let Some(text) = message.strip_prefix("statement: ") {
        return Told::Ran { text, ms };
    }
    // `parse` and `bind` are parts of a call, and a fetch goes on with one: only its execution counts.
    match message
        .strip_prefix("execute ")
        .filter(|rest| !rest.starts_with("fetch from "))
    {
        Some(rest) => match rest.split_once(": ") {
            Some((_, text)) => Told::Ran { text, ms },
            None => Told::Nothing,
        },
        None => Told::Nothing,
    }
}

/// The text and the arguments of what a statement `execute q(1)` has run, where the entry says it.
fn executed<'e>(text: &'e str, detail: &'e str) -> Option<(&'e str, &'e str)> {
    let prepared = detail.strip_prefix("prepare: ")?;
    let lower = prepared.to_ascii_lowercase();
    let text_at = lower.find(" as ")? + 4;
    let arguments = text
        .split_once('(')
        .and_then(|(_, rest)| rest.rsplit_once(')'));
    Some((
        &prepared[text_at..],
        arguments.map_or("", |(arguments, _)| arguments),
    ))
}

/// The literals of a list of arguments; none if one is anything else.
fn literals(arguments: &str) -> Vec<String> {
    let parts: Vec<String> = split_outside(arguments, ",")
        .map(|part| part.trim().to_owned())
        .collect();
    let is_plain = |part: &String| part.starts_with('\'') || part.parse::<f64>().is_ok();
    match parts.iter().all(is_plain) {
        true => parts,
        false => Vec::new(),
    }
}

/// The literals of `parameters: $1 = '1', $2 = NULL`; none if one was cut by the server.
fn parameters(detail: &str) -> Vec<String> {
    let Some(list) = detail
        .strip_prefix("parameters: ")
        .or_else(|| detail.strip_prefix("Parameters: "))
    else {
        return Vec::new();
    };
    let mut values = Vec::new();
    for (index, part) in split_outside(list, ", ").enumerate() {
        let value = part.strip_prefix(&format!("${} = ", index + 1));
        match value {
            // The server cuts long values (`log_parameter_max_length`): that is not what was sent.
            Some(value) if !value.ends_with("...'") => values.push(match value {
                "NULL" => "null".to_owned(),
                value => value.to_owned(),
            }),
            _ => return Vec::new(),
        }
    }
    values
}

/// The parts of a text between separators that stand outside quotes.
fn split_outside<'t>(text: &'t str, separator: &'t str) -> impl Iterator<Item = &'t str> {
    let mut rest = Some(text).filter(|text| !text.trim().is_empty());
    std::iter::from_fn(move || {
        let whole = rest?;
        let mut quoted = false;
        for (at, character) in whole.char_indices() {
            if character == '\'' {
                quoted = !quoted;
            } else if !quoted && whole[at..].starts_with(separator) {
                rest = Some(&whole[at + separator.len()..]);
                return Some(&whole[..at]);
            }
        }
        rest = None;
        Some(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_literals() {
        let check = |detail: &str, expect: &[&str]| assert_eq!(parameters(detail), expect);
        check("parameters: $1 = '1', $2 = NULL", &["'1'", "null"]);
        check("Parameters: $1 = 'a, $2 = ''b'''", &["'a, $2 = ''b'''"]);
        check("parameters: $1 = 'long...'", &[]);
        check("prepare: prepare q as select 1", &[]);
        check("parameters: $2 = '1'", &[]);
    }

    #[test]
    fn what_is_executed_by_name_is_known_by_its_text() {
        let detail = "prepare: prepare q (int) as select a from t where b = $1;";
        assert_eq!(
            executed("execute q(1);", detail),
            Some(("select a from t where b = $1;", "1"))
        );
        assert_eq!(literals("1, 'a,b'"), ["1", "'a,b'"]);
        assert_eq!(literals("now()"), Vec::<String>::new());
    }
}
