//! Rows that did not come back: what they were, and what the rollback made of them.

use tightrope_model::{RowSample, cut_where_they_differ};

use crate::page::{Page, pad, visible};
use crate::words::cut;

const INDENT: &str = "           ";
const BEFORE: &str = "before          ";
const AFTER: &str = "after rollback  ";
/// The most that a key takes of a line; a longer one gets a line of its own.
const LONGEST_KEY: usize = 20;
/// How much is shown of each value where a row differs in several.
const ONE_OF_SEVERAL: usize = 40;

type Values = [(String, Option<String>)];

/// Shows sample rows: the key once, and what differs in two lines, one above the other.
pub(crate) fn show(page: &mut Page<'_>, samples: &[RowSample]) {
    let keys: Vec<String> = samples.iter().map(|sample| key(&sample.key)).collect();
    let beside = keys
        .iter()
        .map(|key| visible(key))
        .filter(|length| *length <= LONGEST_KEY)
        .max()
        .unwrap_or(0);
    for (sample, key) in samples.iter().zip(&keys) {
        let gap = if beside > 0 { 2 } else { 0 };
        let mut first = format!("{INDENT}{}", pad(key, beside + gap));
        if visible(key) > beside {
            page.field(INDENT, key);
            first = format!("{INDENT}{}", " ".repeat(beside + gap));
        }
        let next = " ".repeat(visible(&first));
        let room = page
            .style
            .width
            .saturating_sub(visible(&next) + AFTER.len());
        let (before, after) = in_words(sample, room.max(ONE_OF_SEVERAL / 2));
        page.field(&format!("{first}{BEFORE}"), &before);
        page.field(&format!("{next}{AFTER}"), &after);
    }
}

/// `id 7`; a key that is no number stands in quotes.
fn key(values: &Values) -> String {
    let shown: Vec<String> = values
        .iter()
        .map(|(column, value)| match value.as_deref() {
            Some(value) if value.parse::<i128>().is_ok() => format!("{column} {value}"),
            value => format!("{column} {}", quoted(value, ONE_OF_SEVERAL)),
        })
        .collect();
    shown.join(", ")
}

fn in_words(sample: &RowSample, room: usize) -> (String, String) {
    match (&sample.before[..], &sample.after[..]) {
        ([], []) => ("there".to_owned(), "different".to_owned()),
        (before, []) => (one_side(before, room), "missing".to_owned()),
        ([], after) => ("not there".to_owned(), one_side(after, room)),
        (before, after) => both(before, after, room),
    }
}

fn one_side(values: &Values, room: usize) -> String {
    let longest = if values.len() == 1 {
        room
    } else {
        ONE_OF_SEVERAL
    };
    let shown: Vec<String> = values
        .iter()
        .map(|(column, value)| format!("{column} {}", quoted(value.as_deref(), longest)))
        .collect();
    shown.join(", ")
}

/// Both sides of what differs. A single column's name stands above, with the number of rows.
fn both(before: &Values, after: &Values, room: usize) -> (String, String) {
    if let ([(_, before)], [(_, after)]) = (before, after) {
        return pair(before.as_deref(), after.as_deref(), room);
    }
    let mut sides = (Vec::new(), Vec::new());
    for (column, before) in before {
        let after = after.iter().find(|(name, _)| name == column);
        let after = after.and_then(|(_, value)| value.as_deref());
        let (before, after) = pair(before.as_deref(), after, ONE_OF_SEVERAL);
        sides.0.push(format!("{column} {before}"));
        sides.1.push(format!("{column} {after}"));
    }
    (sides.0.join(", "), sides.1.join(", "))
}

/// Two values, cut so that one sees where they differ.
fn pair(before: Option<&str>, after: Option<&str>, longest: usize) -> (String, String) {
    let (Some(before), Some(after)) = (before, after) else {
        return (quoted(before, longest), quoted(after, longest));
    };
    let (before, after) = (cut(before, usize::MAX), cut(after, usize::MAX));
    let (before, after) = cut_where_they_differ(&before, &after, longest.saturating_sub(2));
    (format!("'{before}'"), format!("'{after}'"))
}

fn quoted(value: Option<&str>, longest: usize) -> String {
    match value {
        Some(value) => format!("'{}'", cut(value, longest.saturating_sub(2))),
        None => "NULL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;

    fn values(values: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        values
            .iter()
            .map(|(column, value)| ((*column).to_owned(), value.map(str::to_owned)))
            .collect()
    }

    fn shown(samples: &[RowSample]) -> String {
        let style = test_style();
        let mut page = Page::new(&style);
        show(&mut page, samples);
        page.end("", 0)
    }

    fn sample(
        key: &[(&str, Option<&str>)],
        before: &[(&str, Option<&str>)],
        after: &[(&str, Option<&str>)],
    ) -> RowSample {
        RowSample {
            key: values(key),
            before: values(before),
            after: values(after),
        }
    }

    #[test]
    fn several_rows_stand_below_each_other() {
        let long = "x".repeat(90);
        let other = format!("{long} and more");
        let rows = [
            sample(
                &[("id", Some("7"))],
                &[("name", Some("Ana María Núñez"))],
                &[("name", Some("Ana Núñez"))],
            ),
            sample(
                &[("id", Some("1204"))],
                &[("name", Some(&long))],
                &[("name", Some(&other))],
            ),
            sample(&[("id", Some("8"))], &[("name", Some("Li"))], &[]),
            sample(&[("id", Some("9"))], &[], &[("name", None)]),
        ];
        insta::assert_snapshot!(shown(&rows), @r"
                   id 7     before          'Ana María Núñez'
                            after rollback  'Ana Núñez'
                   id 1204  before          '…xxxxxxxxxxxxxx'
                            after rollback  '…xxxxxxxxxxxxxx and more'
                   id 8     before          name 'Li'
                            after rollback  missing
                   id 9     before          not there
                            after rollback  name NULL
        ");
    }

    #[test]
    fn several_columns_keep_their_names_and_a_long_key_its_line() {
        let rows = [
            sample(
                &[("tenant", Some("a-rather-long-name")), ("id", Some("7"))],
                &[("first", Some("Ana")), ("age", Some("7"))],
                &[("first", None), ("age", Some("8"))],
            ),
            sample(&[], &[("first", Some("Ana"))], &[("first", Some("Li"))]),
        ];
        insta::assert_snapshot!(shown(&rows), @r"
                   tenant 'a-rather-long-name', id 7
                   before          first 'Ana', age '7'
                   after rollback  first NULL, age '8'
                   before          'Ana'
                   after rollback  'Li'
        ");
    }
}
