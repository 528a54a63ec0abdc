//! `csvlog`: the columns are those of the server's documentation, and newer versions add theirs at the end.

use super::entry::Entry;

const DATABASE: usize = 2;
const SESSION: usize = 5;
const SEVERITY: usize = 11;
const MESSAGE: usize = 13;
const DETAIL: usize = 14;
const APPLICATION: usize = 22;

/// Whether a first line looks like it: a time, and as many columns as the oldest version has.
pub(super) fn looks_like(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_digit()) && line.split(',').count() > MESSAGE && {
        let columns: Vec<&str> = line.split(',').collect();
        columns.get(SEVERITY).is_some_and(|severity| {
            !severity.is_empty()
                && severity
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        })
    }
}

pub(super) fn read(text: &str, take: &mut dyn FnMut(Option<Entry>)) {
    let mut rest = text;
    while !rest.is_empty() {
        let (record, length) = record(rest);
        rest = &rest[length..];
        if record.len() > 1 {
            take(entry(&record));
        }
    }
}

/// The columns of the first record, and its length with its line break. A quote that is never closed takes one line only.
fn record(text: &str) -> (Vec<String>, usize) {
    let mut columns = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let column = columns.len() - 1;
        match character {
            '"' if quoted && characters.next_if(|next| next.1 == '"').is_some() => {
                columns[column].push('"')
            }
            '"' => quoted = !quoted,
            ',' if !quoted => columns.push(String::new()),
            '\n' if !quoted => return (columns, at + 1),
            character => columns[column].push(character),
        }
    }
    match quoted {
        true => {
            let line = text.find('\n').map_or(text.len(), |at| at + 1);
            (vec![String::new(), String::new()], line)
        }
        false => (columns, text.len()),
    }
}

fn entry(columns: &[String]) -> Option<Entry> {
    let column = |at: usize| columns.get(at).cloned();
    Some(Entry {
        session: column(SESSION).filter(|session| !session.is_empty())?,
        database: column(DATABASE).filter(|name| !name.is_empty()),
        application: column(APPLICATION),
        severity: column(SEVERITY)?,
        message: column(MESSAGE)?,
        detail: column(DETAIL)?,
    })
}
