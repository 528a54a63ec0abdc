//! Lines for people: a prefix that the server is told, a severity, the message; lines that go on begin with a tab.

use super::entry::Entry;

/// What stands before an entry's message, and before what more is said of it.
const SEVERITIES: [&str; 10] = [
    "LOG", "ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "INFO", "DEBUG1", "DEBUG2", "DEBUG5",
];
const MORE: [&str; 7] = [
    "DETAIL",
    "HINT",
    "QUERY",
    "CONTEXT",
    "LOCATION",
    "STATEMENT",
    "BACKTRACE",
];

pub(super) fn read(text: &str, take: &mut dyn FnMut(Option<Entry>)) {
    let mut open: Option<(Entry, Part)> = None;
    for line in text.lines() {
        if let (Some(more), Some((entry, part))) = (line.strip_prefix('\t'), &mut open) {
            let text = part.of(entry);
            text.push('\n');
            text.push_str(more);
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        match (Line::of(line), &mut open) {
            (Some(Line { word, text, .. }), Some((entry, part))) if MORE.contains(&word) => {
                *part = match word {
                    "DETAIL" => Part::Detail,
                    _ => Part::Other(String::new()),
                };
                part.of(entry).push_str(text);
            }
            (Some(line), _) if SEVERITIES.contains(&line.word) => {
                if let Some((entry, _)) = open.take() {
                    take(Some(entry));
                }
                open = Some((line.entry(), Part::Message));
            }
            _ => {
                if let Some((entry, _)) = open.take() {
                    take(Some(entry));
                }
                take(None);
            }
        }
    }
    if let Some((entry, _)) = open {
        take(Some(entry));
    }
}

/// Which part of an entry goes on.
enum Part {
    Message,
    Detail,
    Other(String),
}

impl Part {
    fn of<'p>(&'p mut self, entry: &'p mut Entry) -> &'p mut String {
        match self {
            Self::Message => &mut entry.message,
            Self::Detail => &mut entry.detail,
            Self::Other(text) => text,
        }
    }
}

/// A first line, taken apart at its severity.
struct Line<'l> {
    prefix: &'l str,
    word: &'l str,
    text: &'l str,
}

impl<'l> Line<'l> {
    /// The first severity in the line: what stands before it is the prefix.
    fn of(line: &'l str) -> Option<Self> {
        let found = SEVERITIES.iter().chain(&MORE).filter_map(|word| {
            let sign = format!("{word}:  ");
            let at = line
                .match_indices(&sign)
                .map(|(at, _)| at)
                .find(|at| !line[..*at].ends_with(|c: char| c.is_alphanumeric()))?;
            Some((at, *word))
        });
        let (at, word) = found.min()?;
        Some(Self {
            prefix: &line[..at],
            word,
            text: &line[at + word.len() + 3..],
        })
    }

    fn entry(&self) -> Entry {
        let database = self.prefix.split_once('@').and_then(|(_, rest)| {
            let end = rest
                .find(|c: char| c == '/' || c.is_whitespace() || c == ',')
                .unwrap_or(rest.len());
            Some(rest[..end].to_owned()).filter(|name| !name.is_empty())
        });
        let ours = self
            .prefix
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .any(|part| part == "tightrope");
        Entry {
            // The process is in brackets in the prefix that everybody uses; else entries of one prefix belong together.
            session: match self
                .prefix
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'))
            {
                Some((process, _)) => process.to_owned(),
                None => String::new(),
            },
            database,
            application: ours.then(|| "tightrope".to_owned()),
            severity: self.word.to_owned(),
            message: self.text.to_owned(),
            detail: String::new(),
        }
    }
}
