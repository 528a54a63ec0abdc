//! Which rows a copy holds, and what of them is masked.

use tightrope_model::grouped;
use tightrope_selection::{SampledTable, SelectionReport};
use tightrope_store::Extrapolated;

use crate::page::Page;
use crate::words::{duration, plural};

/// How many tables, or columns, are named.
const MOST: usize = 4;

/// What a copy holds, in lines below the one that says how it was made.
pub(crate) fn show(page: &mut Page<'_>, selection: &SelectionReport) {
    if let Some(sample) = sample_in_words(selection) {
        page.field("sample  ", &sample);
        let largest = largest(selection);
        if !largest.is_empty() {
            page.field("        ", &largest);
        }
    }
    if !selection.masked.is_empty() {
        page.field("masked  ", &some(&selection.masked));
    }
}

/// `on all rows 12 s to 40 s, most likely 20 s: extrapolated from …`.
pub(crate) fn on_all_rows(time: Option<&Extrapolated>) -> String {
    match time {
        Some(time) => format!(
            "on all rows {} to {}, most likely {}: extrapolated from {} on the sample and {} without rows",
            duration(time.least_ms),
            duration(time.most_ms),
            duration(time.likely_ms),
            duration(time.on_sample_ms),
            duration(time.without_rows_ms)
        ),
        None => {
            "on all rows unknown: there is no second measurement to extrapolate from".to_owned()
        }
    }
}

/// `5 %, seed 7: 1 200 of 24 000 rows, 300 of them for what refers to them`.
fn sample_in_words(selection: &SelectionReport) -> Option<String> {
    let share = selection.sample.as_ref()?;
    let seed = selection.seed.unwrap_or_default();
    let (rows, of) = selection.rows();
    let about = match selection.tables.iter().any(|table| table.estimated) {
        true => "about ",
        false => "",
    };
    let referred: u64 = selection.tables.iter().map(|table| table.referred).sum();
    let referred = match referred {
        0 => String::new(),
        rows => format!(", {} of them because others refer to them", grouped(rows)),
    };
    Some(format!(
        "{share}, seed {seed}: {} of {about}{} rows{referred}",
        grouped(rows),
        grouped(of)
    ))
}

/// The largest tables that are not whole.
fn largest(selection: &SelectionReport) -> String {
    let mut parts: Vec<&SampledTable> = selection
        .tables
        .iter()
        .filter(|table| table.rows < table.of)
        .collect();
    parts.sort_by_key(|table| std::cmp::Reverse(table.of));
    let words: Vec<String> = parts
        .iter()
        .map(|table| {
            format!(
                "{} {} of {}",
                table.table,
                grouped(table.rows),
                grouped(table.of)
            )
        })
        .collect();
    let whole = selection.tables.len() - parts.len();
    let mut text = some(&words);
    if whole > 0 && !text.is_empty() {
        text.push_str(&format!(
            "; {} whole",
            plural(whole as u64, "table", "tables")
        ));
    }
    text
}

fn some(words: &[String]) -> String {
    let shown = words.iter().take(MOST).cloned().collect::<Vec<_>>();
    match words.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;

    #[test]
    fn a_copy_says_what_it_holds() {
        let table = |table: &str, rows, referred, of| SampledTable {
            table: table.to_owned(),
            rows,
            referred,
            of,
            estimated: of > 100_000,
        };
        let selection = SelectionReport {
            sample: Some("5 %".to_owned()),
            seed: Some(7),
            tables: vec![
                table("countries", 200, 0, 200),
                table("customers", 900, 400, 10_000),
                table("orders", 12_000, 0, 240_000),
            ],
            masked: vec!["customers.email: keep format".to_owned()],
        };
        let style = test_style();
        let mut page = Page::new(&style);
        show(&mut page, &selection);
        insta::assert_snapshot!(page.end("", 0), @r"
        sample  5 %, seed 7: 13 100 of about 250 200 rows, 400 of them because others
                refer to them
                orders 12 000 of 240 000, customers 900 of 10 000; 1 table whole
        masked  customers.email: keep format
        ");
    }
}
