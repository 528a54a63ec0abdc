use std::collections::BTreeMap;

use serde::Serialize;

/// The rows that a query gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The values as text, NULL as none.
    pub rows: Vec<Vec<Option<String>>>,
}

/// How two answers differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "rows", rename_all = "kebab-case")]
pub enum RowsDiffer {
    /// A column of before is not there any more.
    Column {
        /// Which.
        column: String,
    },
    /// The rows are the same, and come in another order.
    Order {
        /// The first place, from 1, at which another row stands.
        at: usize,
        /// The row that stood there.
        before: String,
        /// The row that stands there now.
        after: String,
    },
    /// Rows are missing, or were not there before.
    Rows {
        /// How many there were.
        before: usize,
        /// How many there are.
        after: usize,
        /// How many of before are missing.
        missing: usize,
        /// How many are new.
        extra: usize,
        /// One that is missing.
        gone: Option<String>,
        /// One that is new.
        new: Option<String>,
    },
}

impl RowsDiffer {
    /// The difference in words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Column { column } => format!("gives no column `{column}` any more"),
            Self::Order { at, before, after } => {
                format!("gives the same rows in another order: row {at} was {before}, is {after}")
            }
            Self::Rows {
                before,
                after,
                missing,
                extra,
                gone,
                new,
            } => {
                let example = match (gone, new) {
                    (Some(gone), Some(new)) => format!(": {gone} is gone, {new} is new"),
                    (Some(gone), None) => format!(": {gone} is gone"),
                    (None, Some(new)) => format!(": {new} is new"),
                    (None, None) => String::new(),
                };
                format!(
                    "gives other rows, {before} before and {after} now, {missing} missing, {extra} new{example}"
                )
            }
        }
    }
}

/// Compares two answers to one query over the columns of the first: to the letter, and in their order where that counts.
///
/// Columns that have been added are no difference: a program that reads by name does not see them.
pub fn compare_rows(before: &Answer, after: &Answer, ordered: bool) -> Option<RowsDiffer> {
    let now = match aligned(&before.columns, after) {
        Ok(now) => now,
        Err(column) => return Some(RowsDiffer::Column { column }),
    };
    let then: Vec<Row<'_>> = before.rows.iter().map(|row| row.iter().collect()).collect();
    let mut counts: BTreeMap<&Row<'_>, i64> = BTreeMap::new();
    for row in &then {
        *counts.entry(row).or_default() += 1;
    }
    for row in &now {
        *counts.entry(row).or_default() -= 1;
    }
    let sum = |sign: i64| -> usize {
        let counts = counts.values().map(|count| (count * sign).max(0));
        usize::try_from(counts.sum::<i64>()).unwrap_or(usize::MAX)
    };
    let (missing, extra) = (sum(1), sum(-1));
    if missing + extra > 0 {
        let one = |sign: i64| {
            let found = counts.iter().find(|(_, count)| **count * sign > 0);
            found.map(|(row, _)| shown(row))
        };
        return Some(RowsDiffer::Rows {
            before: then.len(),
            after: now.len(),
            missing,
            extra,
            gone: one(1),
            new: one(-1),
        });
    }
    let moved = then.iter().zip(&now).position(|(then, now)| then != now);
    moved.filter(|_| ordered).map(|at| RowsDiffer::Order {
        at: at + 1,
        before: shown(&then[at]),
        after: shown(&now[at]),
    })
}

/// The values of a row that are compared.
pub(crate) type Row<'a> = Vec<&'a Option<String>>;

/// The rows of an answer over the columns of another one, found by their names; the name of one that is not there.
pub(crate) fn aligned<'a>(columns: &[String], answer: &'a Answer) -> Result<Vec<Row<'a>>, String> {
    let mut places = Vec::new();
    let mut taken = vec![false; answer.columns.len()];
    for (index, column) in columns.iter().enumerate() {
        // Columns without a name of their own share one: each takes the next that is left, its own place first.
        let same = |at: &usize| !taken[*at] && answer.columns[*at] == *column;
        let place = Some(index)
            .filter(|at| *at < answer.columns.len())
            .filter(same)
            .or_else(|| (0..answer.columns.len()).find(same))
            .ok_or_else(|| column.clone())?;
        taken[place] = true;
        places.push(place);
    }
    let row = |row: &'a Vec<Option<String>>| places.iter().filter_map(|at| row.get(*at)).collect();
    Ok(answer.rows.iter().map(row).collect())
}

/// How many characters of a value are shown.
const LONGEST: usize = 24;

/// A row in short, with masks over what looks like a secret.
fn shown(row: &[&Option<String>]) -> String {
    const MOST: usize = 4;
    let values = row.iter().take(MOST).map(|value| match value {
        None => "null".to_owned(),
        Some(text) if crate::secret::looks_secret(text) => crate::sample::MASKED.to_owned(),
        Some(text) if text.chars().count() > LONGEST => {
            format!("{}…", text.chars().take(LONGEST).collect::<String>())
        }
        Some(text) => text.clone(),
    });
    let more = if row.len() > MOST { ", …" } else { "" };
    format!("({}{more})", values.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(columns: &[&str], rows: &[&[&str]]) -> Answer {
        Answer {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: rows
                .iter()
                .map(|row| row.iter().map(|value| Some((*value).to_owned())).collect())
                .collect(),
        }
    }

    #[test]
    fn order_counts_only_where_the_query_asks_for_it() {
        let before = answer(&["a"], &[&["1"], &["2"], &["2"]]);
        let after = answer(&["a"], &[&["2"], &["1"], &["2"]]);
        assert_eq!(compare_rows(&before, &after, false), None);
        let moved = compare_rows(&before, &after, true);
        assert!(
            matches!(moved, Some(RowsDiffer::Order { at: 1, .. })),
            "{moved:?}"
        );
        assert_eq!(compare_rows(&before, &before, true), None);
    }

    #[test]
    fn rows_that_come_and_go_are_counted() {
        let before = answer(&["a"], &[&["1"], &["2"], &["2"]]);
        let after = answer(&["a"], &[&["2"], &["3"]]);
        let expect = RowsDiffer::Rows {
            before: 3,
            after: 2,
            missing: 2,
            extra: 1,
            gone: Some("(1)".to_owned()),
            new: Some("(3)".to_owned()),
        };
        assert_eq!(compare_rows(&before, &after, false), Some(expect));
        // To the letter: a float that is written otherwise is another.
        assert!(
            compare_rows(
                &answer(&["a"], &[&["1.0"]]),
                &answer(&["a"], &[&["1"]]),
                false
            )
            .is_some()
        );
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let before = answer(&["a", "b"], &[&["1", "2"]]);
        let more = answer(&["b", "c", "a"], &[&["2", "3", "1"]]);
        assert_eq!(compare_rows(&before, &more, true), None);
        let less = answer(&["a", "c"], &[&["1", "2"]]);
        assert!(matches!(
            compare_rows(&before, &less, true),
            Some(RowsDiffer::Column { .. })
        ));
        let twice = answer(&["?column?", "?column?"], &[&["1", "2"]]);
        assert_eq!(compare_rows(&twice, &twice.clone(), true), None);
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let before = answer(&["a"], &[&["ana@example.org"]]);
        let differ = compare_rows(&before, &answer(&["a"], &[]), false).unwrap();
        assert!(!differ.in_words().contains("ana@"), "{}", differ.in_words());
    }
}
